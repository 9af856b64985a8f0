import type { CgroupUsage } from '#lib/host/cgroup.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { microTimeText, timeText } from '#machinery/time.ts'
import type { PodWorker } from '../podWorker.ts'
import { networkSummary } from './network.ts'
import type { RunningContainer, StatsSource } from './statsSource.ts'

interface Sample {
  readonly at: number
  readonly cpuNanoseconds: number
}

/** Rates are taken over at least this, so that two readers in a row do not get noise. */
const leastWindow = 5_000

/** `/stats/summary`: reads what is used when it is asked; nothing runs in between. */
export class StatsSummary {
  readonly #source: StatsSource
  /** Of each thing that was read: the sample before, and the newest one that is old enough to follow it. */
  readonly #samples = new Map<string, readonly [Sample, Sample]>()

  constructor(source: StatsSource) {
    this.#source = source
  }

  async read(): Promise<object> {
    const seen = new Set<string>()
    const pods: object[] = []
    const { workers, files, folder } = this.#source.options
    const space = await files.space(folder)
    for (const worker of workers()) {
      await yieldToEventLoop()
      pods.push(await this.#pod(worker, space, seen))
    }
    const node = await this.#node(space, seen)
    for (const key of this.#samples.keys()) if (!seen.has(key)) this.#samples.delete(key)
    return { node, pods }
  }

  async #node(space: Space, seen: Set<string>): Promise<object> {
    const source = this.#source
    const { nodeName, clock, machine, nodeCgroup, cgroups, files } = source.options
    const at = clock.now()
    const time = microTimeText(at)
    const usage = source.node()
    const network = networkSummary(time, await source.nodeNetwork())
    const podsUsage = cgroups.usage(`${nodeCgroup}/kubepods`)
    const [mostProcesses, load] = await Promise.all(
      ['/proc/sys/kernel/pid_max', '/proc/loadavg'].map((path) => files.readText(path).catch(() => undefined)),
    )
    const processes = /\/(\d+) /.exec(load ?? '')?.[1]
    return {
      nodeName,
      systemContainers:
        podsUsage === undefined
          ? []
          : [{ name: 'pods', startTime: timeText(source.startedAt), ...this.#use('pods', podsUsage, at, seen) }],
      startTime: timeText(source.startedAt),
      ...(usage === undefined ? {} : this.#use('node', usage, at, seen, machine.memoryBytes)),
      ...(network === undefined ? {} : { network }),
      fs: fileSystem(time, space),
      runtime: { imageFs: fileSystem(time, space), containerFs: fileSystem(time, space) },
      ...(mostProcesses === undefined || processes === undefined
        ? {}
        : { rlimit: { time, maxpid: Number(mostProcesses), curproc: Number(processes) } }),
      swap: { time, swapAvailableBytes: machine.swapBytes, swapUsageBytes: source.nodeDetail()?.memorySwapBytes ?? 0 },
    }
  }

  async #pod(worker: PodWorker, space: Space, seen: Set<string>): Promise<object> {
    const source = this.#source
    const { clock, podCgroups, volumes } = source.options
    const at = clock.now()
    const time = microTimeText(at)
    const { name, namespace, uid = '' } = worker.pod.metadata
    const usage = source.pod(worker.pod)
    const containers: object[] = []
    for (const running of source.running(worker))
      containers.push(await this.#container(worker, running, at, space, seen))
    const network = networkSummary(time, await source.network(worker))
    const swap = source.detail(podCgroups.pathOf(worker.pod))?.memorySwapBytes
    const volume = await volumes.of(worker)
    return {
      podRef: { name, namespace, uid },
      startTime: worker.status.startTime,
      containers,
      ...(volume.length === 0 ? {} : { volume }),
      ...(usage === undefined ? {} : this.#use(`pod ${uid}`, usage, at, seen)),
      ...(network === undefined ? {} : { network }),
      ...(usage === undefined ? {} : { process_stats: { process_count: usage.pids } }),
      ...(swap === undefined ? {} : { swap: { time, swapUsageBytes: swap } }),
    }
  }

  async #container(
    { pod }: PodWorker,
    { run, path, usage }: RunningContainer,
    at: number,
    space: Space,
    seen: Set<string>,
  ): Promise<object> {
    const { files, logFolder } = this.#source.options
    const time = microTimeText(at)
    const folder = `${logFolder(pod)}/${run.name}`
    let logBytes = 0
    for (const name of await files.list(folder)) logBytes += (await files.status(`${folder}/${name}`))?.size ?? 0
    const { usedBytes: _used, inodesUsed: _inodes, ...rootfs } = fileSystem(time, space)
    const swap = this.#source.detail(path)?.memorySwapBytes
    return {
      name: run.name,
      startTime: timeText(run.startedAt ?? run.createdAt),
      ...this.#use(run.id, usage, at, seen),
      rootfs,
      logs: { ...fileSystem(time, space), usedBytes: logBytes },
      ...(swap === undefined ? {} : { swap: { time, swapUsageBytes: swap } }),
    }
  }

  #use(key: string, usage: CgroupUsage, at: number, seen: Set<string>, memoryBytes?: number): object {
    seen.add(key)
    const time = microTimeText(at)
    return {
      cpu: {
        time,
        usageNanoCores: this.#rate(key, usage.cpuNanoseconds, at),
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

  /** Nanoseconds of processor time per second. */
  #rate(key: string, cpuNanoseconds: number, at: number): number {
    const now: Sample = { at, cpuNanoseconds }
    const [before, newest] = this.#samples.get(key) ?? [now, now]
    const base = at - newest.at >= leastWindow ? newest : before
    if (at - newest.at >= leastWindow || newest === now) this.#samples.set(key, [newest, now])
    const span = at - base.at
    return span <= 0 ? 0 : Math.max(0, Math.round(((cpuNanoseconds - base.cpuNanoseconds) * 1000) / span))
  }
}

interface Space {
  readonly freeBytes: number
  readonly usedBytes: number
  readonly totalBytes: number
  readonly freeInodes: number
  readonly totalInodes: number
}

function fileSystem(time: string, { freeBytes, usedBytes, totalBytes, freeInodes, totalInodes }: Space) {
  return {
    time,
    availableBytes: freeBytes,
    capacityBytes: totalBytes,
    usedBytes,
    inodesFree: freeInodes,
    inodes: totalInodes,
    inodesUsed: totalInodes - freeInodes,
  }
}
