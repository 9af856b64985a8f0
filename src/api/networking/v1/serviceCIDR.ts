// Blocks of addresses for services.
import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Blocks out of which services get their addresses. */
export interface ServiceCIDR extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The blocks. @default {} @optional */
  spec: ServiceCIDRSpec
  /** Whether they can be used. @default {} */
  status?: ServiceCIDRStatus
}

/** The kind ServiceCIDR as it is addressed: `servicecidrs` of networking.k8s.io. */
export const serviceCIDRs = resource<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  scope: 'Cluster',
})

/** Blocks of addresses for services. */
export interface ServiceCIDRSpec {
  /** The blocks, one or one of each family, such as `10.96.0.0/16`; cannot be changed. @atomic */
  cidrs?: string[]
}

/** Whether blocks can be used. */
export interface ServiceCIDRStatus {
  /** Facts about the blocks, such as `Ready`. @listMap type */
  conditions?: Condition[]
}

/** Several objects of kind ServiceCIDR, as a list request returns them. */
export interface ServiceCIDRList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ServiceCIDR[]
}
