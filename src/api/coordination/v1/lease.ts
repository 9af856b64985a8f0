// Leases: who holds something, and until when.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime, int32 } from '#api/scalars.ts'

/** Says who holds a role, such as leader, and when that was last renewed; nodes renew one as their heartbeat. */
export interface Lease extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Who holds it, and since when. @default {} @optional */
  spec: LeaseSpec
}

/** The kind Lease as it is addressed: `leases` of coordination.k8s.io. */
export const leases = resource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
})

/** Who holds a lease, and since when. */
export interface LeaseSpec {
  /** Who holds it. */
  holderIdentity?: string
  /** Seconds after the last renewal when others may take it. */
  leaseDurationSeconds?: int32
  /** When the holder took it. */
  acquireTime?: MicroTime
  /** When the holder last renewed it. */
  renewTime?: MicroTime
  /** How often the holder changed. @minimum 0 */
  leaseTransitions?: int32
  /** How the holder is chosen when candidates are coordinated. */
  strategy?: CoordinatedLeaseStrategy
  /** Who should get it next; the holder then gives it up. */
  preferredHolder?: string
}

/** Several objects of kind Lease, as a list request returns them. */
export interface LeaseList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Lease[]
}

/** How the holder of a lease is chosen among candidates. @unlisted */
export type CoordinatedLeaseStrategy = 'OldestEmulationVersion'
