import { readCount, type Command } from './command.ts'
import { existingCluster } from './names.ts'
import { controlPlaneName } from '#cluster/processes.ts'
import { clusterPaths } from '#cluster/record.ts'

const mostBytes = 256 * 1024 * 1024

/** `k8ts logs [NAME] [--node NODE]`: what the process of a node wrote. Pods' logs are `kubectl logs`. */
export const logs: Command = {
  define(program, run) {
    program
      .command('logs')
      .description("show the log of a cluster's process")
      .argument('[name]', 'the cluster (k8ts)')
      .option('--node <node>', 'the node whose process is meant', controlPlaneName)
      .option('--tail <lines>', 'only the last lines', readCount)
      .action((given: string | undefined, flags: { readonly node: string; readonly tail?: number }) =>
        run(async (surroundings) => {
          const { host, roots, print } = surroundings
          const { config, nodes } = await existingCluster(surroundings, given)
          const names = nodes.length === 0 ? [controlPlaneName] : nodes.map(({ name }) => name)
          if (!names.includes(flags.node)) {
            throw new Error(`cluster "${config.name}" has no node "${flags.node}"; there are ${names.join(', ')}`)
          }
          const path = clusterPaths(config.name, roots).logFile(flags.node)
          const text = await host.files.readText(path, mostBytes)
          if (text === undefined) throw new Error(`there is no log of node "${flags.node}" yet (${path})`)
          // What was set aside when it had become long.
          const before = (await host.files.readText(`${path}.old`, mostBytes)) ?? ''
          const lines = (before + text).replace(/\n$/, '').split('\n')
          for (const line of lines.slice(Math.max(0, lines.length - (flags.tail ?? lines.length)))) print(line)
          return 0
        }),
      )
  },
}
