import type { Pod } from '#api/core/v1/pod.ts'
import { earliestStart, priorityOf, timeOf, type Start } from './importance.ts'

/** Makes every priority positive, so that a sum over more victims is never the lower one. */
const shift = 2 ** 31

/** What is lost with the victims of a candidate. */
export interface Loss extends Start {
  /** Broken budgets. */
  readonly violations: number
  readonly highestPriority: number
  readonly sumOfPriorities: number
  readonly victims: number
}

/** What is lost with these victims, the most important first. */
export function lossOf(victims: readonly Pod[], violations: number): Loss {
  let sumOfPriorities = 0
  for (const victim of victims) sumOfPriorities += priorityOf(victim) + shift
  const highestPriority = priorityOf(victims[0]!)
  return { violations, highestPriority, sumOfPriorities, victims: victims.length, ...earliestStart(victims) }
}

/**
 * Whether one loss is less than another, by these in order: fewest broken budgets, the lowest of the highest priorities, the
 * lowest sum of priorities, fewest victims, and the latest start of the most important victims.
 */
export function isLess(one: Loss, other: Loss, now: number): boolean {
  if (one.violations !== other.violations) return one.violations < other.violations
  if (one.highestPriority !== other.highestPriority) return one.highestPriority < other.highestPriority
  if (one.sumOfPriorities !== other.sumOfPriorities) return one.sumOfPriorities < other.sumOfPriorities
  if (one.victims !== other.victims) return one.victims < other.victims
  return timeOf(one, now) > timeOf(other, now)
}
