/**
 * The node agent: runs the pods that are bound to its node, through a container runtime, and tells the API server how
 * they are. `plan/` decides without input or output, `podWorker.ts` acts for one pod, and the folders beside it are the
 * parts of the machine: runtime, volumes, probes, images, control groups, the node object, the server for logs and exec.
 * Scheduling, service networking and the names of services are elsewhere.
 */
import { services as serviceResource } from '#api/core/v1/service.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers } from '#client/informers.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { Semaphore } from '#lib/async/mutex.ts'
import type { Component } from '#lib/component.ts'
import { kubeletApi, type KubeletApi } from './api/kubeletApi.ts'
import { rotateLogs, type RotatedLog } from './api/logRotation.ts'
import { startKubeletServer } from './api/server.ts'
import { ownUsage } from '#lib/host/ownUsage.ts'
import { nodeStats } from './api/stats.ts'
import { StatsSource } from './api/statsSource.ts'
import { KubeletMetrics } from './kubeletMetrics.ts'
import { volumeStats } from './api/volumeStats.ts'
import { PodCgroups } from './cgroups/podCgroups.ts'
import { assemblePressure } from './eviction/assemblePressure.ts'
import { ImagePuller } from './images/imagePuller.ts'
import { collectImages } from './images/collectImages.ts'
import { imageDisk } from './images/imageDisk.ts'
import { removeUnusedImages, usedImages } from './images/imageRemover.ts'
import { ImageUses } from './images/unusedImages.ts'
import { readMachine } from './node/machine.ts'
import { NodeReporter } from './node/nodeReporter.ts'
import { memoryFolder, podLogFolder, type NodeServices } from './nodeServices.ts'
import type { KubeletOptions } from './options.ts'
import { apiPodSource } from './podSource.ts'
import { PodWorkers } from './podWorkers.ts'
import { completeSettings } from './settings.ts'
import { watchStorageLimits } from './storageLimits.ts'
import { ReferencedObjectsCache } from './referencedObjects.ts'

export type { KubeletApi } from './api/kubeletApi.ts'
export type { KubeletDirectories, KubeletOptions, KubeletServerOptions, NodeDns } from './options.ts'

/** One node's agent. */
export interface Kubelet extends Component {
  /** Answers what is asked about this node's containers, without HTTPS; undefined while the agent does not run. */
  readonly api: KubeletApi | undefined
}

/** Makes a node's agent. Containers go on when it stops, and are found again by the next one. */
export function kubelet(options: KubeletOptions): Kubelet {
  let api: KubeletApi | undefined
  return {
    name: 'kubelet',
    get api() {
      return api
    },
    async run(ready, signal) {
      try {
        await runKubelet(options, (made) => (api = made), ready, signal)
      } finally {
        api = undefined
      }
    },
  }
}

const defaultPort = 10250

async function runKubelet(
  given: KubeletOptions,
  offer: (api: KubeletApi) => void,
  ready: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { host } = given
  await host.files.makeFolder(`${given.directories.root}/pods`, 0o755)
  // Mounts are listed without links, and what is mounted must be known before anything is removed.
  const root = (await host.files.realPath(given.directories.root)) ?? given.directories.root
  const options = { ...given, directories: { ...given.directories, root } }
  const { client, clock, random, runtime, nodeName, directories, addresses } = options
  const report = options.report ?? (() => {})
  await host.files.makeFolder(directories.logs, 0o755)
  await mountMemory(options)
  const machine = options.machine ?? (await readMachine(host.files, directories.root))
  const informer = { client, clock, random, report }
  const events = options.events ?? eventWriter(informer)
  const recorder = events.recorder('kubelet', nodeName)
  const podCgroups = new PodCgroups(host.cgroups, options.cgroupRoot)
  const use = new StatsSource({
    nodeName,
    clock,
    files: host.files,
    machine,
    cgroups: host.cgroups,
    podCgroups,
    nodeCgroup: options.cgroupRoot,
    own: ownUsage,
    folder: directories.root,
    logFolder: (pod) => podLogFolder(options, pod),
    workers: () => workers.all(),
    volumes: volumeStats({ files: host.files, clock, pods: () => workers.all() }),
    runtime,
    signal,
  })
  const metrics = new KubeletMetrics(nodeName, clock, () => workers.all())
  const settings = completeSettings(options.settings)
  const disk = imageDisk(runtime, host.files, directories.root, signal)
  const uses = new ImageUses(options.keptImages ?? [], settings.imageMinimumGCAge)
  const removeImages = (bytes: number): Promise<number> =>
    removeUnusedImages({ runtime, clock, uses, report }, bytes, signal)
  const pressure = assemblePressure({
    options,
    settings,
    source: use,
    disk,
    removeImages: () => removeImages(Infinity),
    recorder,
    metrics,
    changed: () => reporter.lookNow(),
    report,
  })
  const reporter = new NodeReporter({
    client,
    clock,
    random,
    runtime,
    machine,
    recorder,
    report,
    pressures: () => pressure.conditions,
    imagesSeen: (images) => uses.note(images, usedImages(workers.all().map(({ observed }) => observed)), clock.now()),
    description: {
      name: nodeName,
      addresses,
      labels: options.labels ?? {},
      taints: options.taints ?? [],
      port: options.server?.port ?? defaultPort,
      capacity: options.capacity ?? {},
      thresholds: pressure.thresholds,
    },
  })
  const informers = options.informers ?? sharedInformers(informer)
  const services = informers.of(serviceResource)
  using source = apiPodSource(informers, nodeName)
  const objects = new ReferencedObjectsCache({
    ...informer,
    changed: (uids) => {
      for (const uid of uids) workers.find(uid)?.sourcesChanged()
    },
  })
  let hosts: string | undefined
  const node: NodeServices = {
    nodeName,
    client,
    runtime,
    host,
    clock,
    directories,
    addresses,
    dns: options.dns,
    cgroups: podCgroups,
    images: new ImagePuller(runtime, clock),
    objects,
    recorder,
    metrics,
    sandboxStarts: new Semaphore(options.sandboxStartsAtOnce ?? 4),
    async services(stop) {
      if (!services.hasSynced) await services.synced(stop)
      return services.list()
    },
    hasAppArmor: machine.hasAppArmor,
    allocatable: () => reporter.allocatable,
    pressures: () => pressure.conditions,
    node: () => reporter.node,
    volumeUsers: new Map(),
    admitPod: options.admitPod ?? (() => Promise.resolve()),
    hostsFile: async () => (hosts ??= (await host.files.readText('/etc/hosts')) ?? ''),
    report,
  }
  const workers = new PodWorkers(node, () => reporter.node, signal)
  const api = kubeletApi(node, () => workers.all(), options.systemLog)
  const stats = nodeStats(use)
  const server =
    options.server === undefined
      ? undefined
      : await startKubeletServer(options.server, { api, stats, metrics, clock }, report)
  offer(api)
  const running: Promise<void>[] = []
  if (options.events === undefined) running.push(events.run(signal))
  if (options.informers === undefined) running.push(informers.run(signal))
  try {
    await reporter.register(signal)
    running.push(reporter.run(signal))
    await source.synced(signal)
    using _following = source.onChange((pod, before) => workers.change(pod, before))
    running.push(
      followRuntime(options, workers, signal),
      removeOrphans(options, source.list(), workers, signal),
      rotate(options, node, workers, signal),
      pressure.run(signal),
      collectImages(
        {
          settings,
          nodeName,
          clock,
          recorder,
          readSpace: async () => host.files.space(await disk.folder()),
          remove: removeImages,
          report,
        },
        signal,
      ),
      watchStorageLimits(
        {
          clock,
          files: host.files,
          runtime,
          logFolder: (pod) => podLogFolder(node, pod),
          workers: () => workers.all(),
          evicted: (limit) => metrics.evicted(limit),
          report,
        },
        signal,
      ),
    )
    ready()
    await untilAborted(signal)
  } finally {
    objects.close()
    await server?.close()
    await Promise.allSettled([...running, workers.ended()])
  }
}

async function followRuntime({ runtime }: KubeletOptions, workers: PodWorkers, signal: AbortSignal): Promise<void> {
  for await (const uid of runtime.changes(signal)) workers.poke(uid)
}

/** A file system in memory for what is secret, made once for as long as the node has its mounts. */
async function mountMemory({ host: { files, mounts }, directories }: KubeletOptions): Promise<void> {
  const folder = memoryFolder({ directories })
  await files.makeFolder(folder, 0o755)
  if (!mounts.list().some((mount) => mount.target === folder)) await mounts.mountTmpfs(folder, { mode: 0o755 })
}

function rotate(
  { logRotation, host, clock, runtime }: KubeletOptions,
  node: NodeServices,
  workers: PodWorkers,
  signal: AbortSignal,
): Promise<void> {
  const { maxBytes, files: keep } = logRotation ?? { maxBytes: 10 * 2 ** 20, files: 5 }
  const logs = (): RotatedLog[] =>
    workers
      .all()
      .flatMap(({ pod, observed }) =>
        observed.containers
          .filter((run) => run.state === 'running')
          .map((run) => ({ containerId: run.id, path: `${podLogFolder(node, pod)}/${run.name}/${run.attempt}.log` })),
      )
  return rotateLogs({ files: host.files, clock, runtime, maxBytes, keep, logs, report: node.report }, signal)
}

/** What is left of pods that were deleted while no agent ran. */
async function removeOrphans(
  { runtime, host, directories, clock, report }: KubeletOptions,
  known: readonly { readonly metadata: { readonly uid?: string } }[],
  workers: PodWorkers,
  signal: AbortSignal,
): Promise<void> {
  const uids = new Set(known.map((pod) => pod.metadata.uid))
  for (;;) {
    try {
      const left = [...(await runtime.pods(signal))]
      for (const uid of await host.files.list(`${directories.root}/pods`)) {
        if (!left.some((pod) => pod.uid === uid)) left.push({ uid, name: '', namespace: '' })
      }
      for (const folder of await host.files.list(directories.logs)) {
        const [namespace = '', name = '', uid = ''] = folder.split('_')
        if (uid !== '' && !left.some((pod) => pod.uid === uid && pod.name !== ''))
          left.unshift({ uid, name, namespace })
      }
      for (const pod of left) if (!uids.has(pod.uid)) workers.removeOrphan(pod)
      return
    } catch (error) {
      if (signal.aborted) return
      report?.('Cannot list what the container runtime has', error)
      await clock.sleep(1_000, signal).catch(() => {})
    }
  }
}
