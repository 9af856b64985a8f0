import type { Pod } from '#api/core/v1/pod.ts'
import type { CgroupDetail, CgroupUsage, Cgroups } from '#lib/host/cgroup.ts'
import type { OwnUsage } from '#lib/host/ownUsage.ts'
import type { Files } from '#lib/host/files.ts'
import type { Clock } from '#lib/clock.ts'
import type { PodCgroups } from '../cgroups/podCgroups.ts'
import type { MachineFacts } from '../node/machine.ts'
import type { PodWorker } from '../podWorker.ts'
import type { ContainerRuntime, DiskUse, ObservedContainer } from '../runtime/containerRuntime.ts'
import { UsageRates } from './usageRates.ts'
import type { VolumeStats } from './volumeStats.ts'
import { parseNetworkDevices, type InterfaceStats } from './network.ts'

export interface NodeStatsOptions {
  readonly nodeName: string
  readonly clock: Clock
  readonly files: Pick<Files, 'readText' | 'space' | 'status' | 'list'>
  readonly machine: MachineFacts
  readonly cgroups: Cgroups
  readonly podCgroups: PodCgroups
  /** The control group of the pods of the node, and of what they are below. */
  readonly nodeCgroup: string
  /** The node's agent, which is in no control group of the node. */
  readonly own: () => OwnUsage
  /** Where what pods write is kept, and where their logs are. */
  readonly folder: string
  readonly logFolder: (pod: Pod) => string
  readonly workers: () => readonly PodWorker[]
  readonly volumes: VolumeStats
  readonly runtime: Pick<ContainerRuntime, 'written' | 'imageStore'>
  /** Aborts when the agent ends: nothing is asked of the runtime any more. */
  readonly signal: AbortSignal
}

/** A container that runs, and what it uses. */
export interface RunningContainer {
  readonly run: ObservedContainer
  readonly path: string
  readonly usage: CgroupUsage
}

/** What the documents about a node's use are made of. */
export class StatsSource {
  readonly options: NodeStatsOptions
  /** When the node's agent began: what is known of the node is known since then. */
  readonly startedAt: number
  readonly rates = new UsageRates()

  constructor(options: NodeStatsOptions) {
    this.options = options
    this.startedAt = options.clock.now()
  }

  /** The pods of the node and its agent, which on the first node is the control plane too. */
  node(): CgroupUsage | undefined {
    const usage = this.options.cgroups.usage(this.#root)
    // A host that is a node itself has its agent in the root of the groups.
    return usage === undefined || this.options.nodeCgroup === '' ? usage : together(usage, this.agent())
  }

  agent(): CgroupUsage {
    const { cpuNanoseconds, residentBytes } = this.options.own()
    return {
      cpuNanoseconds,
      memoryUsageBytes: residentBytes,
      memoryWorkingSetBytes: residentBytes,
      memoryRssBytes: residentBytes,
      pageFaults: 0,
      majorPageFaults: 0,
      pids: 1,
    }
  }

  /** How many processes and threads there may be on the machine, and are; undefined where the kernel does not say. */
  async processes(): Promise<{ readonly most: number; readonly running: number } | undefined> {
    const read = (path: string): Promise<string | undefined> => this.options.files.readText(path).catch(() => undefined)
    const [pids, threads, load] = await Promise.all(
      ['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max', '/proc/loadavg'].map(read),
    )
    const limits = [pids, threads].flatMap((text) => (text === undefined ? [] : [Number(text)]))
    const running = /\/(\d+) /.exec(load ?? '')?.[1]
    return limits.length === 0 || running === undefined
      ? undefined
      : { most: Math.min(...limits), running: Number(running) }
  }

  nodeDetail(): CgroupDetail | undefined {
    return this.options.cgroups.detail(this.#root)
  }

  get #root(): string {
    return this.options.nodeCgroup === '' ? '/' : this.options.nodeCgroup
  }

  /** Every container of a pod that runs. */
  *running({ pod, observed }: PodWorker): Iterable<RunningContainer> {
    const { cgroups, podCgroups } = this.options
    for (const run of observed.containers) {
      if (run.state !== 'running') continue
      const path = podCgroups.containerPath(pod, run.id)
      const usage = cgroups.usage(path)
      if (usage !== undefined) yield { run, path, usage }
    }
  }

  pod(pod: Pod): CgroupUsage | undefined {
    return this.options.podCgroups.usage(pod)
  }

  detail(path: string): CgroupDetail | undefined {
    return this.options.cgroups.detail(path)
  }

  /** What a container wrote beside volumes; nothing when it has ended meanwhile. */
  written({ id }: ObservedContainer): Promise<DiskUse> {
    const { runtime, signal } = this.options
    return runtime.written(id, signal).catch(() => ({ bytes: 0, inodes: 0 }))
  }

  /** The logs of all runs of a container that there are. */
  async logs(pod: Pod, container: string): Promise<DiskUse> {
    const { files, logFolder } = this.options
    const folder = `${logFolder(pod)}/${container}`
    const names = await files.list(folder)
    const sizes = await Promise.all(names.map(async (name) => (await files.status(`${folder}/${name}`))?.size ?? 0))
    return { bytes: sizes.reduce((sum, size) => sum + size, 0), inodes: names.length }
  }

  /** What went through the network of a pod; nothing for one in the node's own. */
  async network({ pod, observed }: PodWorker): Promise<readonly InterfaceStats[]> {
    if (pod.spec.hostNetwork === true) return []
    const sandbox = observed.sandboxes.find(({ ready }) => ready)
    if (sandbox === undefined) return []
    const { cgroups, podCgroups } = this.options
    const [process] = cgroups.processes(podCgroups.containerPath(pod, sandbox.id))
    return process === undefined ? [] : this.#devices(`/proc/${process}/net/dev`)
  }

  /** What went through the node's own network. */
  nodeNetwork(): Promise<readonly InterfaceStats[]> {
    return this.#devices('/proc/self/net/dev')
  }

  async #devices(path: string): Promise<readonly InterfaceStats[]> {
    // The process may have ended meanwhile.
    const text = await this.options.files.readText(path).catch(() => undefined)
    return parseNetworkDevices(text ?? '')
  }
}

function together(a: CgroupUsage, b: CgroupUsage): CgroupUsage {
  return {
    cpuNanoseconds: a.cpuNanoseconds + b.cpuNanoseconds,
    memoryUsageBytes: a.memoryUsageBytes + b.memoryUsageBytes,
    memoryWorkingSetBytes: a.memoryWorkingSetBytes + b.memoryWorkingSetBytes,
    memoryRssBytes: a.memoryRssBytes + b.memoryRssBytes,
    pageFaults: a.pageFaults + b.pageFaults,
    majorPageFaults: a.majorPageFaults + b.majorPageFaults,
    pids: a.pids + b.pids,
  }
}
