import { yieldToEventLoop } from '#lib/async/yield.ts'
import type { CgroupDetail, CgroupUsage } from '#lib/host/cgroup.ts'
import type { InterfaceStats } from './network.ts'
import { familiesText, labelText, TextFamily } from './promText.ts'
import type { StatsSource } from './statsSource.ts'

interface Figures {
  readonly usage: CgroupUsage
  readonly detail: CgroupDetail
  readonly startedAt: number
  readonly at: number
}

interface Measure {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** Behind the labels of the container. */
  readonly labels?: string
  /** Undefined: not told of this container. */
  value(figures: Figures): number | undefined
}

const counter = (name: string, help: string, value: Measure['value'], labels?: string): Measure => ({
  name,
  help,
  type: 'counter',
  value,
  ...(labels === undefined ? {} : { labels }),
})
const gauge = (name: string, help: string, value: Measure['value']): Measure => ({ name, help, type: 'gauge', value })

const seconds = (nanoseconds: number): number => nanoseconds / 1e9
const limited = (bytes: number): number => (bytes === Infinity ? 0 : bytes)
/** Of containers with a limit of processor time alone. */
const ifLimited =
  (value: (detail: CgroupDetail) => number): Measure['value'] =>
  ({ detail }) =>
    detail.cpuQuotaMicros < 0 ? undefined : value(detail)

/** What is told of each container, of each pod and of the node, by the names of cAdvisor. */
const measures: readonly Measure[] = [
  counter(
    'container_cpu_cfs_periods_total',
    'Number of elapsed enforcement period intervals.',
    ifLimited(({ periods }) => periods),
  ),
  counter(
    'container_cpu_cfs_throttled_periods_total',
    'Number of throttled period intervals.',
    ifLimited(({ throttledPeriods }) => throttledPeriods),
  ),
  counter(
    'container_cpu_cfs_throttled_seconds_total',
    'Total time duration the container has been throttled.',
    ifLimited(({ throttledNanoseconds }) => seconds(throttledNanoseconds)),
  ),
  counter('container_cpu_system_seconds_total', 'Cumulative system cpu time consumed in seconds.', ({ detail }) =>
    seconds(detail.cpuSystemNanoseconds),
  ),
  counter(
    'container_cpu_usage_seconds_total',
    'Cumulative cpu time consumed in seconds.',
    ({ usage }) => seconds(usage.cpuNanoseconds),
    'cpu="total"',
  ),
  counter('container_cpu_user_seconds_total', 'Cumulative user cpu time consumed in seconds.', ({ detail }) =>
    seconds(detail.cpuUserNanoseconds),
  ),
  gauge('container_last_seen', 'Last time a container was seen by the exporter', ({ at }) => Math.floor(at / 1000)),
  gauge('container_memory_cache', 'Number of bytes of page cache memory.', ({ detail }) => detail.memoryCacheBytes),
  counter('container_memory_failcnt', 'Number of memory usage hits limits', ({ detail }) => detail.memoryFailures),
  counter(
    'container_memory_failures_total',
    'Cumulative count of memory allocation failures.',
    ({ usage }) => usage.pageFaults,
    'failure_type="pgfault",scope="hierarchy"',
  ),
  counter(
    'container_memory_failures_total',
    'Cumulative count of memory allocation failures.',
    ({ usage }) => usage.majorPageFaults,
    'failure_type="pgmajfault",scope="hierarchy"',
  ),
  gauge(
    'container_memory_max_usage_bytes',
    'Maximum memory usage recorded in bytes',
    ({ detail }) => detail.memoryPeakBytes,
  ),
  gauge('container_memory_rss', 'Size of RSS in bytes.', ({ usage }) => usage.memoryRssBytes),
  gauge('container_memory_swap', 'Container swap usage in bytes.', ({ detail }) => detail.memorySwapBytes),
  gauge(
    'container_memory_usage_bytes',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    ({ usage }) => usage.memoryUsageBytes,
  ),
  gauge(
    'container_memory_working_set_bytes',
    'Current working set in bytes.',
    ({ usage }) => usage.memoryWorkingSetBytes,
  ),
  counter(
    'container_oom_events_total',
    'Count of out of memory events observed for the container',
    ({ detail }) => detail.oomKills,
  ),
  gauge('container_spec_cpu_period', 'CPU period of the container.', ({ detail }) => detail.cpuPeriodMicros),
  gauge(
    'container_spec_cpu_quota',
    'CPU quota of the container.',
    ifLimited(({ cpuQuotaMicros }) => cpuQuotaMicros),
  ),
  gauge('container_spec_cpu_shares', 'CPU share of the container.', ({ detail }) => detail.cpuShares),
  gauge('container_spec_memory_limit_bytes', 'Memory limit for the container.', ({ detail }) =>
    limited(detail.memoryLimitBytes),
  ),
  gauge('container_start_time_seconds', 'Start time of the container since unix epoch in seconds.', ({ startedAt }) =>
    Math.floor(startedAt / 1000),
  ),
  gauge('container_threads', 'Number of threads running inside the container', ({ usage }) => usage.pids),
]

const networkMeasures: readonly (readonly [name: string, help: string, field: keyof InterfaceStats])[] = [
  ['container_network_receive_bytes_total', 'Cumulative count of bytes received', 'rxBytes'],
  ['container_network_receive_errors_total', 'Cumulative count of errors encountered while receiving', 'rxErrors'],
  [
    'container_network_receive_packets_dropped_total',
    'Cumulative count of packets dropped while receiving',
    'rxDropped',
  ],
  ['container_network_receive_packets_total', 'Cumulative count of packets received', 'rxPackets'],
  ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted', 'txBytes'],
  ['container_network_transmit_errors_total', 'Cumulative count of errors encountered while transmitting', 'txErrors'],
  [
    'container_network_transmit_packets_dropped_total',
    'Cumulative count of packets dropped while transmitting',
    'txDropped',
  ],
  ['container_network_transmit_packets_total', 'Cumulative count of packets transmitted', 'txPackets'],
]

/** `/metrics/cadvisor`. Pods are looked at in turns of the event loop of their own: there is much to read of each. */
export async function cadvisorMetrics(source: StatsSource): Promise<string> {
  const { clock, machine, workers, podCgroups, nodeCgroup } = source.options
  const families = new Map<string, TextFamily>()
  const family = (name: string, help: string, type: 'counter' | 'gauge'): TextFamily => {
    let known = families.get(name)
    if (known === undefined) families.set(name, (known = new TextFamily(name, help, type)))
    return known
  }
  const add = (labels: string, figures: Figures): void => {
    for (const { name, help, type, labels: more, value } of measures) {
      const amount = value(figures)
      if (amount === undefined) continue
      family(name, help, type).add(more === undefined ? labels : `${labels},${more}`, amount, figures.at)
    }
  }
  const labelsOf = (
    container: string,
    id: string,
    image: string,
    name: string,
    namespace: string,
    pod: string,
  ): string =>
    `container="${container}",id="${labelText(id)}",image="${labelText(image)}",name="${name}",namespace="${namespace}",pod="${pod}"`

  const now = clock.now()
  const [node, nodeDetail] = [source.node(), source.nodeDetail()]
  if (node !== undefined && nodeDetail !== undefined) {
    add(labelsOf('', '/', '', '', '', ''), { usage: node, detail: nodeDetail, startedAt: source.startedAt, at: now })
  }
  for (const worker of workers()) {
    await yieldToEventLoop()
    const { name, namespace = '' } = worker.pod.metadata
    const at = clock.now()
    const podPath = podCgroups.pathOf(worker.pod)
    const [usage, detail] = [source.pod(worker.pod), source.detail(podPath)]
    const idOf = (path: string): string => path.slice(nodeCgroup.length)
    const startedAt = worker.status.startTime === undefined ? at : Date.parse(worker.status.startTime)
    if (usage !== undefined && detail !== undefined) {
      add(labelsOf('', idOf(podPath), '', '', namespace, name), { usage, detail, startedAt, at })
    }
    for (const { run, path, usage: own } of source.running(worker)) {
      const ownDetail = source.detail(path)
      if (ownDetail === undefined) continue
      const labels = labelsOf(run.name, idOf(path), run.image, run.id, namespace, name)
      add(labels, { usage: own, detail: ownDetail, startedAt: run.startedAt ?? run.createdAt, at })
    }
    for (const device of await source.network(worker)) {
      const labels = `${labelsOf('', idOf(podPath), '', '', namespace, name)},interface="${device.name}"`
      for (const [metric, help, field] of networkMeasures) {
        family(metric, help, 'counter').add(labels, device[field] as number, at)
      }
    }
  }
  family('machine_cpu_cores', 'Number of logical CPU cores.', 'gauge').add('', machine.cpus)
  family('machine_memory_bytes', 'Amount of memory installed on the machine.', 'gauge').add('', machine.memoryBytes)
  family('machine_swap_bytes', 'Amount of swap memory available on the machine.', 'gauge').add('', machine.swapBytes)
  family('machine_scrape_error', '1 if there was an error while getting machine metrics, 0 otherwise.', 'gauge').add(
    '',
    0,
  )
  family('container_scrape_error', '1 if there was an error while getting container metrics, 0 otherwise', 'gauge').add(
    '',
    0,
  )
  return familiesText([...families].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each))
}
