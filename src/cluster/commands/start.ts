import { step, type Command } from './command.ts'
import { existingCluster, withLock } from './names.ts'
import { prepareMachine } from '#cluster/machine.ts'
import { bringUp, describeCluster } from '#cluster/start.ts'

/** `k8ts start [NAME]`: goes on with a cluster that was stopped, or that lost processes. */
export const start: Command = {
  define(program, run) {
    program
      .command('start')
      .description('go on with a cluster that was stopped')
      .argument('[name]', 'the cluster (k8ts)')
      .action((given: string | undefined) =>
        run(async (surroundings) => {
          const began = surroundings.clock.now()
          const record = await existingCluster(surroundings, given)
          await withLock(surroundings, record.config.name, async () => {
            if (record.nodes.length > 0)
              await step(surroundings, 'Checking the machine', () => prepareMachine(surroundings, record.config))
            await bringUp(surroundings, record)
          })
          for (const line of describeCluster(record, surroundings.clock.now() - began)) surroundings.print(line)
          return 0
        }),
      )
  },
}
