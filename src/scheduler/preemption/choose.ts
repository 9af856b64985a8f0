import { earliestStart, priorityOf } from './importance.ts'
import type { Candidate } from './victims.ts'

/** Makes every priority positive, so that a sum over more victims is never the lower one. */
const shift = 2 ** 31

/**
 * The candidate at which least is lost, by these in order: fewest broken budgets, the lowest of the highest priorities, the
 * lowest sum of priorities, fewest victims, and the latest start of the most important victims. Among equals the first.
 */
export function chooseCandidate(candidates: readonly Candidate[], now: number): Candidate | undefined {
  const losses: readonly ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => priorityOf(victims[0]!),
    ({ victims }) => victims.reduce((sum, victim) => sum + priorityOf(victim) + shift, 0),
    ({ victims }) => victims.length,
    ({ victims }) => -earliestStart(victims, now),
  ]
  let best = candidates
  for (const loss of losses) {
    if (best.length <= 1) break
    const each = best.map(loss)
    const least = Math.min(...each)
    best = best.filter((_, i) => each[i] === least)
  }
  return best[0]
}
