import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'

/** The priority of a pod; 0 where nothing gave it one. */
export function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0
}

/** Since when a pod runs, in milliseconds since the epoch; one that does not run yet counts as started now. */
export function startOf({ status }: Pod, now: number): number {
  return millisecondsOf(status?.startTime) ?? now
}

/** Orders pods by what is lost with them, most first: the higher priority, then the longer run. */
export function byImportance(now: number): (a: Pod, b: Pod) => number {
  return (a, b) => priorityOf(b) - priorityOf(a) || startOf(a, now) - startOf(b, now)
}

/** When the first of several pods started, as far as they did. */
export interface Start {
  /** In milliseconds since the epoch; Infinity when none did. */
  readonly first: number
  readonly haveAllStarted: boolean
}

/** The moment meant by a start, where pods that do not run yet count as started now. */
export function timeOf({ first, haveAllStarted }: Start, now: number): number {
  return haveAllStarted ? first : Math.min(first, now)
}

/** When the first of the pods with the highest priority started. */
export function earliestStart(pods: readonly Pod[]): Start {
  let highest = -Infinity
  let first = Infinity
  let haveAllStarted = true
  for (const pod of pods) {
    const priority = priorityOf(pod)
    if (priority < highest) continue
    if (priority > highest) [first, haveAllStarted] = [Infinity, true]
    highest = priority
    const start = millisecondsOf(pod.status?.startTime)
    if (start === undefined) haveAllStarted = false
    else first = Math.min(first, start)
  }
  return { first, haveAllStarted }
}
