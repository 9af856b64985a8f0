import type { Command, Surroundings } from './command.ts'
import { existingCluster, unfinished } from './names.ts'
import { controlPlaneName, findNodeProcess } from '#cluster/processes.ts'
import { askHostPorts } from '#cluster/hostPorts.ts'
import { administratorClient } from '#cluster/readiness.ts'
import { clusterPaths, type ClusterRecord } from '#cluster/record.ts'
import { urlHost } from '#lib/net/ip.ts'

/** `k8ts status [NAME]`: what runs of a cluster; exit code 1 unless all of it does. */
export const status: Command = {
  define(program, run) {
    program
      .command('status')
      .description('show what runs of a cluster')
      .argument('[name]', 'the cluster (k8ts)')
      .action((given: string | undefined) =>
        run(async (surroundings) => {
          const record = await existingCluster(surroundings, given)
          const { kubeconfigFile } = clusterPaths(record.config.name, surroundings.roots)
          if ((await surroundings.host.files.status(kubeconfigFile)) === undefined)
            throw new Error(unfinished(record.config.name))
          const server = await serverState(surroundings, record)
          surroundings.print(`cluster         ${record.config.name}`)
          surroundings.print(
            `API server      https://${urlHost(record.server.address)}:${record.server.port}  ${server}`,
          )
          const names = record.nodes.length === 0 ? [controlPlaneName] : record.nodes.map(({ name }) => name)
          let whole = server === 'ready'
          for (const name of names) {
            const process = await findNodeProcess(surroundings, record.config.name, name)
            if (process === undefined) whole = false
            const address = record.nodes.find((node) => node.name === name)?.address ?? ''
            const state = process === undefined ? 'stopped' : `process ${process.pid}`
            surroundings.print(`${name.padEnd(15)} ${address.padEnd(15)} ${state}`)
          }
          if (record.config.simulatedNodes > 0)
            surroundings.print(`simulated       ${record.config.simulatedNodes} nodes`)
          const ports = await askHostPorts(surroundings.roots)
          if (ports?.clusters.includes(record.config.name) === true) {
            surroundings.print(`host names      SERVICE.NAMESPACE.${record.config.name}.localhost`)
            for (const { port, problem } of ports.problems)
              surroundings.print(`host port ${String(port).padEnd(6)}not served: ${problem}`)
          }
          return whole ? 0 : 1
        }),
      )
  },
}

async function serverState(surroundings: Surroundings, record: ClusterRecord): Promise<string> {
  const client = await administratorClient(surroundings, record)
  try {
    const response = await client.request({ path: '/readyz' })
    await response.readBody(1024 * 1024)
    return response.status === 200 ? 'ready' : `not ready (${response.status})`
  } catch (error) {
    return `not reachable (${(error as Error).message})`
  } finally {
    client.close()
  }
}
