import type { CgroupUsage } from '#lib/host/cgroup.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { microTimeText, timeText } from '#machinery/time.ts'
import { localVolumes } from '../plan/localVolumes.ts'
import type { PodWorker } from '../podWorker.ts'
import type { DiskUse } from '../runtime/containerRuntime.ts'
import { networkSummary } from './network.ts'
import type { RunningContainer, StatsSource } from './statsSource.ts'

/** `/stats/summary`: reads what is used when it is asked. */
export class StatsSummary {
  readonly #source: StatsSource

  constructor(source: StatsSource) {
    this.#source = source
  }

  async read(): Promise<object> {
    const pods: object[] = []
    const { workers, files, folder } = this.#source.options
    const space = await files.space(folder)
    const images = await this.#images()
    for (const worker of workers()) {
      await yieldToEventLoop()
      pods.push(await this.#pod(worker, space, images ?? space))
    }
    const node = await this.#node(space, images)
    this.#source.rates.settle(this.#source.options.clock.now())
    return { node, pods }
  }

  /** The disk of images, of which they and what containers write take up a part; undefined while the runtime is away. */
  async #images(): Promise<Space | undefined> {
    const { runtime, signal, files } = this.#source.options
    try {
      const { folder, bytes, inodes } = await runtime.imageStore(signal)
      return { ...(await files.space(folder)), usedBytes: bytes, usedInodes: inodes }
    } catch {
      return undefined
    }
  }

  async #node(space: Space, images: Space | undefined): Promise<object> {
    const source = this.#source
    const { nodeName, clock, machine, nodeCgroup, cgroups } = source.options
    const at = clock.now()
    const time = microTimeText(at)
    const usage = source.node()
    const network = networkSummary(time, await source.nodeNetwork())
    const podsUsage = cgroups.usage(`${nodeCgroup}/kubepods`)
    const processes = await source.processes()
    return {
      nodeName,
      systemContainers: [
        { name: 'kubelet', startTime: timeText(source.startedAt), ...this.#use('kubelet', source.agent(), at) },
        ...(podsUsage === undefined
          ? []
          : [{ name: 'pods', startTime: timeText(source.startedAt), ...this.#use('pods', podsUsage, at) }]),
      ],
      startTime: timeText(source.startedAt),
      ...(usage === undefined ? {} : this.#use('node', usage, at, machine.memoryBytes)),
      ...(network === undefined ? {} : { network }),
      fs: fileSystem(time, space),
      ...(images === undefined
        ? {}
        : { runtime: { imageFs: fileSystem(time, images), containerFs: fileSystem(time, images) } }),
      ...(processes === undefined ? {} : { rlimit: { time, maxpid: processes.most, curproc: processes.running } }),
      swap: { time, swapAvailableBytes: machine.swapBytes, swapUsageBytes: source.nodeDetail()?.memorySwapBytes ?? 0 },
    }
  }

  async #pod(worker: PodWorker, space: Space, images: Space): Promise<object> {
    const source = this.#source
    const { clock, podCgroups, volumes } = source.options
    const at = clock.now()
    const time = microTimeText(at)
    const { name, namespace, uid = '' } = worker.pod.metadata
    const usage = source.pod(worker.pod)
    const containers: object[] = []
    let written: DiskUse = { bytes: 0, inodes: 0 }
    for (const running of source.running(worker)) {
      const container = await this.#container(worker, running, at, space, images)
      containers.push(container)
      written = plus(plus(written, container.rootfs), container.logs)
    }
    const network = networkSummary(time, await source.network(worker))
    const swap = source.detail(podCgroups.pathOf(worker.pod))?.memorySwapBytes
    const volume = await volumes.of(worker)
    const local = localVolumes(worker.pod)
    for (const each of volume) if (local.has(each.name)) written = plus(written, each)
    return {
      podRef: { name, namespace, uid },
      startTime: worker.status.startTime,
      containers,
      ...(volume.length === 0 ? {} : { volume }),
      ...(usage === undefined ? {} : this.#use(`pod ${uid}`, usage, at)),
      ...(network === undefined ? {} : { network }),
      'ephemeral-storage': fileSystem(time, { ...space, usedBytes: written.bytes, usedInodes: written.inodes }),
      ...(usage === undefined ? {} : { process_stats: { process_count: usage.pids } }),
      ...(swap === undefined ? {} : { swap: { time, swapUsageBytes: swap } }),
    }
  }

  async #container(
    { pod }: PodWorker,
    { run, path, usage }: RunningContainer,
    at: number,
    space: Space,
    images: Space,
  ) {
    const time = microTimeText(at)
    const [written, logs] = await Promise.all([this.#source.written(run), this.#source.logs(pod, run.name)])
    const swap = this.#source.detail(path)?.memorySwapBytes
    return {
      name: run.name,
      startTime: timeText(run.startedAt ?? run.createdAt),
      ...this.#use(run.id, usage, at),
      rootfs: fileSystem(time, { ...images, usedBytes: written.bytes, usedInodes: written.inodes }),
      logs: fileSystem(time, { ...space, usedBytes: logs.bytes, usedInodes: logs.inodes }),
      ...(swap === undefined ? {} : { swap: { time, swapUsageBytes: swap } }),
    }
  }

  #use(key: string, usage: CgroupUsage, at: number, memoryBytes?: number): object {
    const time = microTimeText(at)
    return {
      cpu: {
        time,
        usageNanoCores: this.#source.rates.rate(key, usage.cpuNanoseconds, at),
        usageCoreNanoSeconds: usage.cpuNanoseconds,
      },
      memory: {
        time,
        ...(memoryBytes === undefined
          ? {}
          : { availableBytes: Math.max(0, memoryBytes - usage.memoryWorkingSetBytes) }),
        usageBytes: usage.memoryUsageBytes,
        workingSetBytes: usage.memoryWorkingSetBytes,
        rssBytes: usage.memoryRssBytes,
        pageFaults: usage.pageFaults,
        majorPageFaults: usage.majorPageFaults,
      },
    }
  }
}

interface Space {
  readonly freeBytes: number
  readonly usedBytes: number
  readonly totalBytes: number
  readonly freeInodes: number
  readonly totalInodes: number
  /** What is not free unless told. */
  readonly usedInodes?: number
}

type FileSystemFigures = ReturnType<typeof fileSystem>

/** What is used of one and of the other. */
function plus(sum: DiskUse, { usedBytes, inodesUsed }: Pick<FileSystemFigures, 'usedBytes' | 'inodesUsed'>): DiskUse {
  return { bytes: sum.bytes + usedBytes, inodes: sum.inodes + inodesUsed }
}

function fileSystem(time: string, space: Space) {
  const { freeBytes, usedBytes, totalBytes, freeInodes, totalInodes, usedInodes = totalInodes - freeInodes } = space
  return {
    time,
    availableBytes: freeBytes,
    capacityBytes: totalBytes,
    usedBytes,
    inodesFree: freeInodes,
    inodes: totalInodes,
    inodesUsed: usedInodes,
  }
}
