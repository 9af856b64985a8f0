import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import { claimsOf } from '#machinery/podReferences.ts'

/** The claims that a pod on a node may be using, as `namespace/name`. */
export function claimsInUse(pod: Pod): readonly string[] {
  // A kubelet does not start what refers to a claim that is going: only pods that have a node can hold one.
  return (pod.spec.nodeName ?? '') === '' ? [] : claimsOf(pod)
}

/** The volume attributes classes that a claim is of, was of, or is about to be of. */
export function classesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  return [
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined && name !== '') as string[]
}

/** The volume attributes class of a volume, if it has one. */
export function classesOfVolume({ spec }: PersistentVolume): readonly string[] {
  return (spec.volumeAttributesClassName ?? '') === '' ? [] : [spec.volumeAttributesClassName!]
}

/** Whether a claim may still hold on to this volume. */
export function isVolumeInUse({ status }: PersistentVolume): boolean {
  return status?.phase === 'Bound'
}

/**
 * The finalizers that an object should have: with the protecting one while it is not being deleted, without it once it
 * is and nobody uses it. Undefined: leave it as it is.
 */
export function planFinalizers(
  { metadata }: KubeObject,
  finalizer: string,
  isInUse: () => boolean,
): readonly string[] | undefined {
  const finalizers = metadata.finalizers ?? []
  const isProtected = finalizers.includes(finalizer)
  if (metadata.deletionTimestamp === undefined) return isProtected ? undefined : [...finalizers, finalizer]
  return isProtected && !isInUse() ? finalizers.filter((each) => each !== finalizer) : undefined
}
