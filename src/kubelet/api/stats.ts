import type { CgroupUsage, Cgroups } from '#lib/host/cgroup.ts'
import { microTimeText } from '#machinery/time.ts'
import type { Clock } from '#lib/clock.ts'
import type { PodCgroups } from '../cgroups/podCgroups.ts'
import type { PodWorker } from '../podWorker.ts'
import type { VolumeStats } from './volumeStats.ts'

/** What the node and its containers use, in the two forms in which kubelets tell it. */
export interface NodeStats {
  /** `/stats/summary`. */
  summary(): Promise<object>
  /** `/metrics`: what is told of volumes behind claims. */
  volumeMetrics(): Promise<string>
  /** `/metrics/resource`, in Prometheus' text form. */
  resourceMetrics(): string
}

export interface NodeStatsOptions {
  readonly nodeName: string
  readonly clock: Clock
  readonly cgroups: Cgroups
  readonly podCgroups: PodCgroups
  /** The control group of everything on the node. */
  readonly nodeCgroup: string
  readonly workers: () => readonly PodWorker[]
  readonly volumes: VolumeStats
}

interface Sample {
  readonly at: number
  readonly cpuNanoseconds: number
}

/** Rates are taken over at least this, so that two readers in a row do not get noise. */
const leastWindow = 5_000

/** Reads control groups when asked; nothing runs in between. */
export function nodeStats(options: NodeStatsOptions): NodeStats {
  const { nodeName, clock, cgroups, podCgroups, nodeCgroup, workers, volumes } = options
  /** Of each thing that was read: the sample before, and the newest one that is old enough to follow it. */
  const samples = new Map<string, readonly [Sample, Sample]>()

  /** Nanoseconds of processor time per second. */
  const rateOf = (key: string, cpuNanoseconds: number, at: number): number => {
    const now: Sample = { at, cpuNanoseconds }
    const [before, newest] = samples.get(key) ?? [now, now]
    const base = at - newest.at >= leastWindow ? newest : before
    if (at - newest.at >= leastWindow || newest === now) samples.set(key, [newest, now])
    const span = at - base.at
    return span <= 0 ? 0 : Math.max(0, Math.round(((cpuNanoseconds - base.cpuNanoseconds) * 1000) / span))
  }
  const usageOf = (key: string, usage: CgroupUsage, at: number): object => {
    const time = microTimeText(at)
    return {
      cpu: {
        time,
        usageNanoCores: rateOf(key, usage.cpuNanoseconds, at),
        usageCoreNanoSeconds: usage.cpuNanoseconds,
      },
      memory: {
        time,
        usageBytes: usage.memoryUsageBytes,
        workingSetBytes: usage.memoryWorkingSetBytes,
        rssBytes: usage.memoryRssBytes,
        pageFaults: usage.pageFaults,
        majorPageFaults: usage.majorPageFaults,
      },
    }
  }
  /** Every running container with what it uses. */
  const running = function* (worker: PodWorker) {
    for (const run of worker.observed.containers) {
      if (run.state !== 'running') continue
      const usage = podCgroups.containerUsage(worker.pod, run.id)
      if (usage !== undefined) yield { run, usage }
    }
  }

  return {
    async summary() {
      const at = clock.now()
      const node = cgroups.usage(nodeCgroup === '' ? '/' : nodeCgroup)
      const seen = new Set<string>(['node'])
      const use = (key: string, usage: CgroupUsage): object => {
        seen.add(key)
        return usageOf(key, usage, at)
      }
      const pods = workers().map(async (worker) => {
        const { name, namespace, uid = '' } = worker.pod.metadata
        const usage = podCgroups.usage(worker.pod)
        const volume = await volumes.of(worker)
        return {
          podRef: { name, namespace, uid },
          startTime: worker.status.startTime,
          containers: [...running(worker)].map(({ run, usage: own }) => ({
            name: run.name,
            startTime: new Date(run.startedAt ?? run.createdAt).toISOString(),
            ...use(run.id, own),
          })),
          ...(volume.length === 0 ? {} : { volume }),
          ...(usage === undefined ? {} : { ...use(`pod ${uid}`, usage), process_stats: { process_count: usage.pids } }),
        }
      })
      const answer = {
        node: { nodeName, ...(node === undefined ? {} : usageOf('node', node, at)) },
        pods: await Promise.all(pods),
      }
      for (const key of samples.keys()) if (!seen.has(key)) samples.delete(key)
      return answer
    },
    volumeMetrics: () => volumes.metrics(),
    resourceMetrics() {
      const at = clock.now()
      const cpu: string[] = []
      const memory: string[] = []
      const starts: string[] = []
      const podCpu: string[] = []
      const podMemory: string[] = []
      for (const worker of workers()) {
        const { name, namespace } = worker.pod.metadata
        const pod = `namespace="${namespace}",pod="${name}"`
        for (const { run, usage } of running(worker)) {
          const labels = `{container="${run.name}",${pod}}`
          cpu.push(`container_cpu_usage_seconds_total${labels} ${usage.cpuNanoseconds / 1e9} ${at}`)
          memory.push(`container_memory_working_set_bytes${labels} ${usage.memoryWorkingSetBytes} ${at}`)
          starts.push(`container_start_time_seconds${labels} ${(run.startedAt ?? run.createdAt) / 1000}`)
        }
        const usage = podCgroups.usage(worker.pod)
        if (usage === undefined) continue
        podCpu.push(`pod_cpu_usage_seconds_total{${pod}} ${usage.cpuNanoseconds / 1e9} ${at}`)
        podMemory.push(`pod_memory_working_set_bytes{${pod}} ${usage.memoryWorkingSetBytes} ${at}`)
      }
      const node = cgroups.usage(nodeCgroup === '' ? '/' : nodeCgroup)
      const metric = (name: string, help: string, type: string, lines: readonly string[]): string[] =>
        lines.length === 0 ? [] : [`# HELP ${name} [STABLE] ${help}`, `# TYPE ${name} ${type}`, ...lines]
      return [
        ...metric(
          'container_cpu_usage_seconds_total',
          'Cumulative cpu time consumed by the container in core-seconds',
          'counter',
          cpu,
        ),
        ...metric(
          'container_memory_working_set_bytes',
          'Current working set of the container in bytes',
          'gauge',
          memory,
        ),
        ...metric(
          'container_start_time_seconds',
          'Start time of the container since unix epoch in seconds',
          'gauge',
          starts,
        ),
        ...metric(
          'node_cpu_usage_seconds_total',
          'Cumulative cpu time consumed by the node in core-seconds',
          'counter',
          node === undefined ? [] : [`node_cpu_usage_seconds_total ${node.cpuNanoseconds / 1e9} ${at}`],
        ),
        ...metric(
          'node_memory_working_set_bytes',
          'Current working set of the node in bytes',
          'gauge',
          node === undefined ? [] : [`node_memory_working_set_bytes ${node.memoryWorkingSetBytes} ${at}`],
        ),
        ...metric(
          'pod_cpu_usage_seconds_total',
          'Cumulative cpu time consumed by the pod in core-seconds',
          'counter',
          podCpu,
        ),
        ...metric('pod_memory_working_set_bytes', 'Current working set of the pod in bytes', 'gauge', podMemory),
        ...metric(
          'resource_scrape_error',
          '1 if there was an error while getting container metrics, 0 otherwise',
          'gauge',
          ['resource_scrape_error 0'],
        ),
      ].join('\n')
    },
  }
}
