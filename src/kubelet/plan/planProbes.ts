import type { Container } from '#api/core/v1/container.ts'
import type { Probe } from '#api/core/v1/probe.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

/** What one probe found. `warning` counts as success. */
export interface ProbeOutcome {
  readonly result: 'success' | 'warning' | 'failure' | 'unknown'
  readonly output: string
}

/** How far the probing of one run of a container has come. */
export interface ProbeProgress {
  readonly kind: ProbeKind
  /** The result that came last, and how often in a row. */
  readonly last?: 'success' | 'failure'
  readonly inARow: number
  readonly verdict?: 'success' | 'failure'
  /** When to probe next; absent once this run needs no more probing. */
  readonly nextAt?: number
}

export interface ProbeStep {
  readonly progress: ProbeProgress
  readonly event?: { readonly reason: 'Unhealthy' | 'ProbeWarning'; readonly message: string }
}

/** The probe of a kind as the container specifies it. */
export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  return kind === 'startup'
    ? container.startupProbe
    : kind === 'liveness'
      ? container.livenessProbe
      : container.readinessProbe
}

/** Where the probing of a run that started at `startedAt` begins. */
export function beginProbing(kind: ProbeKind, probe: Probe, startedAt: number, now: number): ProbeProgress {
  return { kind, inARow: 0, nextAt: Math.max(now, startedAt + (probe.initialDelaySeconds ?? 0) * 1000) }
}

const titles: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' }

/**
 * Counts one result. A verdict changes only when a threshold of equal results in a row is reached. A run whose
 * liveness or startup failed is not probed any more: it will be replaced. Startup succeeds once and for all.
 */
export function afterProbe(before: ProbeProgress, probe: Probe, outcome: ProbeOutcome, now: number): ProbeStep {
  const { kind } = before
  const nextAt = now + (probe.periodSeconds ?? 10) * 1000
  const event = eventOf(kind, outcome)
  if (outcome.result === 'unknown') return { progress: { ...before, nextAt }, ...event }
  const result = outcome.result === 'failure' ? 'failure' : 'success'
  const inARow = result === before.last ? before.inARow + 1 : 1
  const threshold =
    (result === 'failure' ? probe.failureThreshold : probe.successThreshold) ?? (result === 'failure' ? 3 : 1)
  if (inARow < threshold) return { progress: { ...before, last: result, inARow, nextAt }, ...event }
  const isOver = (kind !== 'readiness' && result === 'failure') || (kind === 'startup' && result === 'success')
  const { nextAt: _over, ...rest } = before
  const progress = { ...rest, last: result, inARow, verdict: result } as const
  return { progress: isOver ? progress : { ...progress, nextAt }, ...event }
}

function eventOf(kind: ProbeKind, { result, output }: ProbeOutcome): Pick<ProbeStep, 'event'> {
  const title = titles[kind]
  switch (result) {
    case 'failure':
      return { event: { reason: 'Unhealthy', message: `${title} probe failed: ${output}` } }
    case 'unknown':
      return {
        event: { reason: 'Unhealthy', message: `${title} probe errored and resulted in unknown state: ${output}` },
      }
    case 'warning':
      return { event: { reason: 'ProbeWarning', message: `${title} probe warning: ${output}` } }
    default:
      return {}
  }
}
