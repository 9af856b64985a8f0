/** Nodes that join a cluster that is there, and that leave it again. */
import { roomProblem } from './config.ts'
import { nodeNames, networkOf } from './creation.ts'
import { loadBalancerPool } from './loadBalancerPool.ts'
import { controlPlaneName, stopNodeProcess } from './processes.ts'
import { administratorClient } from './readiness.ts'
import { addressesOf, clusterPaths, writeRecord, type ClusterRecord, type NodeRecord } from './record.ts'
import { removeUnmounted } from '#kubelet/volumes/removal.ts'
import { UsageError, type Surroundings } from '#cluster/commands/command.ts'
import { nameProblem } from '#cluster/place/layout.ts'
import { destroyPlace } from '#cluster/place/place.ts'
import { nodeAddresses } from '#cluster/place/ranges.ts'
import { ipBytes } from '#lib/net/ip.ts'
import { poolHas } from '#loadBalancer/pool.ts'

const mostNodes = 201

const namesOf = ({ nodes }: ClusterRecord): readonly string[] => nodes.map(({ name }) => name)

/** As many workers as there are are asked for from now on. */
function withNodes(record: ClusterRecord, nodes: readonly NodeRecord[]): ClusterRecord {
  return { ...record, nodes, config: { ...record.config, workers: nodes.length - 1 } }
}

/**
 * What is noted of a cluster once a worker has joined it: of this name, or called like the first worker that there is not.
 * It gets the first free address. Throws what stands against it.
 */
export function withWorker(record: ClusterRecord, wanted?: string): ClusterRecord {
  const { config, nodes, nodeRange } = record
  if (nodeRange === undefined || nodes.length === 0)
    throw new UsageError(`cluster "${config.name}" has only simulated nodes, which no other can join`)
  if (nodes.length >= mostNodes)
    throw new UsageError(`cluster "${config.name}" has ${mostNodes} nodes, which is the most`)
  const roomIs = roomProblem(config, nodes.length + 1)
  if (roomIs !== undefined) throw new UsageError(`cluster "${config.name}" cannot have another node: ${roomIs}`)
  const taken = new Set(namesOf(record))
  const name = wanted ?? nodeNames(nodes.length).find((each) => !taken.has(each))!
  const problem = nameProblem(name)
  if (problem !== undefined) throw new UsageError(`node name ${JSON.stringify(name.slice(0, 80))}: ${problem}`)
  if (taken.has(name)) throw new UsageError(`cluster "${config.name}" has a node "${name}" already`)
  const used = new Set(nodes.flatMap(addressesOf))
  const pool = loadBalancerPool(record) ?? []
  const network = networkOf(config, nodeRange)
  for (let index = 0; index < 240; index++) {
    const [address, ...furtherAddresses] = nodeAddresses(network, index)
    const isFree = (each: string): boolean => !used.has(each) && !poolHas(pool, ipBytes(each))
    if (![address!, ...furtherAddresses].every(isFree)) continue
    const further = furtherAddresses.length === 0 ? {} : { furtherAddresses }
    return withNodes(record, [...nodes, { name, role: 'worker', address: address!, ...further }])
  }
  throw new UsageError(`cluster "${config.name}" has no address left for another node below ${nodeRange}`)
}

/** What is noted of a cluster once a worker has left it. Throws what stands against it. */
export function withoutWorker(record: ClusterRecord, name: string): ClusterRecord {
  const { config, nodes } = record
  if (!namesOf(record).includes(name)) {
    const workers = namesOf(record).filter((each) => each !== controlPlaneName)
    throw new UsageError(
      `cluster "${config.name}" has no node ${JSON.stringify(name.slice(0, 80))}; its workers are ${workers.join(', ') || 'none'}`,
    )
  }
  if (name === controlPlaneName)
    throw new UsageError(`"${name}" is the control plane of cluster "${config.name}"; "k8ts down" ends all of it`)
  return withNodes(
    record,
    nodes.filter((node) => node.name !== name),
  )
}

/**
 * Takes a worker away: its process, its place, its Node and its data, and last the note of it, so that what was interrupted
 * can be done again. Rejects when it has volumes and `force` does not say that they may be lost, or when nobody answers who
 * could forget the Node.
 */
export async function removeWorker(
  surroundings: Surroundings,
  record: ClusterRecord,
  name: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { host, roots } = surroundings
  const rest = withoutWorker(record, name)
  const cluster = record.config.name
  const paths = clusterPaths(cluster, roots)
  const volumes = await host.files.list(paths.volumeFolder(name))
  if (volumes.length > 0 && !force) {
    throw new Error(
      `node "${name}" holds ${volumes.length === 1 ? 'a volume' : `${volumes.length} volumes`} of claims (${paths.volumeFolder(name)}), which would be lost; --force removes it all the same`,
    )
  }
  const client = await administratorClient(surroundings, record)
  try {
    const isReady = await client.request({ path: '/readyz' }).then(
      ({ status }) => status === 200,
      () => false,
    )
    if (!isReady)
      throw new Error(`the API server of cluster "${cluster}" does not answer; "k8ts start ${cluster}" goes on with it`)
    await stopNodeProcess(surroundings, cluster, name)
    await destroyPlace(host, cluster, name, { roots })
    const answer = await client.request({ method: 'DELETE', path: `/api/v1/nodes/${name}` })
    const text = (await answer.readBody(1024 * 1024)).toString()
    if (answer.status !== 200 && answer.status !== 404)
      throw new Error(`the API server did not forget node "${name}" (${answer.status}): ${text.slice(0, 300)}`)
  } finally {
    client.close()
  }
  const oldLog = (node: string): string => `${paths.logFile(node)}.old`
  const folders = [paths.kubeletFolder, paths.podLogFolder, paths.nodeFolder, paths.volumeFolder, paths.logFile, oldLog]
  for (const folderOf of folders) await removeUnmounted(host, folderOf(name))
  await writeRecord(host.files, rest, roots)
}
