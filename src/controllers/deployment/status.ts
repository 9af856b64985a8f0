import type { Deployment, DeploymentCondition, DeploymentStatus } from '#api/apps/v1/deployment.ts'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { millisecondsOf, timeText } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { availableOf, boundsOf, sum } from './sizes.ts'

export type Conditions = readonly DeploymentCondition[]

/** The words that stand as reason of the condition `Progressing`. */
export const reasons = {
  created: 'NewReplicaSetCreated',
  found: 'FoundNewReplicaSet',
  updated: 'ReplicaSetUpdated',
  available: 'NewReplicaSetAvailable',
  timedOut: 'ProgressDeadlineExceeded',
  createFailed: 'ReplicaSetCreateError',
  paused: 'DeploymentPaused',
  resumed: 'DeploymentResumed',
} as const

/** The largest deadline means none. */
const noDeadline = 2 ** 31 - 1

export function deadlineOf(deployment: Deployment): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds
  return seconds === undefined || seconds === noDeadline ? undefined : seconds * 1000
}

/** Conditions with this one last. One that says the same already stays as it is, with its text and times. */
export function setCondition(
  conditions: Conditions,
  type: string,
  status: DeploymentCondition['status'],
  reason: string,
  message: string,
  now: number,
): Conditions {
  const before = conditionOf(conditions, type)
  if (before?.status === status && before.reason === reason) return conditions
  const time = timeText(now)
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? time) : time
  return [
    ...conditions.filter((condition) => condition.type !== type),
    { type, status, lastUpdateTime: time, lastTransitionTime, reason, message },
  ]
}

/** What the sets add up to. `sizes` are those that the sets are about to have. */
export function computeCounts(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  total: number,
): Omit<DeploymentStatus, 'conditions'> {
  const replicas = sum(sets, (set) => set.status?.replicas ?? 0)
  const ready = sum(sets, (set) => set.status?.readyReplicas ?? 0)
  const available = sum(sets, availableOf)
  const updated = newSet?.status?.replicas ?? 0
  const unavailable = Math.max(0, total - available)
  const { collisionCount } = deployment.status ?? {}
  return {
    ...(deployment.metadata.generation === undefined ? {} : { observedGeneration: deployment.metadata.generation }),
    ...(replicas === 0 ? {} : { replicas }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    ...(unavailable === 0 ? {} : { unavailableReplicas: unavailable }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  }
}

export function withAvailability(
  conditions: Conditions,
  deployment: Deployment,
  available: number,
  now: number,
): Conditions {
  const { replicas, unavailable } = boundsOf(deployment)
  return available >= replicas - unavailable
    ? setCondition(
        conditions,
        'Available',
        'True',
        'MinimumReplicasAvailable',
        'Deployment has minimum availability.',
        now,
      )
    : setCondition(
        conditions,
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        now,
      )
}

/** Whether every pod is of the newest template and available, and none of another is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const { replicas } = boundsOf(deployment)
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

/** Whether a status is nearer to the end than the one before: pods moved to the newest template, or became ready or available. */
function isProgress(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

/** When a rollout without progress will have taken too long; undefined while that cannot be. */
export function timesOutAt(deployment: Deployment, conditions: Conditions): number | undefined {
  const deadline = deadlineOf(deployment)
  const condition = conditionOf(conditions, 'Progressing')
  if (deadline === undefined || condition === undefined || condition.reason === reasons.available) return undefined
  const since = millisecondsOf(condition.lastUpdateTime)
  return since === undefined ? undefined : since + deadline
}

/** What the condition `Progressing` says after this look at a rollout. */
export function withProgress(
  conditions: Conditions,
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  counts: DeploymentStatus,
  now: number,
): Conditions {
  if (deadlineOf(deployment) === undefined) return conditions.filter(({ type }) => type !== 'Progressing')
  const current = conditionOf(conditions, 'Progressing')
  const wasComplete = counts.replicas === counts.updatedReplicas && current?.reason === reasons.available
  if (wasComplete) return conditions
  const what =
    newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`
  const say = (list: Conditions, status: 'True' | 'False', reason: string, message: string): Conditions =>
    setCondition(list, 'Progressing', status, reason, message, now)
  if (isComplete(deployment, counts)) {
    return say(conditions, 'True', reasons.available, `${what} has successfully progressed.`)
  }
  if (isProgress(deployment.status ?? {}, counts)) {
    // Each step starts the deadline anew, so the time is written even when the words stay.
    const said = say(
      conditions.filter(({ type }) => type !== 'Progressing'),
      'True',
      reasons.updated,
      `${what} is progressing.`,
    )
    const { lastTransitionTime } = current ?? {}
    if (current?.status !== 'True' || lastTransitionTime === undefined) return said
    return said.map((each) => (each.type === 'Progressing' ? { ...each, lastTransitionTime } : each))
  }
  if (current?.reason === reasons.timedOut) return conditions
  const timeout = timesOutAt(deployment, conditions)
  if (timeout === undefined || now <= timeout) return conditions
  return say(conditions, 'False', reasons.timedOut, `${what} has timed out progressing.`)
}

/** A failure of the newest set to make pods, or else of any other, is the Deployment's too. */
export function withReplicaFailure(
  conditions: Conditions,
  newSet: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  now: number,
): Conditions {
  const failureOf = (set: ReplicaSet | undefined) => conditionOf(set?.status?.conditions, 'ReplicaFailure')
  const failure = failureOf(newSet) ?? sets.map(failureOf).find((condition) => condition !== undefined)
  if (failure === undefined) return conditions.filter(({ type }) => type !== 'ReplicaFailure')
  const { status, reason = '', message = '', lastTransitionTime } = failure
  const said = setCondition(conditions, 'ReplicaFailure', status, reason, message, now)
  if (said === conditions || lastTransitionTime === undefined) return said
  const times = { lastUpdateTime: lastTransitionTime, lastTransitionTime }
  return said.map((each) => (each.type === 'ReplicaFailure' ? { ...each, ...times } : each))
}

/** A pause stops the deadline, a resume starts it anew. */
export function withPause(conditions: Conditions, deployment: Deployment, now: number): Conditions {
  if (deadlineOf(deployment) === undefined) return conditions
  const { reason } = conditionOf(conditions, 'Progressing') ?? {}
  if (reason === reasons.timedOut) return conditions
  const paused = deployment.spec.paused === true
  if (paused && reason !== reasons.paused) {
    return setCondition(conditions, 'Progressing', 'Unknown', reasons.paused, 'Deployment is paused', now)
  }
  if (!paused && reason === reasons.paused) {
    return setCondition(conditions, 'Progressing', 'Unknown', reasons.resumed, 'Deployment is resumed', now)
  }
  return conditions
}
