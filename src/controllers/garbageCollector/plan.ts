import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { foregroundFinalizer, isOrphaning, isWaitingForDependents, orphanFinalizer, ownersOf } from './graph.ts'

/** What became of an owner. `waiting`: it is being deleted and waits for its dependents. */
export type OwnerState = 'there' | 'gone' | 'waiting'

export type ItemPlan =
  | { readonly do: 'nothing' }
  /** Let the dependents go from it, then take the finalizer off. */
  | { readonly do: 'orphan'; readonly dependents: readonly KubeObject[] }
  | { readonly do: 'removeFinalizer'; readonly finalizer: string }
  /** It stays until these are gone; look at those. */
  | { readonly do: 'wait'; readonly blocking: readonly string[]; readonly lookAt: readonly string[] }
  /** It has other owners: forget these. */
  | { readonly do: 'dropOwners'; readonly uids: readonly string[] }
  | {
      readonly do: 'delete'
      readonly policy: 'Orphan' | 'Foreground' | 'Background'
      /** Its dependents wait for it in a circle: it must not hold up its owners any longer. */
      readonly unblock: boolean
    }

/** Decides what the ownership of an object asks for. `stateOf` is asked only where it matters. */
export function planItem(
  object: KubeObject,
  dependents: readonly KubeObject[],
  stateOf: (owner: OwnerReference) => OwnerState,
): ItemPlan {
  if (object.metadata.deletionTimestamp !== undefined) return planEnding(object, dependents)
  const owners = ownersOf(object)
  if (owners.length === 0) return { do: 'nothing' }
  const states = owners.map((owner) => ({ owner, state: stateOf(owner) }))
  const lost = states.filter(({ state }) => state !== 'there').map(({ owner }) => owner.uid)
  if (lost.length < owners.length) return lost.length === 0 ? { do: 'nothing' } : { do: 'dropOwners', uids: lost }
  if (states.some(({ state }) => state === 'waiting') && dependents.length > 0) {
    return { do: 'delete', policy: 'Foreground', unblock: dependents.some(isWaitingForDependents) }
  }
  const finalizers = object.metadata.finalizers ?? []
  const policy = finalizers.includes(orphanFinalizer)
    ? 'Orphan'
    : finalizers.includes(foregroundFinalizer)
      ? 'Foreground'
      : 'Background'
  return { do: 'delete', policy, unblock: false }
}

function planEnding(object: KubeObject, dependents: readonly KubeObject[]): ItemPlan {
  if (isOrphaning(object)) return { do: 'orphan', dependents }
  if (!isWaitingForDependents(object)) return { do: 'nothing' }
  const blocking = dependents.filter((dependent) =>
    ownersOf(dependent).some(
      ({ uid, blockOwnerDeletion }) => uid === object.metadata.uid && blockOwnerDeletion === true,
    ),
  )
  if (blocking.length === 0) return { do: 'removeFinalizer', finalizer: foregroundFinalizer }
  const uidsOf = (objects: readonly KubeObject[]): readonly string[] =>
    objects.map(({ metadata }) => metadata.uid ?? '')
  const lookAt = uidsOf(blocking.filter((dependent) => !isWaitingForDependents(dependent)))
  return { do: 'wait', blocking: uidsOf(blocking), lookAt }
}
