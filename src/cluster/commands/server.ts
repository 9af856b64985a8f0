import { readArgument, UsageError, type Command, type Surroundings } from './command.ts'

interface Flags {
  readonly config?: string
  readonly check?: boolean
  readonly printSchema?: boolean
}

/** `k8ts server --config FILE`: an API server with its store and nothing else, in this process until it is interrupted. */
export const server: Command = {
  define(program, run) {
    program
      .command('server')
      .description('run an API server alone, without nodes, controllers and scheduler, until interrupted')
      .option('--config <file>', 'settings of the server, as YAML or JSON')
      .option('--check', 'look for mistakes in the settings, and end')
      .option('--print-schema', 'print the JSON schema of the settings, for editors, and end')
      .addHelpText('after', examples)
      .action((flags: Flags) => run((surroundings) => carryOut(surroundings, flags)))
  },
}

const examples = `
The least that a file must say:
  dataDirectory: /var/lib/k8ts
  administratorKubeconfig: /var/lib/k8ts/admin.kubeconfig

Everything that it can say, with the flags of kube-apiserver beside it: docs/server.md`

async function carryOut(surroundings: Surroundings, { config, check, printSchema }: Flags): Promise<number> {
  // Everything that a server is made of; the other commands do without it and start sooner.
  const { serverSettings } = await import('#cluster/server/settings.ts')
  const { readSettings, SettingsError } = await import('#lib/settings/settingsFile.ts')
  if (printSchema === true) {
    const { describedSchema } = await import('#lib/settings/settings.ts')
    const schema = { $schema: 'http://json-schema.org/draft-07/schema#', ...describedSchema(serverSettings) }
    surroundings.print(JSON.stringify(schema, null, 2))
    return 0
  }
  if (config === undefined)
    throw new UsageError('there is no --config FILE; "k8ts server --help" shows the least that it must say')
  const { runServer } = await import('#cluster/server/runServer.ts')
  try {
    const settings = readSettings(serverSettings, await readArgument(surroundings.host.files, config), config)
    if (check === true) surroundings.print(`${config}: no mistake found`)
    else await runServer(surroundings, settings)
    return 0
  } catch (error) {
    if (error instanceof SettingsError) throw new UsageError(error.message)
    throw error
  }
}
