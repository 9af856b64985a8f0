import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { isBudgetFor } from '#machinery/disruptionBudget.ts'

/** Pods in two groups, each in the order given. */
export interface SplitByBudgets {
  /** Evicting these would take more than a budget allows. */
  readonly violating: readonly Pod[]
  readonly allowed: readonly Pod[]
}

/** Spends the budgets on the pods one after the other, and tells which of them go beyond. */
export function splitByBudgets(pods: readonly Pod[], budgets: readonly PodDisruptionBudget[]): SplitByBudgets {
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]))
  const violating: Pod[] = []
  const allowed: Pod[] = []
  for (const pod of pods) {
    let violates = false
    for (const budget of budgets) {
      if (!isAbout(budget, pod)) continue
      const rest = left.get(budget)! - 1
      left.set(budget, rest)
      if (rest < 0) violates = true
    }
    ;(violates ? violating : allowed).push(pod)
  }
  return { violating, allowed }
}

/**
 * Whether a pod counts against a budget. One whose eviction was granted has been counted, and one without labels is nobody's.
 * Unlike evictions, preemption does not heed budgets whose selector is empty.
 */
function isAbout(budget: PodDisruptionBudget, { metadata }: Pod): boolean {
  const { matchLabels = {}, matchExpressions = [] } = budget.spec.selector ?? {}
  return (
    budget.metadata.namespace === metadata.namespace &&
    (matchExpressions.length > 0 || Object.keys(matchLabels).length > 0) &&
    Object.keys(metadata.labels ?? {}).length > 0 &&
    isBudgetFor(budget, metadata.labels) &&
    budget.status?.disruptedPods?.[metadata.name] === undefined
  )
}
