import { alignColumns } from './alignColumns.ts'
import type { Command } from './command.ts'
import { contextName } from '#cluster/kubeconfig.ts'
import { defaultRoots } from '#cluster/place/layout.ts'
import { controlPlaneName, findNodeProcess } from '#cluster/processes.ts'
import { listClusters } from '#cluster/record.ts'
import { urlHost } from '#lib/net/ip.ts'

/** `k8ts list`: every cluster of this machine. */
export const list: Command = {
  define(program, run) {
    program
      .command('list')
      .description('list the clusters of this machine')
      .action(() =>
        run(async (surroundings) => {
          const { host, roots, uid } = surroundings
          const clusters = await listClusters(host.files, roots)
          if (clusters.length === 0) {
            const mayBeOfRoot = uid !== 0 && (await host.files.status(defaultRoots.data)) !== undefined
            surroundings.progress(
              mayBeOfRoot
                ? 'There is no cluster of yours; "k8ts up" makes one, "sudo k8ts list" shows those of root.'
                : 'There is no cluster; "k8ts up" makes one.',
            )
            return 0
          }
          const rows = [['NAME', 'STATE', 'NODES', 'SIMULATED', 'CONTEXT', 'SERVER']]
          for (const { name, record } of clusters) {
            if (record === undefined) {
              rows.push([name, 'broken', '', '', contextName(name), ''])
              continue
            }
            const { config, nodes, server } = record
            const process = await findNodeProcess(surroundings, config.name, controlPlaneName)
            rows.push([
              config.name,
              process === undefined ? 'stopped' : 'running',
              String(nodes.length),
              String(config.simulatedNodes),
              contextName(config.name),
              `https://${urlHost(server.address)}:${server.port}`,
            ])
          }
          for (const line of alignColumns(rows)) surroundings.print(line)
          return 0
        }),
      )
  },
}
