// Whether disruption budgets let a pod be evicted, and entering a granted eviction in the budget before it happens, so that
// two at a time cannot take what is there for one.
import { pods, type Pod } from '#api/core/v1/pod.ts'
import {
  podDisruptionBudgets,
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
} from '#api/policy/v1/podDisruptionBudget.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { isBudgetFor, syncFailure, withDisruptionAllowed } from '#machinery/disruptionBudget.ts'
import { failure, forbidden, notFound, timeout, type StatusError } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import type { ClusterView } from '../admission/chain.ts'
import { plainFailure } from '../errors.ts'

/** What an eviction may do. */
export type EvictionRuling =
  | { readonly refused: StatusError }
  /** `unchanged`: only while the pod is the one that was looked at, for it must not have become ready meanwhile. */
  | { readonly may: 'delete' | 'deleteUnchanged'; readonly budget?: string }
  /** The budget is to be written like this first. */
  | { readonly may: 'spend'; readonly budget: PodDisruptionBudget; readonly status: PodDisruptionBudgetStatus }

/** Evictions that the controller has not seen carried out; more mean that it does not keep up. */
const mostDisrupted = 2_000
/** Tries against others who write the same budget. */
const attempts = 20

/** Decides about the eviction of a pod, given all budgets of its namespace. `now` in milliseconds. */
export function ruleOnEviction(pod: Pod, all: readonly PodDisruptionBudget[], now: number): EvictionRuling {
  const phase = pod.status?.phase
  if (phase === 'Succeeded' || phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined) {
    return { may: 'delete' }
  }
  if (phase === 'Pending') return { may: 'deleteUnchanged' }
  const [budget, ...others] = all.filter((each) => isBudgetFor(each, pod.metadata.labels))
  if (budget === undefined) return { may: 'delete' }
  if (others.length > 0) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'
    return { refused: plainFailure(500, message) }
  }
  const status = budget.status ?? { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  const isReady = isConditionTrue(pod.status?.conditions, 'Ready')
  const isHealthyWithout = status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0
  if (!isReady && (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' || isHealthyWithout)) {
    return { may: 'deleteUnchanged', budget: budget.metadata.name }
  }
  return spend(pod, budget, status, now)
}

function spend(pod: Pod, budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus, now: number): EvictionRuling {
  const { name, generation = 0 } = budget.metadata
  if ((status.observedGeneration ?? 0) < generation) return { refused: stillProcessed(name) }
  const forbid = (why: string): EvictionRuling => ({
    refused: forbidden({ group: 'policy', plural: 'poddisruptionbudget' }, name, why),
  })
  if (status.disruptionsAllowed < 0) return forbid('pdb disruptions allowed is negative')
  if (Object.keys(status.disruptedPods ?? {}).length > mostDisrupted) {
    return forbid('DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (status.disruptionsAllowed === 0) {
    const failed = syncFailure(budget)
    const why =
      failed === undefined
        ? `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`
        : `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${failed}`
    return { refused: tooMany(why) }
  }
  const spent: PodDisruptionBudgetStatus = {
    ...status,
    disruptionsAllowed: status.disruptionsAllowed - 1,
    disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: timeText(now) },
  }
  if (spent.disruptionsAllowed === 0) spent.conditions = withDisruptionAllowed(spent, now)
  return { may: 'spend', budget, status: spent }
}

function tooMany(why: string, retryAfterSeconds?: number): StatusError {
  return failure('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why }],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}

/** The refusal while the controller, or a change of the pod, leaves open what the budget allows. */
export function stillProcessed(budget: string): StatusError {
  return tooMany(`The disruption budget ${budget} is still being processed by the server.`, 10)
}

/** Grants an eviction and enters it in the pod's budget. Throws the refusal; resolves with what the deletion must heed. */
export async function grantEviction(
  cluster: ClusterView,
  namespace: string,
  name: string,
  dryRun: boolean,
): Promise<{ readonly pod: Pod; readonly unchanged: boolean; readonly budget?: string }> {
  for (let attempt = 1; ; attempt++) {
    await cluster.current()
    const pod = cluster.get(pods, namespace, name)
    if (pod === undefined) throw notFound(pods, name)
    const ruling = ruleOnEviction(pod, cluster.list(podDisruptionBudgets, namespace), cluster.now)
    if ('refused' in ruling) throw ruling.refused
    if (ruling.may !== 'spend') {
      const { budget } = ruling
      return { pod, unchanged: ruling.may === 'deleteUnchanged', ...(budget === undefined ? {} : { budget }) }
    }
    const { budget, status } = ruling
    const granted = { pod, unchanged: false, budget: budget.metadata.name }
    if (dryRun || (await cluster.replace(podDisruptionBudgets, budget, { ...budget, status }))) return granted
    if (attempt >= attempts) {
      const text = `couldn't update PodDisruptionBudget ${JSON.stringify(budget.metadata.name)} due to conflicts`
      throw timeout(`Timeout: ${text}`, 10)
    }
  }
}
