import { leases, type Lease } from '#api/coordination/v1/lease.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'

/** Leases: who leads, and who is alive. */
export const leaseStrategy: Strategy<Lease> = {
  resource: leases,
  createOnUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    { name: 'Holder', description: 'Who holds the lease.', value: ({ spec }) => spec?.holderIdentity ?? '' },
    ageColumn,
  ],
  default(lease) {
    lease.spec ??= {}
  },
  // Who coordinates leaders is off in v1.34 (KEP-4355): what would be for it is not kept.
  prepare({ spec }, old) {
    if (old?.spec.strategy === undefined) delete spec.strategy
    if (old?.spec.preferredHolder === undefined) delete spec.preferredHolder
  },
  validate({ spec }, _old, report) {
    const place = report.at('spec')
    if (spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0) {
      place.at('leaseDurationSeconds').invalid(spec.leaseDurationSeconds, 'must be greater than 0')
    }
    if (spec.leaseTransitions !== undefined && spec.leaseTransitions < 0) {
      place.at('leaseTransitions').invalid(spec.leaseTransitions, 'must be greater than or equal to 0')
    }
  },
}
