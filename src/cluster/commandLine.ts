import { Command, CommanderError } from 'commander'
import { commands } from '#cluster/commands/index.ts'
import type { Surroundings } from '#cluster/commands/command.ts'

/** Carries out the verb that a command line names and returns the exit code; 2 when it was not understood. */
export async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const program = new Command('k8ts')
    .description('Kubernetes in one small process')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(k8ts --help shows what there is)')
  let code = 0
  for (const command of commands) {
    command.define(program, async (work) => {
      code = await work(surroundings)
    })
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
}
