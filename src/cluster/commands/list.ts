import { alignColumns } from './alignColumns.ts'
import type { Command } from './command.ts'
import { contextName } from '#cluster/kubeconfig.ts'
import { controlPlaneName, findNodeProcess } from '#cluster/processes.ts'
import { listRecords } from '#cluster/record.ts'
import { urlHost } from '#lib/net/ip.ts'

/** `k8ts list`: every cluster of this machine. */
export const list: Command = {
  define(program, run) {
    program
      .command('list')
      .description('list the clusters of this machine')
      .action(() =>
        run(async (surroundings) => {
          const { host, roots } = surroundings
          const records = await listRecords(host.files, roots)
          if (records.length === 0) {
            surroundings.progress('There is no cluster; "k8ts up" makes one.')
            return 0
          }
          const rows = [['NAME', 'STATE', 'NODES', 'SIMULATED', 'CONTEXT', 'SERVER']]
          for (const { config, nodes, server } of records) {
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
