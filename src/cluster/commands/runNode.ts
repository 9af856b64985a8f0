import type { Command } from './command.ts'

/** `k8ts run-node CLUSTER NODE`: the process of one node. `up` starts it; people need it only to look at a failure. */
export const runNode: Command = {
  define(program, run) {
    program
      .command('run-node', { hidden: true })
      .argument('<cluster>')
      .argument('<node>')
      .action((cluster: string, node: string) =>
        run(async (surroundings) => {
          // Everything that a cluster is made of; the other commands do without it and start sooner.
          const { runNodeProcess } = await import('#cluster/nodeProcess.ts')
          await runNodeProcess(surroundings, cluster, node)
          return 0
        }),
      )
  },
}
