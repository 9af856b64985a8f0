import type { Command } from './command.ts'
import { clusterNameOf } from './names.ts'
import { findHostPorts } from '#cluster/hostPorts.ts'
import { isEmptyInventory, takeInventory } from '#cluster/place/inventory.ts'

/** `k8ts inventory [NAME]`: everything of a cluster that is on this machine; exit code 1 when there is anything. */
export const inventory: Command = {
  define(program, run) {
    program
      .command('inventory')
      .description('list what of a cluster is on this machine: processes, mounts, namespaces, routes, rules, cgroups')
      .argument('[name]', 'the cluster (k8ts)')
      .action((given: string | undefined) =>
        run(async (surroundings) => {
          const { host, roots, mayMakeNodes, print } = surroundings
          const cluster = clusterNameOf(given)
          const taken = await takeInventory(host, cluster, roots, mayMakeNodes)
          const holder = await findHostPorts(host, roots, cluster)
          const found = { ...taken, processes: [...taken.processes, ...holder] }
          for (const [what, items] of Object.entries(found) as [string, readonly unknown[]][]) {
            print(`${what}: ${items.length}`)
            for (const item of items) print(`  ${typeof item === 'string' ? item : JSON.stringify(item)}`)
          }
          return isEmptyInventory(found) ? 0 : 1
        }),
      )
  },
}
