import { step, type Command } from './command.ts'
import { existingCluster, withLock } from './names.ts'
import { endCluster } from '#cluster/removal.ts'

/** `k8ts stop [NAME]`: ends what runs and keeps the data, like turning machines off. */
export const stop: Command = {
  define(program, run) {
    program
      .command('stop')
      .description('end a cluster and keep its data')
      .argument('[name]', 'the cluster (k8ts)')
      .action((given: string | undefined) =>
        run(async (surroundings) => {
          const { config } = await existingCluster(surroundings, given)
          await withLock(surroundings, config.name, () =>
            step(surroundings, `Stopping cluster "${config.name}"`, () =>
              endCluster(surroundings, config.name, { force: false }),
            ),
          )
          return 0
        }),
      )
  },
}
