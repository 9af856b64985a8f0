import { step, type Command } from './command.ts'
import { existingCluster, withLock } from './names.ts'
import { prepareMachine } from '#cluster/machine.ts'
import { removeWorker, withoutWorker, withWorker } from '#cluster/membership.ts'
import { writeRecord } from '#cluster/record.ts'
import { bringUp } from '#cluster/start.ts'

/** `k8ts node add|remove`: workers that join a cluster that is there, and leave it. */
export const node: Command = {
  define(program, run) {
    const group = program.command('node').description('let workers join a cluster, or leave it')
    group
      .command('add')
      .description('make another worker and wait until it is ready')
      .argument('[cluster]', 'the cluster (k8ts)')
      .option('--name <node>', 'what it is called; worker2, worker3 and so on when absent')
      .action((given: string | undefined, flags: { readonly name?: string }) =>
        run(async (surroundings) => {
          const { config } = await existingCluster(surroundings, given)
          await withLock(surroundings, config.name, async () => {
            // Read again: somebody else may have changed it until we had the lock.
            const record = withWorker(await existingCluster(surroundings, given), flags.name)
            await step(surroundings, 'Checking the machine', () => prepareMachine(surroundings, record.config))
            await writeRecord(surroundings.host.files, record, surroundings.roots)
            await bringUp(surroundings, record)
            const { name, address } = record.nodes.at(-1)!
            surroundings.print(`Node "${name}" (${address}) has joined cluster "${config.name}"`)
          })
          return 0
        }),
      )
    group
      .command('remove')
      .description('take a worker away with everything of it; "kubectl drain" first moves its pods')
      .argument('<cluster>', 'the cluster')
      .argument('<node>', 'the worker')
      .option('--force', 'also one that holds volumes of claims, which are lost')
      .action((given: string, name: string, flags: { readonly force?: boolean }) =>
        run(async (surroundings) => {
          const { config } = await existingCluster(surroundings, given)
          await withLock(surroundings, config.name, async () => {
            const record = await existingCluster(surroundings, given)
            withoutWorker(record, name)
            await step(surroundings, `Removing node "${name}"`, () =>
              removeWorker(surroundings, record, name, { force: flags.force === true }),
            )
          })
          return 0
        }),
      )
  },
}
