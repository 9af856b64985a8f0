// Templates of claims.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ResourceClaimSpec } from './resourceClaim.ts'

/** Makes a claim of its own for each pod that names it. */
export interface ResourceClaimTemplate extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The claim; never changes. @default {} */
  spec: ResourceClaimTemplateSpec
}

/** The kind ResourceClaimTemplate as it is addressed: `resourceclaimtemplates` of resource.k8s.io. */
export const resourceClaimTemplates = resource<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1beta1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  scope: 'Namespaced',
})

/** The claim that is made. */
export interface ResourceClaimTemplateSpec {
  /** Labels and annotations of the claim. @default {} */
  metadata?: ObjectMeta
  /** The devices that are wanted. @default {} */
  spec: ResourceClaimSpec
}

/** Several objects of kind ResourceClaimTemplate, as a list request returns them. */
export interface ResourceClaimTemplateList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ResourceClaimTemplate[]
}
