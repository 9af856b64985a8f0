import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime, int32 } from '#api/scalars.ts'

export interface Lease extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: LeaseSpec
}

export const leases = resource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
})

export interface LeaseSpec {
  holderIdentity?: string
  /** @minimum 1 */
  leaseDurationSeconds?: int32
  acquireTime?: MicroTime
  renewTime?: MicroTime
  /** @minimum 0 */
  leaseTransitions?: int32
  strategy?: CoordinatedLeaseStrategy
  preferredHolder?: string
}

/** Several objects of kind Lease, as a list request returns them. */
export interface LeaseList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Lease[]
}

export type CoordinatedLeaseStrategy = 'OldestEmulationVersion'
