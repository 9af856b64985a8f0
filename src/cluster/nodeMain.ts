import { runNodeProcess } from './nodeProcess.ts'
import { runProgram } from './program.ts'

/** Runs the process of a node, `run-node CLUSTER NODE`, without what only people need, and returns the exit code. */
export function main(
  [, cluster, node]: readonly [verb: string, cluster: string, node: string],
  self: readonly string[],
): Promise<number> {
  return runProgram(self, async (surroundings) => {
    await runNodeProcess(surroundings, cluster, node)
    return 0
  })
}
