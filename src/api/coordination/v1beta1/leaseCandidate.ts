// Candidates for leases that the control plane assigns.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { MicroTime } from '#api/scalars.ts'

/** Says that somebody wants to hold a lease, so that the best candidate can be chosen. */
export interface LeaseCandidate extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which lease, and why this candidate. @default {} @optional */
  spec: LeaseCandidateSpec
}

/** The kind LeaseCandidate as it is addressed: `leasecandidates` of coordination.k8s.io. */
export const leaseCandidates = resource<LeaseCandidate>({
  group: 'coordination.k8s.io',
  version: 'v1beta1',
  kind: 'LeaseCandidate',
  plural: 'leasecandidates',
  scope: 'Namespaced',
})

/** Which lease a candidate wants, and how good it is. */
export interface LeaseCandidateSpec {
  /** The name of the lease. */
  leaseName: string
  /** When the candidate was last asked whether it is still there. */
  pingTime?: MicroTime
  /** When it last said so; candidates that were silent for half an hour are removed. */
  renewTime?: MicroTime
  /** The version of its program, such as `1.34.0`. */
  binaryVersion: string
  /** The version that it behaves like; not above `binaryVersion`. */
  emulationVersion?: string
  /**
   * How the holder is to be chosen, `OldestEmulationVersion` or a qualified name of one's own; the strategy of the
   * candidate with the newest version counts.
   */
  strategy: string
}

/** Several objects of kind LeaseCandidate, as a list request returns them. */
export interface LeaseCandidateList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: LeaseCandidate[]
}
