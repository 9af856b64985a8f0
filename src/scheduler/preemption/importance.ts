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

/** When the first of the pods with the highest priority started. */
export function earliestStart(pods: readonly Pod[], now: number): number {
  let highest = -Infinity
  let earliest = Infinity
  for (const pod of pods) {
    const priority = priorityOf(pod)
    if (priority < highest) continue
    if (priority > highest) earliest = Infinity
    highest = priority
    earliest = Math.min(earliest, startOf(pod, now))
  }
  return earliest
}
