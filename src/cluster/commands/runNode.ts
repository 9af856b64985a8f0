import type { Command } from '#cluster/commands/command.ts'
import { runNodeProcess } from '#cluster/nodeProcess.ts'

/** `k8ts run-node CLUSTER NODE`: the process of one node. `up` starts it; people need it only to look at a failure. */
export const runNode: Command = {
  define(program, run) {
    program
      .command('run-node', { hidden: true })
      .argument('<cluster>')
      .argument('<node>')
      .action((cluster: string, node: string) =>
        run(async (surroundings) => {
          await runNodeProcess(surroundings, cluster, node)
          return 0
        }),
      )
  },
}
