import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { ObservedContainer } from '../runtime/containerRuntime.ts'

/** How long a container that ended waits for its next start. */
export interface RestartBackoff {
  readonly delay: number
  /** When the delay was last raised. */
  readonly raisedAt: number
}

const firstDelay = 10_000
const longestDelay = 300_000

/** A run that lasted longer than this forgives the failures before it. */
const forgivenAfter = 2 * longestDelay

/** The delay after one more start: 10 s, doubled up to 5 minutes, from the beginning after ten good minutes. */
export function raiseBackoff(backoff: RestartBackoff | undefined, endedAt: number, now: number): RestartBackoff {
  const delay =
    backoff === undefined || endedAt - backoff.raisedAt > forgivenAfter
      ? firstDelay
      : Math.min(longestDelay, backoff.delay * 2)
  return { delay, raisedAt: now }
}

/** When a container that ended may start again; undefined when that is now. */
export function restartAt(backoff: RestartBackoff | undefined, endedAt: number, now: number): number | undefined {
  if (backoff === undefined || endedAt - backoff.raisedAt > forgivenAfter) return undefined
  const at = endedAt + backoff.delay
  return at > now ? at : undefined
}

/**
 * The end from which the back-off of the next start counts; undefined when that start neither waits nor counts.
 *
 * A container that the kubelet stopped itself, for a failed probe, is replaced in the same pass, and only the run before it
 * is looked at: the next one starts at once unless that run still held it back when this one ended.
 */
export function backoffSince(
  ended: ObservedContainer,
  before: ObservedContainer | undefined,
  wasStopped: boolean,
  backoff: RestartBackoff | undefined,
): number | undefined {
  if (!wasStopped) return endOf(ended)
  if (before === undefined) return undefined
  const isHeldBack = restartAt(backoff, endOf(before), endOf(ended)) !== undefined
  return isHeldBack ? endOf(ended) : endOf(before)
}

/**
 * From when on a container in back-off is shown as such. Before that its own end is shown, so that people see how it
 * ended; upstream has the same pause as a side effect of its resync period.
 */
export function crashLoopShownFrom(backoff: RestartBackoff, endedAt: number): number {
  return endedAt + Math.min(10_000, backoff.delay / 2)
}

/** Back-offs are kept for a container as it is specified: a new image starts anew. */
export function backoffKey(name: string, hash: string): string {
  return `${name} ${hash}`
}

/** Whether a run that ended is to be followed by another. */
export function shouldRestart(pod: Pod, container: Container, ended: ObservedContainer): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false
  if (ended.state !== 'exited') return true
  switch (container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always') {
    case 'Never':
      return false
    case 'OnFailure':
      return ended.exitCode !== 0
    default:
      return true
  }
}

/** When a run ended; a run that never started ended when it was made. */
export function endOf(run: ObservedContainer): number {
  return run.finishedAt ?? run.createdAt
}

/** A span as Go prints it: `10s`, `1m20s`, `5m0s`. */
export function goDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  const [hours, minutes, rest] = [Math.trunc(seconds / 3600), Math.trunc((seconds % 3600) / 60), seconds % 60]
  if (hours > 0) return `${hours}h${minutes}m${rest}s`
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`
}

/** How logs and messages name a pod: `name_namespace(uid)`. */
export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid ?? ''})`
}
