import type { Pod } from '#api/core/v1/pod.ts'

/** One reading of something that runs: what it has used since it began. Times are in milliseconds since the epoch. */
export interface UsagePoint {
  /** Absent for nodes, which are not asked. */
  readonly startedAt?: number
  readonly at: number
  readonly cpuNanoseconds: number
  /** The working set. */
  readonly memoryBytes: number
}

/** What one node told of itself and of its containers. */
export interface NodeReading {
  readonly node?: UsagePoint
  /** By `namespace/name`, then by the names of containers. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, UsagePoint>>
}

/** What was used between two readings: memory at their end. Times are in milliseconds. */
export interface Usage {
  readonly at: number
  readonly window: number
  readonly cpuNanoCores: number
  readonly memoryBytes: number
}

/** What the containers of a pod used; of the earliest of their spans. */
export interface PodUsage {
  readonly at: number
  readonly window: number
  readonly containers: readonly (Pick<Usage, 'cpuNanoCores' | 'memoryBytes'> & { readonly name: string })[]
}

/** Knows what nodes and pods use; undefined where not enough was read yet. */
export interface UsageSource {
  node(name: string): Usage | undefined
  pod(pod: Pod): PodUsage | undefined
}

/** Asks several sources one after the other. */
export function firstThatKnows(sources: () => readonly UsageSource[]): UsageSource {
  return {
    node(name) {
      for (const source of sources()) {
        const found = source.node(name)
        if (found !== undefined) return found
      }
    },
    pod(pod) {
      for (const source of sources()) {
        const found = source.pod(pod)
        if (found !== undefined) return found
      }
    },
  }
}
