import type { NodeReading, UsagePoint } from './usage.ts'

/** One line of Prometheus' text form: name, labels, value, milliseconds. */
const sampleLine = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)(?: (\d+))?$/

interface Partial {
  startedAt?: number
  at?: number
  cpuNanoseconds?: number
  memoryBytes?: number
}

/**
 * Reads what a kubelet answers to `/metrics/resource`. A pod of whose containers one lacks a figure is left out: a sum of
 * the others would be wrong. `now` stands for moments that are not told.
 */
export function parseResourceMetrics(text: string, now: number): NodeReading {
  const node: Partial = {}
  const pods = new Map<string, Map<string, Partial>>()
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const match = sampleLine.exec(line)
    if (match === null) continue
    const [, name = '', labels = '', value, at] = match
    const field = fields[name]
    if (field === undefined) continue
    const point = name.startsWith('node_') ? node : containerPoint(pods, labels)
    const amount = Number(value)
    if (field === 'cpuNanoseconds') {
      point.cpuNanoseconds = Math.round(amount * 1e9)
      point.at = at === undefined ? now : Number(at)
    } else point[field] = field === 'startedAt' ? amount * 1_000 : amount
  }
  const whole = new Map<string, ReadonlyMap<string, UsagePoint>>()
  for (const [key, containers] of pods) {
    const points = [...containers].map(([name, point]) => [name, complete(point)] as const)
    if (points.every(([, point]) => point !== undefined)) whole.set(key, new Map(points as [string, UsagePoint][]))
  }
  const own = complete(node)
  return { ...(own === undefined ? {} : { node: own }), pods: whole }
}

const fields: Readonly<Record<string, 'cpuNanoseconds' | 'memoryBytes' | 'startedAt'>> = {
  node_cpu_usage_seconds_total: 'cpuNanoseconds',
  node_memory_working_set_bytes: 'memoryBytes',
  container_cpu_usage_seconds_total: 'cpuNanoseconds',
  container_memory_working_set_bytes: 'memoryBytes',
  container_start_time_seconds: 'startedAt',
}

function containerPoint(pods: Map<string, Map<string, Partial>>, labels: string): Partial {
  const named = new Map<string, string>()
  for (const [, name, value] of labels.matchAll(/([a-z_]+)="([^"]*)"/g)) named.set(name!, value!)
  const key = `${named.get('namespace')}/${named.get('pod')}`
  let containers = pods.get(key)
  if (containers === undefined) pods.set(key, (containers = new Map()))
  const container = named.get('container') ?? ''
  let point = containers.get(container)
  if (point === undefined) containers.set(container, (point = {}))
  return point
}

/** Nothing that runs has used nothing: such a figure was not read. */
function complete({ at, cpuNanoseconds, memoryBytes, startedAt }: Partial): UsagePoint | undefined {
  if (at === undefined || !cpuNanoseconds || !memoryBytes) return undefined
  return { at, cpuNanoseconds, memoryBytes, ...(startedAt === undefined ? {} : { startedAt }) }
}
