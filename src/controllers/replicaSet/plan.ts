import type { ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus } from '#api/apps/v1/replicaSet.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Group } from '#client/index.ts'
import { timeText } from '#machinery/time.ts'
import { conditionOf, withCondition, withoutCondition } from '#machinery/conditions.ts'
import { availableAt, isActive, isReady } from '../podAvailability.ts'
import { choosePodsToDelete } from '../podReplacement.ts'

/** An owner of equal pods: a ReplicaSet or a ReplicationController. */
export interface ReplicaOwner extends KubeObject {
  readonly spec: Pick<ReplicaSetSpec, 'replicas' | 'minReadySeconds' | 'template'>
  readonly status?: ReplicaSetStatus
}

/** The most pods that one look at a set creates or deletes; the next look does the rest. */
const mostAtOnce = 500

export type ReplicaPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly count: number }
  | { readonly do: 'delete'; readonly pods: readonly Pod[] }

/**
 * Decides how to get from the pods that a set owns, in groups of those that are alike (`podLikeness`), to as many as it
 * asks for; asks for `related` pods only to choose.
 */
export function planReplicas(
  set: ReplicaOwner,
  owned: readonly Group<Pod>[],
  related: () => readonly Pod[],
  now: number,
): ReplicaPlan {
  if (set.metadata.deletionTimestamp !== undefined) return { do: 'nothing' }
  const active = owned.filter(([pod]) => isActive(pod))
  const surplus = countOf(active) - (set.spec.replicas ?? 1)
  if (surplus === 0) return { do: 'nothing' }
  if (surplus < 0) return { do: 'create', count: Math.min(-surplus, mostAtOnce) }
  return { do: 'delete', pods: choosePodsToDelete(active.flat(), Math.min(surplus, mostAtOnce), related(), now) }
}

/** What went wrong while a plan was carried out. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
}

/**
 * The status of a set that owns these pods, in groups of those that are alike. `failure` is the outcome of this look; `recheckAt` is when a ready pod
 * becomes available without any change.
 */
export function computeStatus(
  set: ReplicaOwner,
  owned: readonly Group<Pod>[],
  failure: ReplicaFailure | undefined,
  now: number,
): { readonly status: ReplicaSetStatus; readonly recheckAt?: number } {
  const active = owned.filter(([pod]) => isActive(pod))
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {})
  const isFullyLabeled = ({ metadata }: Pod): boolean =>
    templateLabels.every(([key, value]) => metadata.labels?.[key] === value)
  const availableFrom = (pod: Pod): number => availableAt(pod, set.spec.minReadySeconds ?? 0) ?? Infinity
  const replicas = countOf(active)
  const fullyLabeled = countOf(active.filter(([pod]) => isFullyLabeled(pod)))
  const ready = countOf(active.filter(([pod]) => isReady(pod)))
  const available = countOf(active.filter(([pod]) => availableFrom(pod) <= now))
  const recheckAt = active
    .map(([pod]) => availableFrom(pod))
    .filter((time) => time > now)
    .reduce((a, b) => Math.min(a, b), Infinity)
  const conditions = failureConditions(set.status?.conditions ?? [], failure, now)
  return {
    status: {
      replicas,
      ...(fullyLabeled === 0 ? {} : { fullyLabeledReplicas: fullyLabeled }),
      ...(ready === 0 ? {} : { readyReplicas: ready }),
      ...(available === 0 ? {} : { availableReplicas: available }),
      ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
      ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
    },
    ...(recheckAt === Infinity ? {} : { recheckAt }),
  }
}

/** How many pods there are in groups. */
function countOf(groups: readonly Group<Pod>[]): number {
  return groups.reduce((count, group) => count + group.length, 0)
}

/** A failure stays as it was first told until it is over: the text names a different pod each time. */
function failureConditions(
  conditions: readonly ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  now: number,
): readonly ReplicaSetCondition[] {
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure')
  if (conditionOf(conditions, 'ReplicaFailure') !== undefined) return conditions
  return withCondition(conditions, {
    type: 'ReplicaFailure',
    status: 'True',
    lastTransitionTime: timeText(now),
    reason: failure.reason,
    message: failure.message,
  })
}
