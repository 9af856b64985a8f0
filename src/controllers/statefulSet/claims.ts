// The claims of a StatefulSet's pods, and who owns them: that decides what goes with what.
import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import type { Draft, ObjectName } from '#client/client.ts'
import { controllerReference } from '#machinery/owners.ts'

export const claimName = (set: StatefulSet, template: string, ordinal: number): string =>
  `${template}-${set.metadata.name}-${ordinal}`

export type ClaimDraft = Draft<PersistentVolumeClaim> & { readonly metadata: ObjectName }

/** The claims that the pod with this number has for itself. */
export function claimsFor(set: StatefulSet, ordinal: number): readonly ClaimDraft[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      ...metadata,
      name: claimName(set, metadata.name, ordinal),
      namespace: set.metadata.namespace ?? '',
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
    },
    spec,
  }))
}

/** Finds a claim of the set's namespace. */
export type ClaimAt = (name: string) => PersistentVolumeClaim | undefined

/** Whether claims of a pod that was scaled away are still to go: its successor must not get hold of them. */
export function hasStaleClaim(set: StatefulSet, ordinal: number, claimAt: ClaimAt): boolean {
  if (!goWithPods(set)) return false
  const pod = { metadata: { name: `${set.metadata.name}-${ordinal}` } }
  return claimsFor(set, ordinal).some(({ metadata }) => {
    const claim = claimAt(metadata.name)
    return claim !== undefined && hasStaleReference(claim, pods, pod)
  })
}

/** Whether claims are deleted with pods that are scaled away. */
export function goWithPods(set: StatefulSet): boolean {
  return retentionOf(set).whenScaled === 'Delete'
}

function retentionOf({ spec }: StatefulSet): { readonly whenDeleted: string; readonly whenScaled: string } {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = spec.persistentVolumeClaimRetentionPolicy ?? {}
  return { whenDeleted, whenScaled }
}

/** What is to be done about the owners of one claim. */
export interface ClaimOwners {
  readonly claim: PersistentVolumeClaim
  /** Another controller has the claim: the policy of the set does not hold for it. */
  readonly foreign: boolean
  /** The owners that it should have instead of those that it has; absent when it has them. */
  readonly owners?: readonly OwnerReference[]
}

/**
 * Judges the claims of a pod by the set's `persistentVolumeClaimRetentionPolicy` (KEP-1847):
 *
 *     whenDeleted: Delete   the set owns the claim, so that it goes with the set
 *     whenScaled: Delete    once its number is not wanted any more the pod owns the claim, so that it goes with the pod
 *     Retain                nobody of the set does
 */
export function claimOwners(
  set: StatefulSet,
  pod: Pod,
  ordinal: number,
  isWanted: boolean,
  claimAt: ClaimAt,
): readonly ClaimOwners[] {
  return claimsFor(set, ordinal).flatMap(({ metadata }) => {
    const claim = claimAt(metadata.name)
    return claim === undefined ? [] : [judge(claim, set, pod, isWanted)]
  })
}

function judge(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod, isWanted: boolean): ClaimOwners {
  const references = claim.metadata.ownerReferences ?? []
  const { whenDeleted, whenScaled } = retentionOf(set)
  const foreign = (whenDeleted !== 'Retain' || whenScaled !== 'Retain') && hasForeignController(references, set, pod)
  // What an earlier set or pod of the name owned is the collector's, not ours.
  if (hasStaleReference(claim, statefulSets, set) || hasStaleReference(claim, pods, pod)) return { claim, foreign }
  const ofSet = whenDeleted === 'Delete' && (isWanted || whenScaled === 'Retain') && !foreign
  const ofPod = whenScaled === 'Delete' && !isWanted && !foreign
  const owns = (owner: KubeObject, wanted: boolean): boolean => {
    const found = references.find(({ uid }) => uid === owner.metadata.uid)
    return wanted ? found?.controller === true : found === undefined
  }
  if (owns(set, ofSet) && owns(pod, ofPod)) return { claim, foreign }
  const others = references.filter((each) => !refersTo(each, statefulSets, set) && !refersTo(each, pods, pod))
  const owners = [
    ...others,
    ...(ofSet ? [controllerReference(set, statefulSets)] : []),
    ...(ofPod ? [controllerReference(pod, pods)] : []),
  ]
  return { claim, foreign, owners }
}

type Named = { readonly metadata: { readonly name: string; readonly uid?: string } }

/** By kind and name; the uid may be another's. */
function refersTo({ apiVersion, kind, name }: OwnerReference, resource: Resource, { metadata }: Named): boolean {
  return apiVersion === apiVersionOf(resource) && kind === resource.kind && name === metadata.name
}

/** Whether an owner of this kind and name is another than this one. */
function hasStaleReference({ metadata }: PersistentVolumeClaim, resource: Resource, owner: Named): boolean {
  const reference = metadata.ownerReferences?.find((each) => refersTo(each, resource, owner))
  return reference !== undefined && reference.uid !== owner.metadata.uid
}

function hasForeignController(references: readonly OwnerReference[], set: StatefulSet, pod: Pod): boolean {
  return references.some((each) => {
    if (refersTo(each, statefulSets, set)) return each.uid !== set.metadata.uid
    if (refersTo(each, pods, pod)) return each.uid !== pod.metadata.uid
    return each.controller === true
  })
}
