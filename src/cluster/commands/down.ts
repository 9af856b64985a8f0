import type { Command } from './command.ts'
import { step } from './command.ts'
import { clusterNameOf, withLock } from './names.ts'
import { removeCluster } from '#cluster/removal.ts'

/** `k8ts down [NAME]`: ends a cluster and takes away everything of it. Works with half of one, and with none. */
export const down: Command = {
  define(program, run) {
    program
      .command('down')
      .description('end a cluster and remove everything of it')
      .argument('[name]', 'the cluster', undefined)
      .action((given: string | undefined) =>
        run(async (surroundings) => {
          const name = clusterNameOf(given)
          await withLock(surroundings, name, () =>
            step(surroundings, `Removing cluster "${name}"`, () => removeCluster(surroundings, name)),
          )
          return 0
        }),
      )
  },
}
