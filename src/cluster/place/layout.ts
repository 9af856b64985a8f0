/**
 * cluster/place: the place of a node on a machine. A place is a network namespace, a mount namespace and a containerd of
 * its own; or, on a real machine, the host itself. Everything about a place follows from the names of its cluster and its
 * node, so that it can be taken away by name alone, whatever has died before. What runs inside a place (the node agent,
 * the service rules, the control plane) does not live here.
 *
 * This file: names and paths. It does nothing.
 */
import { createHash } from 'node:crypto'

/** Where clusters keep what lives as long as the machine runs, and what lives longer. */
export interface Roots {
  readonly runtime: string
  readonly data: string
}

export const defaultRoots: Roots = { runtime: '/run/k8ts', data: '/var/lib/k8ts' }

export interface ClusterLayout {
  readonly cluster: string
  readonly roots: Roots
  readonly runtimeFolder: string
  readonly dataFolder: string
  /** Holds the namespace files; a private mount, because a mount namespace can be bound only below one. */
  readonly namespaceFolder: string
  /** The network namespace with the bridge that joins the nodes and the host. */
  readonly switchNamespace: string
  /** The host's link into the switch. */
  readonly hostLink: string
  /** Metric of the host's `unreachable` routes: the very end of the scale, different for each cluster. */
  readonly barrierMetric: number
  /** Metric of the host's routes to pods: two clusters with the same pod range do not replace each other's. */
  readonly podRouteMetric: number
  readonly cgroup: string
}

export interface PlaceLayout extends ClusterLayout {
  readonly node: string
  readonly networkNamespace: string
  readonly mountNamespace: string
  /** The switch's end of the node's link. */
  readonly switchLink: string
  readonly placeFolder: string
  /** Notes what the place was made with; written last, so a place without it was not finished. */
  readonly recordFile: string
  /** Inside the place: the network namespace from which the place was made. */
  readonly hostNetworkNamespace: string
  readonly socket: string
  readonly configFile: string
  readonly pidFile: string
  readonly stateFolder: string
  readonly registriesFolder: string
  readonly placeDataFolder: string
  /** containerd's images and snapshots. */
  readonly rootFolder: string
  /** Kept over a stop, so that containerd can end the pods of before as soon as it is back. */
  readonly cniFolder: string
  readonly cniCacheFolder: string
  readonly addressFolder: string
  readonly containerdLog: string
  /** Above all pods of this node. */
  readonly placeCgroup: string
}

/** The control group above those of all clusters. */
export const allClusters = '/k8ts'

/** The routing protocol number that marks our routes on the host. */
export const routeProtocol = 89

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Folders of the data that clusters share. */
export const sharedFolders = { images: 'images', packages: 'packages', work: '.work' }
const taken: readonly string[] = Object.values(sharedFolders)

/**
 * A folder name for a cluster or node: the name itself, but shortened when socket paths (at most 107 bytes) could not bear it,
 * and another one when that folder is there for something else.
 */
export const folderName = (name: string): string =>
  name.length <= 30 && !taken.includes(name) ? name : `${name.slice(0, 20)}-${digest(name).slice(0, 8)}`

/** Says what is wrong with a cluster's or node's name; undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name.length === 0) return 'it must not be empty'
  if (name.length > 63) return 'it must be no more than 63 characters'
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) || name.includes('..')) {
    return 'it must consist of lower case letters, digits, "-" and ".", and start and end with a letter or digit'
  }
  return undefined
}

function checkName(what: string, name: string): void {
  const problem = nameProblem(name)
  if (problem !== undefined)
    throw new TypeError(`Cannot use ${JSON.stringify(name.slice(0, 80))} as the name of a ${what}: ${problem}`)
}

/** Names and paths of a cluster on this machine; rejects a name that is none. */
export function clusterLayout(cluster: string, roots: Roots = defaultRoots): ClusterLayout {
  checkName('cluster', cluster)
  const hash = digest(cluster)
  const share = Number.parseInt(hash.slice(8, 16), 16) % 1_000_000
  const runtimeFolder = `${roots.runtime}/${folderName(cluster)}`
  return {
    cluster,
    roots,
    runtimeFolder,
    dataFolder: `${roots.data}/${folderName(cluster)}`,
    namespaceFolder: `${runtimeFolder}/.ns`,
    switchNamespace: `${runtimeFolder}/.ns/switch.net`,
    hostLink: `k8ts-${hash.slice(0, 8)}`,
    barrierMetric: 2 ** 32 - 1 - share,
    podRouteMetric: 1024 + share,
    cgroup: `${allClusters}/${folderName(cluster)}`,
  }
}

/** Names and paths of a node's place on this machine; rejects names that are none. */
export function placeLayout(cluster: string, node: string, roots: Roots = defaultRoots): PlaceLayout {
  checkName('node', node)
  const layout = clusterLayout(cluster, roots)
  const name = folderName(node)
  const placeFolder = `${layout.runtimeFolder}/${name}`
  const placeDataFolder = `${layout.dataFolder}/nodes/${name}`
  return {
    ...layout,
    node,
    networkNamespace: `${layout.namespaceFolder}/${name}.node-net`,
    mountNamespace: `${layout.namespaceFolder}/${name}.node-mnt`,
    switchLink: `n-${digest(name).slice(0, 10)}`,
    placeFolder,
    recordFile: `${placeFolder}/place.json`,
    hostNetworkNamespace: `${placeFolder}/host.net`,
    socket: `${placeFolder}/containerd.sock`,
    configFile: `${placeFolder}/containerd.toml`,
    pidFile: `${placeFolder}/containerd.pid`,
    stateFolder: `${placeFolder}/state`,
    registriesFolder: `${placeFolder}/registries`,
    placeDataFolder,
    rootFolder: `${placeDataFolder}/containerd`,
    cniFolder: `${placeDataFolder}/cni`,
    cniCacheFolder: `${placeDataFolder}/cni-cache`,
    addressFolder: `${placeDataFolder}/pod-addresses`,
    containerdLog: `${placeDataFolder}/containerd.log`,
    placeCgroup: `${layout.cgroup}/${name}`,
  }
}
