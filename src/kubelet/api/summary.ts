import type { CgroupUsage } from '#lib/host/cgroup.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { microTimeText, timeText } from '#machinery/time.ts'
import type { PodWorker } from '../podWorker.ts'
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
    for (const worker of workers()) {
      await yieldToEventLoop()
      pods.push(await this.#pod(worker, space))
    }
    const node = await this.#node(space)
    this.#source.rates.settle(this.#source.options.clock.now())
    return { node, pods }
  }

  async #node(space: Space): Promise<object> {
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
      runtime: { imageFs: fileSystem(time, space), containerFs: fileSystem(time, space) },
      ...(processes === undefined ? {} : { rlimit: { time, maxpid: processes.most, curproc: processes.running } }),
      swap: { time, swapAvailableBytes: machine.swapBytes, swapUsageBytes: source.nodeDetail()?.memorySwapBytes ?? 0 },
    }
  }

  async #pod(worker: PodWorker, space: Space): Promise<object> {
    const source = this.#source
    const { clock, podCgroups, volumes } = source.options
    const at = clock.now()
    const time = microTimeText(at)
    const { name, namespace, uid = '' } = worker.pod.metadata
    const usage = source.pod(worker.pod)
    const containers: object[] = []
    for (const running of source.running(worker)) containers.push(await this.#container(worker, running, at, space))
    const network = networkSummary(time, await source.network(worker))
    const swap = source.detail(podCgroups.pathOf(worker.pod))?.memorySwapBytes
    const volume = await volumes.of(worker)
    return {
      podRef: { name, namespace, uid },
      startTime: worker.status.startTime,
      containers,
      ...(volume.length === 0 ? {} : { volume }),
      ...(usage === undefined ? {} : this.#use(`pod ${uid}`, usage, at)),
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
      ...this.#use(run.id, usage, at),
      rootfs,
      logs: { ...fileSystem(time, space), usedBytes: logBytes },
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
