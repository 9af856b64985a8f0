import { step, type Surroundings } from '#cluster/commands/command.ts'
import {
  ensureCertificates,
  issueAdministrator,
  issueNodeClient,
  issueNodeServer,
  issueProxyClient,
  issueIngressClient,
  issueVolumesClient,
  readCredentials,
  writeCredentials,
  type ClusterCertificates,
  type Credentials,
} from './certificates.ts'
import { serverNames } from './addresses.ts'
import { architectureOf } from '#cluster/image/build.ts'
import type { Architecture } from '#cluster/image/pause.ts'
import { buildPauseImage, importSavedImages, saveImage } from '#cluster/image/store.ts'
import { kubeconfigOwner, mergeContext, writeAdminKubeconfig } from './kubeconfig.ts'
import { urlHost } from '#lib/net/ip.ts'
import { changingKubeconfig, whileAlone } from '#cluster/machineLock.ts'
import { pauseImage } from '#cluster/place/containerdConfig.ts'
import { ensureContainerd, startContainerd } from '#cluster/place/containerd.ts'
import { openOutside } from '#cluster/place/outside.ts'
import { ensureCluster, ensurePlace, type Place } from '#cluster/place/place.ts'
import { controlPlaneName, ensureNodeProcess, findNodeProcess, lastWords } from './processes.ts'
import { networkOf } from './creation.ts'
import { ensureHostPorts } from './hostPorts.ts'
import { blocksBeside, loadBalancerPool, planPoolRoutes } from './loadBalancerPool.ts'
import { addressesOf, clusterPaths, type ClusterRecord } from './record.ts'
import { waitForNodes, waitForServer } from './readiness.ts'

/** Brings everything of a noted cluster to life that is not alive, and waits until every node is ready. */
export async function bringUp(surroundings: Surroundings, record: ClusterRecord): Promise<ClusterRecord> {
  const { host, clock, roots } = surroundings
  const { config, nodes } = record
  const paths = clusterPaths(config.name, roots)
  const certificates = await step(surroundings, 'Certificates', () =>
    ensureCertificates(host.files, paths.certificateFolder, clock.now(), serverNames(record)),
  )
  await ensureAdministrator(surroundings, record, certificates)
  const hasLived = (await host.files.status(paths.storeFolder)) !== undefined
  let places: readonly Place[] = []
  if (nodes.length > 0) {
    await ensureNodeCredentials(surroundings, record, certificates)
    places = await step(
      surroundings,
      nodes.length === 1 ? 'Node and its containerd' : `${nodes.length} nodes, each with its containerd`,
      () => ensurePlaces(surroundings, record),
    )
    // Pods of before would look for their images at once.
    if (hasLived) await step(surroundings, 'Images', () => ensureImages(surroundings, record, places))
  }
  if (nodes.length > 0 && loadBalancerPool(record) !== undefined) await ensureHostPorts(surroundings)
  const all = nodes.length === 0 ? [controlPlaneName] : nodes.map(({ name }) => name)
  // What the API server knows of a node may be from before its process was started.
  const newProcesses = new Set<string>()
  const since = clock.now()
  await step(surroundings, 'Control plane', async () => {
    for (const node of all) {
      if ((await findNodeProcess(surroundings, config.name, node)) === undefined) newProcesses.add(node)
      await ensureNodeProcess(surroundings, record, node)
    }
    await waitForServer(surroundings, record, () => explainDeath(surroundings, record, controlPlaneName))
  })
  // Not beside the start of the control plane: a machine may keep many, and unpacking them takes all of its processors.
  if (nodes.length > 0 && !hasLived)
    await step(surroundings, 'Images', () => ensureImages(surroundings, record, places))
  await step(surroundings, 'Nodes ready', () =>
    waitForNodes(surroundings, record, { nodes: newProcesses, since }, async () => {
      for (const node of all) await explainDeath(surroundings, record, node)
    }),
  )
  const path = record.kubeconfig
  if (path !== undefined) {
    const owner = kubeconfigOwner(surroundings.environment, surroundings.uid)
    await whileAlone(surroundings, changingKubeconfig, () =>
      mergeContext(host.files, { path, owner }, config.name, paths.kubeconfigFile),
    )
  }
  return record
}

/** The places of a cluster's nodes, each with a containerd that has been started and answers soon. */
async function ensurePlaces(surroundings: Surroundings, record: ClusterRecord): Promise<readonly Place[]> {
  const { host, roots, signal } = surroundings
  const { config, nodes, nodeRange } = record
  const network = networkOf(config, nodeRange!)
  const layout = await ensureCluster(host, config.name, network, roots, signal)
  await host.ip().batch(planPoolRoutes(layout, blocksBeside(record)), signal)
  const places = await Promise.all(
    nodes.map(async ({ name, address, furtherAddresses }) => {
      const inside = { address, ...(furtherAddresses === undefined ? {} : { furtherAddresses }), network }
      const place: Place = await ensurePlace(
        host,
        { cluster: config.name, node: name, inside, ephemeral: config.ephemeral, roots },
        signal,
      )
      await startContainerd(host, place, {}, signal)
      return place
    }),
  )
  if (!config.outside) return places
  const namespaces = places.map((place) => place.layout.networkNamespace)
  await openOutside(host, layout, network, namespaces, signal)
  return places
}

/** Gives every node what this machine keeps of images, the one that each pod needs among them. */
async function ensureImages(
  surroundings: Surroundings,
  record: ClusterRecord,
  places: readonly Place[],
): Promise<void> {
  const { host, roots, signal } = surroundings
  await ensurePauseImage(surroundings, architectureOf(process.arch))
  const { imageFolder } = clusterPaths(record.config.name, roots)
  await Promise.all(
    places.map(async (place) => {
      await ensureContainerd(host, place, {}, signal)
      await importSavedImages(host, place, imageFolder, signal)
    }),
  )
}

/** The image of the process that holds a pod's namespaces is ours: nothing is fetched to start the first pod. */
async function ensurePauseImage({ host, roots }: Surroundings, architecture: Architecture): Promise<void> {
  const archive = await buildPauseImage(architecture, pauseImage)
  await saveImage(host, `${roots.data}/images`, pauseImage, archive.bytes)
}

async function ensureNodeCredentials(
  { host, clock, roots }: Surroundings,
  { config, nodes }: ClusterRecord,
  { signer }: ClusterCertificates,
): Promise<void> {
  const paths = clusterPaths(config.name, roots)
  for (const node of nodes) {
    const { name } = node
    const folder = paths.nodeFolder(name)
    await host.files.makeFolder(folder, 0o700)
    const now = clock.now()
    const issued: Readonly<Record<string, () => Credentials>> = {
      server: () => issueNodeServer(signer, now, name, addressesOf(node)),
      proxy: () => issueProxyClient(signer, now),
      volumes: () => issueVolumesClient(signer, now, name),
      ingress: () => issueIngressClient(signer, now),
      client: () => issueNodeClient(signer, now, name),
    }
    for (const [what, issue] of Object.entries(issued)) {
      const path = `${folder}/${what}`
      if ((await readCredentials(host.files, path)) === undefined) await writeCredentials(host.files, path, issue())
    }
  }
}

async function ensureAdministrator(
  { host, clock, roots }: Surroundings,
  record: ClusterRecord,
  { authority, signer }: ClusterCertificates,
): Promise<void> {
  const paths = clusterPaths(record.config.name, roots)
  if ((await host.files.status(paths.kubeconfigFile)) !== undefined) return
  await writeAdminKubeconfig(
    host.files,
    paths.kubeconfigFile,
    record,
    authority,
    issueAdministrator(signer, clock.now()),
  )
}

/** Rejects with what a node's process said last, if it has died. */
async function explainDeath(surroundings: Surroundings, { config }: ClusterRecord, node: string): Promise<void> {
  if ((await findNodeProcess(surroundings, config.name, node)) !== undefined) return
  const log = clusterPaths(config.name, surroundings.roots).logFile(node)
  const words = await lastWords(surroundings.host, log)
  throw new Error(`the process of "${node}" has ended; its log (${log}) ends with:\n${words}`)
}

/** What to tell the person after `up`. */
export function describeCluster({ config, nodes, server }: ClusterRecord, milliseconds: number): readonly string[] {
  const parts = [
    ...(nodes.length > 0 ? [`${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`] : []),
    ...(config.simulatedNodes > 0
      ? [`${config.simulatedNodes} simulated ${config.simulatedNodes === 1 ? 'node' : 'nodes'}`]
      : []),
  ]
  return [
    `Cluster "${config.name}" is ready after ${(milliseconds / 1000).toFixed(1)} s: ${parts.join(' and ')}, API server at https://${urlHost(server.address)}:${server.port}`,
    config.podNetwork === false
      ? 'Its nodes become ready once you install a network plugin, for example with "kubectl apply"'
      : `Try: kubectl get nodes`,
  ]
}
