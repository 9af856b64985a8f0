import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { splitByBudgets } from './budgets.ts'
import { byImportance, priorityOf } from './importance.ts'
import { lossOf, type Loss } from './loss.ts'
import type { Trial } from './trial.ts'

/** A node that would do if these pods went. */
export interface Candidate {
  readonly node: string
  /** Most important first; at least one. */
  readonly victims: readonly Pod[]
  /** How many of them go against a disruption budget. */
  readonly violations: number
  /** What candidates are compared by: in a burst of pods of one kind, most are compared again and again. */
  readonly loss: Loss
}

/** The candidate with these victims, the most important first. */
export function candidateOf(node: string, victims: readonly Pod[], violations: number): Candidate {
  return { node, victims, violations, loss: lossOf(victims, violations) }
}

/** What victims are chosen by. */
export interface VictimRules {
  readonly budgets: readonly PodDisruptionBudget[]
  /** The pods that this node is promised to and that do not give way. */
  readonly promised: readonly Pod[]
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Why no choice of victims would do. */
export interface NoVictims {
  /** As in `FailedScheduling`. */
  readonly reasons: readonly string[]
  /** Nobody has to go, and yet the node was refused: by somebody outside. */
  readonly isFree?: boolean
  readonly victims?: undefined
}

/**
 * Finds the pods of one node that must go for a pod to fit: all that have a lower priority, except those that can stay, of
 * which the ones that a budget protects are kept first, and then the more important.
 */
export function selectVictims(trial: Trial, { budgets, promised, now }: VictimRules): Candidate | NoVictims {
  const { pod, view } = trial
  const lower = view.pods.filter((each) => priorityOf(each) < priorityOf(pod))
  if (lower.length === 0) return { reasons: ['No preemption victims found for incoming pod'] }
  let without = trial.with({ removed: lower })
  const objection = without.objectionBesides(promised)
  if (objection !== undefined) {
    const { reason, furtherReasons = [] } = objection.rejection
    return { reasons: [reason, ...furtherReasons] }
  }
  const { violating, allowed } = splitByBudgets(lower.toSorted(byImportance(now)), budgets)
  const mustGo = (candidates: readonly Pod[]): readonly Pod[] =>
    candidates.filter((each) => {
      const kept = without.with({ added: [each] })
      if (kept.objectionBesides(promised) !== undefined) return true
      without = kept
      return false
    })
  const violations = mustGo(violating)
  const victims = [...violations, ...mustGo(allowed)].toSorted(byImportance(now))
  if (victims.length === 0) return { reasons: [], isFree: true }
  return candidateOf(view.name, victims, violations.length)
}

/** Whether a node can be freed by the victims found for it. */
export function isCandidate(found: Candidate | NoVictims): found is Candidate {
  return found.victims !== undefined
}
