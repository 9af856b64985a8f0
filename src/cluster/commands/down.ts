import type { Command } from './command.ts'
import { step } from './command.ts'
import { clusterNameOf, refuseClusterOfRoot, withLock } from './names.ts'
import { clusterPaths } from '#cluster/record.ts'
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
          const { host, roots } = surroundings
          if ((await host.files.status(clusterPaths(name, roots).dataFolder)) === undefined)
            await refuseClusterOfRoot(surroundings, name)
          await withLock(surroundings, name, () =>
            step(surroundings, `Removing cluster "${name}"`, () => removeCluster(surroundings, name)),
          )
          return 0
        }),
      )
  },
}
