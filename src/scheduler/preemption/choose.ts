import { isLess } from './loss.ts'
import type { Candidate } from './victims.ts'

/** The candidate at which least is lost; among equals the first. */
export function chooseCandidate(candidates: readonly Candidate[], now: number): Candidate | undefined {
  let best: Candidate | undefined
  for (const candidate of candidates) {
    if (best === undefined || isLess(candidate.loss, best.loss, now)) best = candidate
  }
  return best
}
