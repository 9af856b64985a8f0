import { earliestStart, priorityOf, timeOf, type Start } from './importance.ts'
import type { Candidate } from './victims.ts'

/** Makes every priority positive, so that a sum over more victims is never the lower one. */
const shift = 2 ** 31

/** What is lost with the victims of a candidate. */
interface Loss extends Start {
  /** Broken budgets. */
  readonly violations: number
  readonly highestPriority: number
  readonly sumOfPriorities: number
  readonly victims: number
}

/** In a burst of pods of one kind, most candidates are those of the pod before. */
const known = new WeakMap<Candidate, Loss>()

function lossOf(candidate: Candidate): Loss {
  let loss = known.get(candidate)
  if (loss !== undefined) return loss
  const { violations, victims } = candidate
  let sum = 0
  for (const victim of victims) sum += priorityOf(victim) + shift
  const highestPriority = priorityOf(victims[0]!)
  loss = { violations, highestPriority, sumOfPriorities: sum, victims: victims.length, ...earliestStart(victims) }
  known.set(candidate, loss)
  return loss
}

function isLess(one: Loss, other: Loss, now: number): boolean {
  if (one.violations !== other.violations) return one.violations < other.violations
  if (one.highestPriority !== other.highestPriority) return one.highestPriority < other.highestPriority
  if (one.sumOfPriorities !== other.sumOfPriorities) return one.sumOfPriorities < other.sumOfPriorities
  if (one.victims !== other.victims) return one.victims < other.victims
  return timeOf(one, now) > timeOf(other, now)
}

/**
 * The candidate at which least is lost, by these in order: fewest broken budgets, the lowest of the highest priorities, the
 * lowest sum of priorities, fewest victims, and the latest start of the most important victims. Among equals the first.
 */
export function chooseCandidate(candidates: readonly Candidate[], now: number): Candidate | undefined {
  let best: Candidate | undefined
  let least: Loss | undefined
  for (const candidate of candidates) {
    const loss = lossOf(candidate)
    if (least !== undefined && !isLess(loss, least, now)) continue
    best = candidate
    least = loss
  }
  return best
}
