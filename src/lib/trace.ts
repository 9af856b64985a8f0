/** Finding out why something was slow: its steps with their times, logged only when the whole took too long. */
import type { Clock } from './clock.ts'
import type { LogFields, Logger } from './log.ts'

/** One operation. Steps say what has just been finished. */
export interface Trace {
  step(what: string, fields?: LogFields): void
  /** Logs the operation with its steps if it has taken at least `ms` milliseconds; says whether it has. */
  logIfLonger(ms: number, logger: Logger): boolean
}

export interface TraceStep {
  readonly what: string
  /** Milliseconds since the step before. */
  readonly took: number
  readonly fields?: LogFields
}

/** More steps than this are counted, not kept. */
const mostSteps = 100

/** Begins to time an operation. */
export function startTrace(operation: string, clock: Clock, fields: LogFields = {}): Trace {
  const started = clock.now()
  const steps: TraceStep[] = []
  let last = started
  let more = 0
  return {
    step(what, stepFields) {
      const now = clock.now()
      if (steps.length < mostSteps)
        steps.push({ what, took: now - last, ...(stepFields === undefined ? {} : { fields: stepFields }) })
      else more++
      last = now
    },
    logIfLonger(ms, logger) {
      const took = clock.now() - started
      if (took < ms) return false
      logger.warn('Slow operation', {
        operation,
        ms: took,
        ...fields,
        steps,
        ...(more === 0 ? {} : { moreSteps: more }),
      })
      return true
    },
  }
}
