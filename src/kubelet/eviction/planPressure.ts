import { signalNames, signals, type Observations, type PressureCondition, type SignalName } from './signals.ts'
import { unitsOf, type Threshold } from './thresholds.ts'

/** What a node remembers of its shortages between two looks. Thresholds are told apart as objects. */
export interface PressureMemory {
  /** Since when thresholds are met without a break. */
  readonly metSince: ReadonlyMap<Threshold, number>
  /** Those that were met for as long as they must be: until more than their minimum was reclaimed. */
  readonly acting: readonly Threshold[]
  /** When a condition was last seen. */
  readonly seenAt: ReadonlyMap<PressureCondition, number>
}

export const noPressure: PressureMemory = { metSince: new Map(), acting: [], seenAt: new Map() }

export interface PressurePlan {
  /** Those thresholds that call for something to be done now, the most urgent first, are its `acting`. */
  readonly memory: PressureMemory
  /** What the node says of itself. */
  readonly conditions: readonly PressureCondition[]
}

const conditionOrder = [...new Set(signalNames.map((name) => signals[name].condition))]

/**
 * What a look at the node means. A condition is told as soon as a threshold is met, and for `transition` milliseconds after
 * it was last met, so that a node does not go to and fro; something is done once the grace of the threshold is over.
 */
export function planPressure(
  thresholds: readonly Threshold[],
  seen: Observations,
  before: PressureMemory,
  transition: number,
  now: number,
): PressurePlan {
  const unresolved = before.acting.filter((threshold) => isMet(threshold, seen, true))
  const met = thresholds.filter((threshold) => isMet(threshold, seen, false) || unresolved.includes(threshold))
  const metSince = new Map(met.map((threshold) => [threshold, before.metSince.get(threshold) ?? now]))
  const seenAt = new Map(before.seenAt)
  for (const { signal } of met) seenAt.set(signals[signal].condition, now)
  const acting = met.filter((threshold) => now - metSince.get(threshold)! >= threshold.grace)
  return {
    memory: { metSince, seenAt, acting: acting.toSorted((a, b) => urgency(a.signal) - urgency(b.signal)) },
    conditions: conditionOrder.filter((condition) => {
      const at = seenAt.get(condition)
      return at !== undefined && (at === now || now - at < transition)
    }),
  }
}

/** Whether nothing is left to be reclaimed: what the node could give back without pods was enough. */
export function isRelieved(thresholds: readonly Threshold[], seen: Observations): boolean {
  return !thresholds.some((threshold) => isMet(threshold, seen, true))
}

/** `isReclaiming`: with what must be reclaimed at least on top of it. */
function isMet({ signal, value, minimumReclaim }: Threshold, seen: Observations, isReclaiming: boolean): boolean {
  const observed = seen.get(signal)
  if (observed === undefined) return false
  const { capacity, available } = observed
  const more = isReclaiming && minimumReclaim !== undefined ? unitsOf(minimumReclaim, capacity) : 0
  return available < unitsOf(value, capacity) + more
}

const urgency = (signal: SignalName): number => signalNames.indexOf(signal)
