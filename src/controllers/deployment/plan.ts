import type { Deployment, DeploymentStatus } from '#api/apps/v1/deployment.ts'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import type { Cause } from '#client/causes.ts'
import { conditionOf } from '#machinery/conditions.ts'
import {
  annotationsFor,
  byAge,
  compareRevisions,
  desiredReplicasAnnotation,
  findNewSet,
  highest,
  newSetFor,
  nextRevision,
  revisionOf,
  sizeAnnotations,
  wholeNumber,
} from './replicaSets.ts'
import { boundsOf, isAlive, newSetSize, oldSetSizes, scaledSizes, sizeOf, sum, type Sizes } from './sizes.ts'
import {
  computeCounts,
  deadlineOf,
  isComplete,
  reasons,
  setCondition,
  timesOutAt,
  withAvailability,
  withPause,
  withProgress,
  withReplicaFailure,
  type Conditions,
} from './status.ts'

/** A change of a set that is there: only what is named changes. */
export interface SetChange {
  readonly set: ReplicaSet
  readonly replicas?: number
  readonly minReadySeconds?: number
  readonly annotations?: Record<string, string>
}

/** The next step of a Deployment. What is to be written comes in this order; the status fits all of it. */
export interface RolloutPlan {
  readonly create?: ReplicaSet
  readonly change: readonly SetChange[]
  /** Sets without pods that are beyond the history to be kept. */
  readonly remove: readonly ReplicaSet[]
  readonly status: DeploymentStatus
  /** The revision that the Deployment itself has to carry. */
  readonly revision?: bigint
  /** Look again then even if nothing changes: a deadline passes. */
  readonly recheckAt?: number
  /** Why the rollout does not go on. */
  readonly cause?: Cause
}

export interface Observed {
  /** The sets that the Deployment owns. */
  readonly sets: readonly ReplicaSet[]
  /** Names of sets that still have pods which are not finished. */
  readonly withPods: ReadonlySet<string>
}

/** Decides the next step of a Deployment from what there is. */
export function planRollout(deployment: Deployment, observed: Observed, now: number): RolloutPlan {
  const { sets } = observed
  const known = findNewSet(deployment, sets)
  const oldSets = sets.filter((set) => set !== known)
  const ending = deployment.metadata.deletionTimestamp !== undefined
  const paused = deployment.spec.paused === true
  const still = ending || paused
  const before: Conditions = ending
    ? (deployment.status?.conditions ?? [])
    : withPause(deployment.status?.conditions ?? [], deployment, now)

  const waits = !still && waitsForOldPods(deployment, known, oldSets, observed)
  const create = known === undefined && !still && !waits && !isBeingScaled(deployment, sets)
  const newSet = known ?? (create ? sizedNewSet(deployment, oldSets) : undefined)
  const revision = newSet === undefined ? undefined : highest([nextRevision(oldSets), revisionOf(newSet)])
  const sizes = ending ? new Map<string, number>() : planSizes(deployment, newSet, oldSets, sets, waits)
  const change = planChanges(deployment, known, sets, sizes, revision)

  const all = newSet === undefined || known !== undefined ? sets : [...sets, newSet]
  const total = sum(all, (set) => sizes.get(set.metadata.name) ?? sizeOf(set))
  const counts = computeCounts(deployment, newSet, all, total)
  const conditions = planConditions(deployment, before, { newSet, known, create, all, counts, still }, now)
  const status: DeploymentStatus = conditions.length === 0 ? counts : { ...counts, conditions: [...conditions] }
  const done = isComplete(deployment, deployment.status ?? {})
  const resizes = create || change.some(({ replicas }) => replicas !== undefined)
  const recheckAt = still || isComplete(deployment, counts) ? undefined : recheckTime(deployment, conditions)
  const cause = causeOf(deployment, conditions, waits, newSet)
  return {
    ...(create && newSet !== undefined ? { create: withRevision(deployment, newSet, revision!) } : {}),
    change,
    remove: !ending && (paused || done) && !resizes ? planRemovals(deployment, oldSets) : [],
    status,
    ...(revision === undefined || revision === revisionOf(deployment) ? {} : { revision }),
    ...(recheckAt === undefined ? {} : { recheckAt }),
    ...(cause === undefined ? {} : { cause }),
  }
}

/** Whether `replicas` was changed since the sets were last sized: then they are scaled before the rollout goes on. */
function isBeingScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  const { replicas } = boundsOf(deployment)
  return sets.filter(isAlive).some((set) => {
    const desired = wholeNumber(set.metadata.annotations?.[desiredReplicasAnnotation])
    return desired !== undefined && desired !== replicas
  })
}

/** With `Recreate`, the next pods come when the last of the old ones has ended. */
function waitsForOldPods(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  { withPods }: Observed,
): boolean {
  if (deployment.spec.strategy?.type !== 'Recreate') return false
  if (oldSets.some((set) => isAlive(set) || (set.status?.replicas ?? 0) > 0)) return true
  return [...withPods].some((name) => name !== newSet?.metadata.name)
}

function sizedNewSet(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet {
  const set = newSetFor(deployment)
  return { ...set, spec: { ...set.spec, replicas: newSetSize(deployment, set, oldSets) } }
}

function withRevision(deployment: Deployment, set: ReplicaSet, revision: bigint): ReplicaSet {
  const { replicas, surge } = boundsOf(deployment)
  const annotations = { ...annotationsFor(deployment, undefined, revision), ...sizeAnnotations(replicas, surge) }
  return { ...set, metadata: { ...set.metadata, annotations } }
}

/** The sizes to go to in this step: up first, and down only in a step that does not go up. */
function planSizes(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  sets: readonly ReplicaSet[],
  waits: boolean,
): Sizes {
  if (deployment.spec.paused === true || isBeingScaled(deployment, sets)) {
    const known = sets.includes(newSet as ReplicaSet) ? newSet : undefined
    return scaledSizes(deployment, known, oldSets)
  }
  if (waits) return new Map(oldSets.filter(isAlive).map((set) => [set.metadata.name, 0]))
  if (newSet === undefined) return new Map()
  const size = newSetSize(deployment, newSet, oldSets)
  if (size !== sizeOf(newSet)) return new Map([[newSet.metadata.name, size]])
  return oldSetSizes(deployment, newSet, oldSets.filter(isAlive))
}

function planChanges(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  sizes: Sizes,
  revision: bigint | undefined,
): readonly SetChange[] {
  const { replicas, surge } = boundsOf(deployment)
  const changes: SetChange[] = []
  for (const set of sets) {
    const size = sizes.get(set.metadata.name)
    const wanted = {
      ...(set === newSet && revision !== undefined
        ? annotationsFor(deployment, set, revision)
        : set.metadata.annotations),
      ...(size === undefined ? {} : sizeAnnotations(replicas, surge)),
    }
    const annotations = differing(set.metadata.annotations ?? {}, wanted)
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0
    const change: SetChange = {
      set,
      ...(size === undefined || size === sizeOf(set) ? {} : { replicas: size }),
      ...(set === newSet && (set.spec.minReadySeconds ?? 0) !== minReadySeconds ? { minReadySeconds } : {}),
      ...(annotations === undefined ? {} : { annotations }),
    }
    if (Object.keys(change).length > 1) changes.push(change)
  }
  // Down before up, so that a step which does both never has more pods than before.
  return changes.toSorted(
    (a, b) => (a.replicas ?? sizeOf(a.set)) - sizeOf(a.set) - ((b.replicas ?? sizeOf(b.set)) - sizeOf(b.set)),
  )
}

function differing(from: Record<string, string>, to: Record<string, string>): Record<string, string> | undefined {
  const changed = Object.entries(to).filter(([name, value]) => from[name] !== value)
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}

interface Step {
  readonly newSet: ReplicaSet | undefined
  readonly known: ReplicaSet | undefined
  readonly create: boolean
  readonly all: readonly ReplicaSet[]
  readonly counts: DeploymentStatus
  /** The Deployment is paused or being deleted: no rollout. */
  readonly still: boolean
}

function planConditions(deployment: Deployment, before: Conditions, step: Step, now: number): Conditions {
  const { newSet, known, create, all, counts, still } = step
  let conditions = before
  if (deadlineOf(deployment) !== undefined && newSet !== undefined) {
    const { name } = newSet.metadata
    if (create) {
      conditions = setCondition(
        conditions,
        'Progressing',
        'True',
        reasons.created,
        `Created new replica set "${name}"`,
        now,
      )
    } else if (known !== undefined && conditionOf(conditions, 'Progressing') === undefined) {
      conditions = setCondition(
        conditions,
        'Progressing',
        'True',
        reasons.found,
        `Found new replica set "${name}"`,
        now,
      )
    }
  }
  conditions = withAvailability(conditions, deployment, counts.availableReplicas ?? 0, now)
  if (still) return conditions
  conditions = withProgress(conditions, deployment, newSet, counts, now)
  return withReplicaFailure(conditions, newSet, all, now)
}

/** A second after the deadline, as the condition's time has no fractions. */
function recheckTime(deployment: Deployment, conditions: Conditions): number | undefined {
  if (conditionOf(conditions, 'Progressing')?.reason === reasons.timedOut) return undefined
  const timeout = timesOutAt(deployment, conditions)
  return timeout === undefined ? undefined : timeout + 1000
}

function planRemovals(deployment: Deployment, oldSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit
  if (limit === undefined || limit === 2 ** 31 - 1) return []
  const kept = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined)
  const surplus = kept.length - limit
  if (surplus <= 0) return []
  return byAge(kept)
    .toSorted(compareRevisions)
    .slice(0, surplus)
    .filter((set) => {
      const settled = (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0)
      return settled && !isAlive(set) && (set.status?.replicas ?? 0) === 0
    })
}

function causeOf(
  deployment: Deployment,
  conditions: Conditions,
  waits: boolean,
  newSet: ReplicaSet | undefined,
): Cause | undefined {
  const failure = conditionOf(conditions, 'ReplicaFailure')
  const involves = newSet === undefined ? {} : { involves: [{ kind: 'ReplicaSet', ...nameOf(newSet) }] }
  if (failure !== undefined) {
    return { reason: 'ReplicaFailure', message: failure.message ?? '', ...involves }
  }
  const progressing = conditionOf(conditions, 'Progressing')
  if (progressing?.reason === reasons.timedOut) {
    const remedy = 'Look at the pods of the newest ReplicaSet; go back with `kubectl rollout undo`'
    return { reason: reasons.timedOut, message: progressing.message ?? '', remedy, ...involves }
  }
  if (deployment.spec.paused === true) {
    return { reason: reasons.paused, message: 'Deployment is paused', remedy: 'Go on with `kubectl rollout resume`' }
  }
  if (!waits) return undefined
  return {
    reason: 'OldPodsRunning',
    message: 'Pods of earlier templates have not ended yet',
    remedy: 'Wait for them to end',
  }
}

function nameOf({ metadata: { name, namespace } }: ReplicaSet): { name: string; namespace?: string } {
  return namespace === undefined ? { name } : { name, namespace }
}
