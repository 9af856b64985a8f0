import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'

/** The owner that manages this object, if any; at most one reference has `controller: true`. */
export function controllerOf(object: Pick<KubeObject, 'metadata'>): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)
}

/** Whether `owner` is the managing owner of `object`: names may be reused, uids may not. */
export function isControlledBy(object: Pick<KubeObject, 'metadata'>, owner: Pick<KubeObject, 'metadata'>): boolean {
  const uid = controllerOf(object)?.uid
  return uid !== undefined && uid === owner.metadata.uid
}

/** The reference with which a controller marks what it makes for `owner`. */
export function controllerReference(
  owner: Pick<KubeObject, 'metadata'>,
  resource: Pick<Resource, 'group' | 'version' | 'kind'>,
): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}
