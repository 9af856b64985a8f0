// What disruption budgets say in their status, for those who keep it: a controller, and whoever grants an eviction.
import type { Condition } from '#api/meta/v1/condition.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/policy/v1/podDisruptionBudget.ts'
import { conditionOf } from './conditions.ts'
import { matchesLabelSelector } from './labelSelector.ts'
import { timeText } from './time.ts'

const type = 'DisruptionAllowed'
/** The reason of the condition while the controller cannot tell how many pods there should be. */
const syncFailed = 'SyncFailed'

/** Whether a budget is about pods with these labels: one without a selector is about none, one with an empty one about all. */
export function isBudgetFor(
  budget: PodDisruptionBudget,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return matchesLabelSelector(budget.spec.selector, labels)
}

/** The conditions of a status with the one that says whether a pod may go; `now` in milliseconds. */
export function withDisruptionAllowed(status: PodDisruptionBudgetStatus, now: number, failure?: string): Condition[] {
  const isAllowed = failure === undefined && status.disruptionsAllowed > 0
  const before = conditionOf(status.conditions, type)
  const conditionStatus = isAllowed ? 'True' : 'False'
  const since = before?.status === conditionStatus ? before.lastTransitionTime : undefined
  const condition: Condition = {
    type,
    status: conditionStatus,
    ...(status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
    lastTransitionTime: since ?? timeText(now),
    reason: failure !== undefined ? syncFailed : isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: failure ?? '',
  }
  return [...(status.conditions ?? []).filter((each) => each.type !== type), condition]
}

/** Why the controller could not tell how many pods there should be; undefined when it could. */
export function syncFailure({ status }: PodDisruptionBudget): string | undefined {
  const condition = conditionOf(status?.conditions, type)
  return condition?.reason === syncFailed ? condition.message : undefined
}
