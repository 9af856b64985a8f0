import {
  clusterLayout,
  defaultRoots,
  folderName,
  nameProblem,
  type ClusterLayout,
  type Roots,
} from '#cluster/place/layout.ts'
import type { ClusterConfig } from './config.ts'
import type { Files } from '#lib/host/files.ts'

/** A node that runs containers. */
export interface NodeRecord {
  readonly name: string
  readonly role: 'control-plane' | 'worker'
  /** The primary one. */
  readonly address: string
  /** Of the other family, in a cluster that has both. */
  readonly furtherAddresses?: readonly string[]
}

/** All addresses of a node, the primary one first. */
export const addressesOf = ({ address, furtherAddresses = [] }: Omit<NodeRecord, 'role' | 'name'>): string[] => [
  address,
  ...furtherAddresses,
]

/** What there is of a cluster on this machine; written before anything of it is made, so that nothing is forgotten. */
export interface ClusterRecord {
  readonly config: ClusterConfig
  /** Milliseconds since the epoch. */
  readonly created: number
  /** The range of node addresses; absent for a cluster that only has simulated nodes and lives in one process. */
  readonly nodeRange?: string
  readonly nodes: readonly NodeRecord[]
  /** Where clients on this machine find the API server. */
  readonly server: { readonly address: string; readonly port: number }
  /** The kubeconfig file that has this cluster's context. */
  readonly kubeconfig?: string
}

/** Every path of a cluster that is not about one place. */
export interface ClusterPaths extends ClusterLayout {
  readonly recordFile: string
  readonly lockFile: string
  /** The record of a cluster that is being removed; what else is there is to go. */
  readonly removedFile: string
  readonly certificateFolder: string
  readonly storeFolder: string
  readonly imageFolder: string
  readonly kubeconfigFile: string
  pidFile(node: string): string
  logFile(node: string): string
  /** Logs and state of pods on a node. */
  kubeletFolder(node: string): string
  podLogFolder(node: string): string
  /** The directories that claims got on a node. */
  volumeFolder(node: string): string
  /** Certificates and the kubeconfig of one node's agent. */
  nodeFolder(node: string): string
}

/** Of a user who has no other: anybody could have made it, so it must be looked whose it is. */
export const temporaryFolder = (uid: number): string => `/tmp/k8ts-${uid}`

/** Where clusters live: the system's folders for root, the user's own for everybody else. */
export function rootsFor(uid: number, environment: Readonly<Record<string, string | undefined>>): Roots {
  if (uid === 0) return defaultRoots
  const home = environment['HOME'] || temporaryFolder(uid)
  return {
    runtime: `${environment['XDG_RUNTIME_DIR'] || temporaryFolder(uid)}/k8ts`,
    data: `${environment['XDG_DATA_HOME'] || `${home}/.local/share`}/k8ts`,
  }
}

export function clusterPaths(cluster: string, roots: Roots): ClusterPaths {
  const layout = clusterLayout(cluster, roots)
  const { dataFolder, runtimeFolder } = layout
  return {
    ...layout,
    recordFile: `${dataFolder}/cluster.json`,
    lockFile: `${roots.runtime}/.cluster-${cluster}.lock`,
    removedFile: `${dataFolder}/removed.json`,
    certificateFolder: `${dataFolder}/certificates`,
    storeFolder: `${dataFolder}/store`,
    imageFolder: `${roots.data}/images`,
    kubeconfigFile: `${dataFolder}/admin.kubeconfig`,
    pidFile: (node) => `${runtimeFolder}/.pids/${node}.pid`,
    logFile: (node) => `${dataFolder}/logs/${node}.log`,
    kubeletFolder: (node) => `${dataFolder}/kubelet/${node}`,
    podLogFolder: (node) => `${dataFolder}/pod-logs/${node}`,
    volumeFolder: (node) => `${dataFolder}/volumes/${node}`,
    nodeFolder: (node) => `${dataFolder}/agents/${node}`,
  }
}

const mostRecordBytes = 1024 * 1024

/** What is noted of a cluster has been changed by somebody else, or the disk has lost it. */
export class BrokenRecord extends Error {
  override name = 'BrokenRecord'
}

/** What is noted of a cluster; undefined when there is none of this name. Rejects with BrokenRecord. */
export async function readRecord(files: Files, cluster: string, roots: Roots): Promise<ClusterRecord | undefined> {
  const { recordFile } = clusterPaths(cluster, roots)
  const text = await files.readText(recordFile, mostRecordBytes)
  if (text === undefined) return undefined
  const record = parseRecord(text)
  if (record?.config.name === cluster) return record
  throw new BrokenRecord(
    `${recordFile} does not describe cluster "${cluster}" any more; "k8ts down ${cluster}" takes away what there is`,
  )
}

function parseRecord(text: string): ClusterRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<ClusterRecord> | null
    const isWhole =
      typeof record?.config?.name === 'string' && Array.isArray(record.nodes) && record.server !== undefined
    return isWhole ? (record as ClusterRecord) : undefined
  } catch {
    return undefined
  }
}

export async function writeRecord(files: Files, record: ClusterRecord, roots: Roots): Promise<void> {
  const paths = clusterPaths(record.config.name, roots)
  await files.makeFolder(roots.data, 0o711)
  await files.makeFolder(paths.dataFolder, 0o711)
  await files.write(paths.recordFile, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600, sync: true })
}

/** Every cluster of this machine and user, by name; without a record when it is broken. */
export async function listClusters(
  files: Files,
  roots: Roots,
): Promise<readonly { readonly name: string; readonly record: ClusterRecord | undefined }[]> {
  const clusters: { name: string; record: ClusterRecord | undefined }[] = []
  for (const folder of await files.list(roots.data)) {
    if (nameProblem(folder) !== undefined) continue
    const text = await files.readText(`${roots.data}/${folder}/cluster.json`, mostRecordBytes)
    if (text === undefined) continue
    const record = parseRecord(text)
    const isOfFolder = record !== undefined && folderName(record.config.name) === folder
    clusters.push(isOfFolder ? { name: record.config.name, record } : { name: folder, record: undefined })
  }
  return clusters
}
