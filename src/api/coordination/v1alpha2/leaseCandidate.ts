// Candidates for leases in the shape of v1beta1.
import { resource } from '#api/resource.ts'
import { leaseCandidates as stable, type LeaseCandidate } from '../v1beta1/leaseCandidate.ts'

export type { LeaseCandidate, LeaseCandidateList, LeaseCandidateSpec } from '../v1beta1/leaseCandidate.ts'

/** The kind LeaseCandidate in v1alpha2. */
export const leaseCandidates = resource<LeaseCandidate>({ ...stable, version: 'v1alpha2' })
