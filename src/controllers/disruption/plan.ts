import type { Pod } from '#api/core/v1/pod.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/policy/v1/podDisruptionBudget.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { withDisruptionAllowed } from '#machinery/disruptionBudget.ts'
import { scaledValueOrZero } from '#machinery/intOrString.ts'
import { controllerOf } from '#machinery/owners.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isReady } from '../podAvailability.ts'

/** A granted eviction that was not carried out after this long will not be. */
export const deletionMilliseconds = 120_000

/** Whether a budget counts by the scale of the pods' owners, and not by the pods alone. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string'
}

export interface BudgetPlan {
  /** Undefined: it is right as it is. */
  readonly status?: PodDisruptionBudgetStatus
  /** Pods that were granted to go and did not. */
  readonly overdue: readonly Pod[]
  /** When to look again, in milliseconds from now. */
  readonly after?: number
}

/**
 * Decides what a budget's status becomes. `scale` is what the owners of the pods together want, where the budget counts by
 * it; `now` in milliseconds.
 */
export function planBudget(budget: PodDisruptionBudget, pods: readonly Pod[], scale: number, now: number): BudgetPlan {
  const { spec, metadata, status: before } = budget
  const expectedPods = needsScale(budget) ? scale : pods.length
  const desiredHealthy =
    spec.maxUnavailable !== undefined
      ? Math.max(0, expectedPods - scaledValueOrZero(spec.maxUnavailable, expectedPods, 'up'))
      : scaledValueOrZero(spec.minAvailable ?? 0, expectedPods, 'up')
  const { disruptedPods, overdue, after } = stillDisrupted(pods, before?.disruptedPods ?? {}, now)
  const currentHealthy = pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined && !Object.hasOwn(disruptedPods, pod.metadata.name) && isReady(pod),
  ).length
  // A budget without pods allows nothing: the first may come before this is counted again.
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy)
  const counted: PodDisruptionBudgetStatus = {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    ...(before?.conditions === undefined ? {} : { conditions: before.conditions }),
  }
  const status = { ...counted, conditions: withDisruptionAllowed(counted, now) }
  return {
    ...(sameJson(status, before) ? {} : { status }),
    overdue,
    ...(after === undefined ? {} : { after }),
  }
}

/** Of the granted evictions those that may still be carried out. */
function stillDisrupted(
  pods: readonly Pod[],
  granted: Readonly<Record<string, string>>,
  now: number,
): { readonly disruptedPods: Record<string, string>; readonly overdue: readonly Pod[]; readonly after?: number } {
  const disruptedPods: Record<string, string> = {}
  const overdue: Pod[] = []
  let after = Infinity
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata
    if (deletionTimestamp !== undefined || !Object.hasOwn(granted, name)) continue
    const left = (millisecondsOf(granted[name]!) ?? 0) + deletionMilliseconds - now
    if (left < 0) overdue.push(pod)
    else {
      disruptedPods[name] = granted[name]!
      after = Math.min(after, left)
    }
  }
  return { disruptedPods, overdue, ...(after === Infinity ? {} : { after }) }
}

/** What a budget says when it cannot be counted: nothing may go. */
export function failedStatus({ status }: PodDisruptionBudget, why: string, now: number): PodDisruptionBudgetStatus {
  const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...status, disruptionsAllowed: 0 }
  return { ...none, conditions: withDisruptionAllowed(none, now, why) }
}

/** Names of the pods that nobody manages. */
export function unmanaged(pods: readonly Pod[]): readonly string[] {
  return pods.filter((pod) => controllerOf(pod) === undefined).map(({ metadata }) => metadata.name)
}

/**
 * How long until a pod's word that it is about to be taken away is stale, in milliseconds; undefined for pods that do not
 * say so, that are going, and for what kubelets say, who may take their time.
 */
export function staleAfter({ metadata, status }: Pod, now: number): number | undefined {
  const condition = conditionOf(status?.conditions, 'DisruptionTarget')
  if (metadata.deletionTimestamp !== undefined || condition?.status !== 'True') return undefined
  if (condition.reason === 'TerminationByKubelet' || status?.phase === 'Succeeded' || status?.phase === 'Failed') {
    return undefined
  }
  return Math.max(0, (millisecondsOf(condition.lastTransitionTime) ?? 0) + deletionMilliseconds - now)
}

/** A selector as Kubernetes writes it in this event. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`)
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  const list = `[]LabelSelectorRequirement{${expressions.join('')}}`
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:${list},}`
}
