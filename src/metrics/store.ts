import type { Pod } from '#api/core/v1/pod.ts'
import { keyOf } from '#client/index.ts'
import type { NodeReading, PodUsage, Usage, UsagePoint, UsageSource } from './usage.ts'

/** A container that began so long before a reading is told of after that reading alone: less would be noise. */
const leastAge = 10_000

type Containers = ReadonlyMap<string, UsagePoint>

/**
 * The last two readings of everything, from which follows what is used. Each round takes the place of the one before:
 * what was not read in it is not known.
 *
 *     round 1      a: 10 s of cpu at 0:00                            nothing to tell yet
 *     round 2      a: 13 s of cpu at 0:15                            a uses 0.2 cpu, in a window of 15 s
 *     round 3      (its node was silent)                             nothing is known
 *     round 4      a: 14 s of cpu, since it began 12 s ago           a uses 1.17 cpu, in a window of 12 s
 */
export class MetricsStore implements UsageSource {
  /** Milliseconds between two rounds. */
  readonly #interval: number
  #nodes: Pairs = { last: new Map(), before: new Map() }
  #pods = { last: new Map<string, Containers>(), before: new Map<string, Containers>() }

  constructor(interval: number) {
    this.#interval = interval
  }

  /** Takes what all nodes that answered told in one round, by their names. */
  take(readings: ReadonlyMap<string, NodeReading>): void {
    const nodes: Pairs = { last: new Map(), before: new Map() }
    const pods = { last: new Map<string, Containers>(), before: new Map<string, Containers>() }
    for (const [name, reading] of readings) {
      if (reading.node !== undefined) {
        nodes.last.set(name, reading.node)
        const before = earlier(reading.node, this.#nodes.last.get(name), this.#nodes.before.get(name))
        if (before !== undefined) nodes.before.set(name, before)
      }
      for (const [key, containers] of reading.pods) {
        pods.last.set(key, containers)
        const before = new Map<string, UsagePoint>()
        for (const [container, point] of containers) {
          const base = this.#base(key, container, point)
          if (base !== undefined) before.set(container, base)
        }
        pods.before.set(key, before)
      }
    }
    this.#nodes = nodes
    this.#pods = pods
  }

  node(name: string): Usage | undefined {
    const [last, before] = [this.#nodes.last.get(name), this.#nodes.before.get(name)]
    return last === undefined || before === undefined ? undefined : between(before, last)
  }

  pod({ metadata }: Pick<Pod, 'metadata'>): PodUsage | undefined {
    const key = keyOf(metadata)
    const [last, before] = [this.#pods.last.get(key), this.#pods.before.get(key)]
    if (last === undefined || before === undefined || last.size === 0) return undefined
    const containers: PodUsage['containers'][number][] = []
    let span: { readonly at: number; readonly window: number } | undefined
    for (const [name, point] of last) {
      const base = before.get(name)
      // A pod is told of whole or not at all.
      if (base === undefined) return undefined
      const usage = between(base, point)
      if (usage === undefined) continue
      containers.push({ name, cpuNanoCores: usage.cpuNanoCores, memoryBytes: usage.memoryBytes })
      if (span === undefined || usage.at < span.at) span = { at: usage.at, window: usage.window }
    }
    return span === undefined ? undefined : { ...span, containers }
  }

  /** The reading that a container's newest one is compared with. A restart begins anew. */
  #base(key: string, container: string, point: UsagePoint): UsagePoint | undefined {
    const { startedAt = 0, at } = point
    const age = at - startedAt
    if (age >= leastAge && age < this.#interval) return { ...point, at: startedAt, cpuNanoseconds: 0 }
    const last = this.#pods.last.get(key)?.get(container)
    if (last === undefined || startedAt >= last.at) return undefined
    return earlier(point, last, this.#pods.before.get(key)?.get(container))
  }
}

interface Pairs {
  readonly last: Map<string, UsagePoint>
  readonly before: Map<string, UsagePoint>
}

/** The newest reading before this one; the node may have answered with what it had said already. */
function earlier(point: UsagePoint, last?: UsagePoint, before?: UsagePoint): UsagePoint | undefined {
  if (last === undefined) return undefined
  if (point.at > last.at) return last
  return before !== undefined && before.at < point.at ? before : undefined
}

/** Undefined where the later one has used less: it is not the same any more. */
function between(before: UsagePoint, last: UsagePoint): Usage | undefined {
  if (last.cpuNanoseconds < before.cpuNanoseconds || (last.startedAt ?? 0) < (before.startedAt ?? 0)) return undefined
  const window = last.at - before.at
  return {
    at: last.at,
    window,
    cpuNanoCores: Math.trunc(((last.cpuNanoseconds - before.cpuNanoseconds) * 1_000) / window),
    memoryBytes: last.memoryBytes,
  }
}
