import type { Deployment } from '#api/apps/v1/deployment.ts'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { scaledValueOrZero } from '#machinery/intOrString.ts'
import { byAge, desiredReplicasAnnotation, maxReplicasAnnotation, wholeNumber } from './replicaSets.ts'

/** What a Deployment allows while it changes from one template to another. */
export interface Bounds {
  readonly replicas: number
  /** Pods above `replicas`. */
  readonly surge: number
  /** Pods below `replicas` that may be missing. */
  readonly unavailable: number
}

export function boundsOf({ spec }: Deployment): Bounds {
  const replicas = spec.replicas ?? 1
  const rolling = spec.strategy?.rollingUpdate
  if (spec.strategy?.type === 'Recreate') return { replicas, surge: 0, unavailable: 0 }
  const surge = scaledValueOrZero(rolling?.maxSurge ?? '25%', replicas, 'up')
  const unavailable = scaledValueOrZero(rolling?.maxUnavailable ?? '25%', replicas, 'down')
  // With neither, nothing could ever move.
  const missing = surge === 0 && unavailable === 0 ? 1 : unavailable
  return { replicas, surge, unavailable: Math.min(missing, replicas) }
}

/** Sizes by set name, only of sets that change. */
export type Sizes = ReadonlyMap<string, number>

export const sizeOf = (set: ReplicaSet): number => set.spec.replicas ?? 1
export const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0
/** The available pods that stay: a set that is about to shrink may still report more. */
const lastingOf = (set: ReplicaSet): number => Math.min(availableOf(set), sizeOf(set))
export const isAlive = (set: ReplicaSet): boolean => sizeOf(set) > 0
export const sum = (sets: readonly ReplicaSet[], value: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + value(set), 0)

/**
 * How large the newest set may be now: as large as wanted, within the surge. An old set counts with the pods that it
 * still has, not only with those it should have.
 */
export function newSetSize(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): number {
  const { replicas, surge } = boundsOf(deployment)
  if (deployment.spec.strategy?.type === 'Recreate') return replicas
  const size = sizeOf(newSet)
  if (size > replicas) return replicas
  const room = replicas + surge - size - sum(oldSets, (set) => Math.max(sizeOf(set), set.status?.replicas ?? 0))
  return room <= 0 ? size : size + Math.min(room, replicas - size)
}

/**
 * How far the old sets can shrink so that enough pods stay available. Pods that are not available go first, from the
 * oldest set on: they are no loss, and may be what keeps the rollout from going on.
 *
 *     wanted 10, may miss 2         sizes        available
 *     old                           10           10
 *     new                            3            0           nothing may go but 13 - 8 - 3 = 2 of the old → 8
 *     … the new three are there      3            3           13 - 8 - 0 = 5 pods may go → 3, by what is available
 */
export function oldSetSizes(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): Sizes {
  const { replicas, unavailable } = boundsOf(deployment)
  const least = replicas - unavailable
  const all = newSet === undefined ? oldSets : [...oldSets, newSet]
  const newSize = newSet === undefined ? 0 : sizeOf(newSet)
  const newMissing = newSet === undefined ? 0 : newSize - lastingOf(newSet)
  const mayGo = sum(all, sizeOf) - least - newMissing
  const sizes = new Map<string, number>()
  if (mayGo <= 0) return sizes
  const now = (set: ReplicaSet): number => sizes.get(set.metadata.name) ?? sizeOf(set)
  const aged = byAge(oldSets)
  let gone = 0
  for (const set of aged) {
    const missing = sizeOf(set) - lastingOf(set)
    const less = Math.min(mayGo - gone, missing)
    if (less <= 0) continue
    sizes.set(set.metadata.name, sizeOf(set) - less)
    gone += less
  }
  let spare = sum(all, lastingOf) - least
  for (const set of aged) {
    const less = Math.min(now(set), spare)
    if (less <= 0) continue
    sizes.set(set.metadata.name, now(set) - less)
    spare -= less
  }
  return sizes
}

/**
 * Sizes after a change of `replicas`. While one set has all pods, it takes the whole change; during a rollout every set
 * takes a share by its size, so that the risk stays spread as it was, and the largest takes what rounding leaves.
 */
export function scaledSizes(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): Sizes {
  const { replicas, surge } = boundsOf(deployment)
  const all = newSet === undefined ? oldSets : [...oldSets, newSet]
  const alive = all.filter(isAlive)
  if (alive.length <= 1) {
    const only = alive[0] ?? newSet ?? byAge(oldSets).at(-1)
    return only === undefined ? new Map() : new Map([[only.metadata.name, replicas]])
  }
  if (newSet !== undefined && isSaturated(newSet, replicas)) {
    return new Map(oldSets.filter(isAlive).map((set) => [set.metadata.name, 0]))
  }
  if (deployment.spec.strategy?.type === 'Recreate') return new Map()
  const toAdd = (replicas > 0 ? replicas + surge : 0) - sum(alive, sizeOf)
  const aged = byAge(alive)
  const newerFirst = toAdd > 0
  const order = (newerFirst ? aged.toReversed() : aged).toSorted((a, b) => sizeOf(b) - sizeOf(a))
  const sizes = new Map<string, number>()
  let added = 0
  for (const set of order) {
    const share = shareOf(set, deployment, toAdd, added)
    sizes.set(set.metadata.name, sizeOf(set) + share)
    added += share
  }
  const largest = order[0]!.metadata.name
  if (toAdd !== 0) sizes.set(largest, Math.max(0, sizes.get(largest)! + toAdd - added))
  return sizes
}

/** Whether a set has all the pods that were wanted, and still are. */
function isSaturated(set: ReplicaSet, replicas: number): boolean {
  const desired = wholeNumber(set.metadata.annotations?.[desiredReplicasAnnotation])
  return desired === replicas && sizeOf(set) === replicas && availableOf(set) === replicas
}

/** How much of what is still to be added (or taken away) falls to a set. */
function shareOf(set: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  const left = toAdd - added
  if (left === 0) return 0
  const share = fractionOf(set, deployment)
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left)
}

function fractionOf(set: ReplicaSet, deployment: Deployment): number {
  const { replicas, surge } = boundsOf(deployment)
  const size = sizeOf(set)
  if (replicas === 0) return -size
  const written = wholeNumber(set.metadata.annotations?.[maxReplicasAnnotation]) ?? 0
  const most = written !== 0 ? written : (deployment.status?.replicas ?? 0)
  return most === 0 ? 0 : Math.round((size * (replicas + surge)) / most) - size
}
