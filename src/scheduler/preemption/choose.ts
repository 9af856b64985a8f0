import { earliestStart, priorityOf } from './importance.ts'
import type { Candidate } from './victims.ts'

/** Makes every priority positive, so that a sum over more victims is never the lower one. */
const shift = 2 ** 31

/** What is lost with the victims of a candidate, the weightiest first. */
const losses: readonly ((candidate: Candidate, now: number) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => priorityOf(victims[0]!),
  ({ victims }) => {
    let sum = 0
    for (const victim of victims) sum += priorityOf(victim) + shift
    return sum
  },
  ({ victims }) => victims.length,
  ({ victims }, now) => -earliestStart(victims, now),
]

/**
 * The candidate at which least is lost, by these in order: fewest broken budgets, the lowest of the highest priorities, the
 * lowest sum of priorities, fewest victims, and the latest start of the most important victims. Among equals the first.
 */
export function chooseCandidate(candidates: readonly Candidate[], now: number): Candidate | undefined {
  let best = [...candidates]
  for (const loss of losses) {
    if (best.length <= 1) break
    let least = Infinity
    let left: Candidate[] = []
    for (const candidate of best) {
      const own = loss(candidate, now)
      if (own > least) continue
      if (own < least) {
        least = own
        left = []
      }
      left.push(candidate)
    }
    best = left
  }
  return best[0]
}
