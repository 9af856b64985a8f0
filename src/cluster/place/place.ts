/** Making a place, finding it again, entering it, and taking it away without a trace. */
import type { Host } from '#lib/host/host.ts'
import { namespaceOfFile, runChecked } from '#lib/host/process.ts'

import { allClusters, clusterLayout, defaultRoots, placeLayout } from './layout.ts'
import type { ClusterLayout, PlaceLayout, Roots } from './layout.ts'
import { ensureClusterNetwork, removeClusterNetwork } from './network.ts'
import type { ClusterNetwork } from './ranges.ts'
import { closeOutside } from './outside.ts'
import { ensurePluginFolders, removePluginFolders } from './pluginFolders.ts'
import { renderPlaceScript } from './placeScript.ts'

/** How a place was made; kept beside it. */
export interface PlaceRecord {
  readonly cluster: string
  readonly node: string
  /** `namespaces`: a place of its own on a machine; `host`: the machine itself. */
  readonly kind: 'namespaces' | 'host'
  /** The node's primary address; absent for the machine itself. */
  readonly address?: string
  /** Its address of the other family, in a cluster that has both. */
  readonly furtherAddresses?: readonly string[]
  readonly network?: ClusterNetwork
  readonly ephemeral: boolean
}

export interface Place extends PlaceRecord {
  readonly layout: PlaceLayout
  /** The command line that runs `command` inside the place; it starts in the root folder, so paths must be absolute. */
  enter(command: readonly string[]): readonly string[]
}

/** The addresses of a node: the primary one, and that of the other family in a cluster that has both. */
export interface PlaceAddresses {
  readonly address: string
  readonly furtherAddresses?: readonly string[]
}

export interface PlaceSpec {
  readonly cluster: string
  readonly node: string
  /** Absent for a place that is the machine itself. */
  readonly inside?: PlaceAddresses & { readonly network: ClusterNetwork }
  /** Images and snapshots in memory; on disk unless told. */
  readonly ephemeral?: boolean
  readonly roots?: Roots
}

function placeOf(record: PlaceRecord, layout: PlaceLayout): Place {
  const prefix =
    record.kind === 'host'
      ? []
      : ['nsenter', `--net=${layout.networkNamespace}`, `--mount=${layout.mountNamespace}`, '--']
  return { ...record, layout, enter: (command) => [...prefix, ...command] }
}

/**
 * The place in which this process already runs: entering is not needed, nor possible, and the files of its namespaces are
 * not to be seen from here. Undefined when there is no such place.
 */
export async function findOwnPlace(
  host: Pick<Host, 'files'>,
  cluster: string,
  node: string,
  roots: Roots = defaultRoots,
): Promise<Place | undefined> {
  const record = await readPlaceRecord(host, cluster, node, roots)
  if (record === undefined) return undefined
  return { ...placeOf(record, placeLayout(cluster, node, roots)), enter: (command) => command }
}

async function readPlaceRecord(
  host: Pick<Host, 'files'>,
  cluster: string,
  node: string,
  roots: Roots,
): Promise<PlaceRecord | undefined> {
  const text = await host.files.readText(placeLayout(cluster, node, roots).recordFile, 64 * 1024)
  if (text === undefined) return undefined
  const record = JSON.parse(text) as PlaceRecord
  return record.cluster === cluster && record.node === node ? record : undefined
}

/** The place as it was made, whether or not anything runs in it; undefined when it is not there or not whole. */
export async function findPlace(
  host: Host,
  cluster: string,
  node: string,
  roots: Roots = defaultRoots,
): Promise<Place | undefined> {
  const layout = placeLayout(cluster, node, roots)
  const record = await readPlaceRecord(host, cluster, node, roots)
  if (record === undefined) return undefined
  const whole = record.kind === 'host' || (isNamespace(layout.networkNamespace) && isNamespace(layout.mountNamespace))
  return whole ? placeOf(record, layout) : undefined
}

const placeAddresses = ({ address, furtherAddresses, network }: NonNullable<PlaceSpec['inside']>) => ({
  address,
  ...(furtherAddresses === undefined ? {} : { furtherAddresses }),
  network,
})

const isNamespace = (file: string): boolean => namespaceOfFile(file) !== undefined

/** Every whole place on this machine, of one cluster or of all, by name. */
export async function listPlaces(host: Host, cluster?: string, roots: Roots = defaultRoots): Promise<readonly Place[]> {
  const places: Place[] = []
  for (const folder of await host.files.list(roots.runtime)) {
    for (const name of await host.files.list(`${roots.runtime}/${folder}`)) {
      const text = await host.files.readText(`${roots.runtime}/${folder}/${name}/place.json`, 64 * 1024)
      if (text === undefined) continue
      const record = JSON.parse(text) as PlaceRecord
      if (cluster !== undefined && record.cluster !== cluster) continue
      const place = await findPlace(host, record.cluster, record.node, roots)
      if (place !== undefined) places.push(place)
    }
  }
  return places
}

/** The network that joins a cluster's places; needed before the first of them is made. What is there already stays. */
export async function ensureCluster(
  host: Host,
  cluster: string,
  network: ClusterNetwork,
  roots: Roots = defaultRoots,
  signal?: AbortSignal,
): Promise<ClusterLayout> {
  const layout = clusterLayout(cluster, roots)
  await host.files.makeFolder(layout.runtimeFolder, 0o711)
  await ensureNamespaceFolder(host, layout)
  await ensureClusterNetwork(host, layout, network, signal)
  return layout
}

/**
 * The place that `spec` describes: an existing whole one is kept with all that runs in it, half of one is taken away
 * first. Rejects when one exists that was made otherwise (other address or ranges).
 */
export async function ensurePlace(host: Host, spec: PlaceSpec, signal?: AbortSignal): Promise<Place> {
  const { cluster, node, inside, ephemeral = false, roots = defaultRoots } = spec
  const layout = placeLayout(cluster, node, roots)
  const record: PlaceRecord = {
    cluster,
    node,
    kind: inside === undefined ? 'host' : 'namespaces',
    // In this order: texts are compared.
    ...(inside === undefined ? {} : placeAddresses(inside)),
    ephemeral,
  }
  const text = `${JSON.stringify(record)}\n`
  const existing = await findPlace(host, cluster, node, roots)
  if (existing !== undefined) {
    if ((await host.files.readText(layout.recordFile)) !== text) {
      throw new Error(
        `Cannot make node "${node}" of cluster "${cluster}": it exists with other settings; take it away first`,
      )
    }
    return existing
  }
  await destroyPlace(host, cluster, node, { keepData: true, roots })
  const { files } = host
  await files.makeFolder(layout.runtimeFolder, 0o711)
  await files.makeFolder(layout.dataFolder, 0o711)
  for (const folder of [layout.placeFolder, layout.placeDataFolder, layout.rootFolder])
    await files.makeFolder(folder, 0o711)
  for (const folder of [
    layout.stateFolder,
    layout.cniFolder,
    layout.registriesFolder,
    layout.cniCacheFolder,
    layout.addressFolder,
  ]) {
    await files.makeFolder(folder)
  }
  // Addresses are handed out anew: no pod of a place that is gone has one.
  for (const name of await files.list(layout.addressFolder)) await files.remove(`${layout.addressFolder}/${name}`)
  if (inside !== undefined) {
    if (!isNamespace(layout.switchNamespace)) {
      throw new Error(`Cannot make node "${node}": cluster "${cluster}" has no network yet`)
    }
    await ensurePluginFolders(files, roots)
    await files.write(layout.networkNamespace, '')
    await files.write(layout.mountNamespace, '')
    const namespaces = [`--net=${layout.networkNamespace}`, `--mount=${layout.mountNamespace}`, '--propagation=slave']
    const { address, furtherAddresses = [], network } = inside
    const script = renderPlaceScript(layout, { addresses: [address, ...furtherAddresses], network, ephemeral })
    await runChecked(host.processes, ['unshare', ...namespaces, 'sh', '-c', script], {}, signal)
  }
  host.cgroups.create(layout.placeCgroup)
  await files.write(layout.recordFile, text)
  return placeOf(record, layout)
}

async function ensureNamespaceFolder(host: Host, layout: ClusterLayout): Promise<void> {
  await host.files.makeFolder(layout.namespaceFolder, 0o700)
  const mounted = host.mounts.list().filter((mount) => mount.target === layout.namespaceFolder)
  if (mounted.some((mount) => !mount.shared)) return
  if (mounted.length === 0) await host.mounts.bind(layout.namespaceFolder, layout.namespaceFolder)
  await runChecked(host.processes, ['mount', '--make-private', layout.namespaceFolder])
}

export interface DestroyOptions {
  /** Images, snapshots and logs stay on the disk for the next time. */
  readonly keepData?: boolean
  readonly roots?: Roots
}

/**
 * Ends everything that runs in a node's place and takes the place away: processes, mounts, namespaces, links, control
 * groups, folders. Works by name alone with everything already dead, or with nothing there. The cluster's switch stays
 * until `destroyCluster`.
 */
export async function destroyPlace(
  host: Host,
  cluster: string,
  node: string,
  options: DestroyOptions = {},
): Promise<void> {
  const { keepData = false, roots = defaultRoots } = options
  const layout = placeLayout(cluster, node, roots)
  await killInside(host, layout)
  await host.cgroups.remove(layout.placeCgroup)
  if (isNamespace(layout.switchNamespace))
    await host.ip(layout.switchNamespace).attempt([`link delete ${layout.switchLink}`])
  for (const file of [layout.mountNamespace, layout.networkNamespace]) {
    await host.mounts.unmount(file)
    await host.files.remove(file)
  }
  // A place that is the machine itself has its mounts here.
  await host.mounts.unmountBelow(layout.placeFolder)
  await host.mounts.unmountBelow(layout.placeDataFolder)
  await host.files.remove(layout.placeFolder)
  if (!keepData) await host.files.remove(layout.placeDataFolder)
}

/** The pids of everything of a node: what is in its namespaces, in its control groups, or serves its socket. Never our own. */
export function findProcessesInside(host: Pick<Host, 'processes' | 'cgroups'>, layout: PlaceLayout): number[] {
  const namespaces = [namespaceOfFile(layout.mountNamespace), namespaceOfFile(layout.networkNamespace)]
  const found = new Set(host.cgroups.processes(layout.placeCgroup))
  for (const running of host.processes.list()) {
    const { pid, mountNamespace, networkNamespace, command } = running
    const inside =
      (namespaces[0] !== undefined && mountNamespace === namespaces[0]) ||
      (namespaces[1] !== undefined && networkNamespace === namespaces[1])
    const serves = command.some((word) => word === layout.socket || word === layout.configFile)
    if (inside || serves) found.add(pid)
  }
  found.delete(process.pid)
  return [...found].filter((pid) => host.processes.identify(pid) !== undefined)
}

async function killInside(host: Host, layout: PlaceLayout): Promise<void> {
  const deadline = host.clock.now() + 20_000
  // Shims of a place without a mount namespace keep their sockets where all others on the machine do.
  const shared = isNamespace(layout.mountNamespace) ? [] : host.processes.socketsOf(findProcessesInside(host, layout))
  for (;;) {
    const pids = findProcessesInside(host, layout)
    if (pids.length === 0) break
    if (host.clock.now() > deadline)
      throw new Error(`Cannot end the processes of node "${layout.node}": ${pids.join(', ')} do not die`)
    for (const pid of pids) host.processes.kill(pid, 'SIGKILL')
    await host.clock.sleep(5)
  }
  for (const socket of shared.filter((path) => path.startsWith('/run/containerd/s/'))) await host.files.remove(socket)
}

/** Takes every place of a cluster away, then its switch, links and routes. With everything dead or nothing there, too. */
export async function destroyCluster(host: Host, cluster: string, options: DestroyOptions = {}): Promise<void> {
  const { keepData = false, roots = defaultRoots } = options
  const layout = clusterLayout(cluster, roots)
  for (const node of await findNodeFolders(host, layout)) await destroyPlace(host, cluster, node, options)
  await closeOutside(host, layout)
  await removeClusterNetwork(host, layout)
  await host.mounts.unmountBelow(layout.namespaceFolder)
  await host.cgroups.remove(layout.cgroup)
  host.cgroups.removeIfEmpty(allClusters)
  await host.files.remove(layout.runtimeFolder)
  await removePluginFolders(host.files, roots)
  if (!keepData) await host.files.remove(`${layout.dataFolder}/nodes`)
  for (const folder of [layout.dataFolder, roots.data, roots.runtime]) await host.files.removeIfEmpty(folder)
}

/** Nodes of which anything is left, by folder name (which is its own folder name again), namespace file or control group. */
async function findNodeFolders(host: Host, layout: ClusterLayout): Promise<string[]> {
  const runtime = (await host.files.list(layout.runtimeFolder)).filter((name) => !name.startsWith('.'))
  const files = (await host.files.list(layout.namespaceFolder)).filter(
    (name) => name.endsWith('.node-net') || name.endsWith('.node-mnt'),
  )
  const data = await host.files.list(`${layout.dataFolder}/nodes`)
  const names = [
    ...runtime,
    ...data,
    ...files.map((name) => name.slice(0, -'.node-net'.length)),
    ...host.cgroups.children(layout.cgroup),
  ]
  return [...new Set(names)]
}
