import { serviceCIDRs, type ServiceCIDR } from '#api/networking/v1/serviceCIDR.ts'
import { serviceCIDRs as betaCIDRs } from '#api/networking/v1beta1/serviceCIDR.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { blockProblems, readBlock } from '#resources/addresses.ts'
import { isReady, type AddressSpace } from '#resources/core/service/addressSpace.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** Blocks of addresses for services. */
export const serviceCIDRStrategy = (space: AddressSpace): Strategy<ServiceCIDR> => ({
  resource: serviceCIDRs,
  versions: [
    {
      resource: betaCIDRs,
      deprecation:
        'networking.k8s.io/v1beta1 ServiceCIDR is deprecated in v1.34+, unavailable in v1.37+; use networking.k8s.io/v1 ServiceCIDR',
    },
  ],
  reserved: ['status'],
  unconditionalUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    { name: 'CIDRs', description: 'The blocks.', value: ({ spec }) => (spec.cidrs ?? []).join(',') },
    ageColumn,
  ],
  subresources: { status: { ...statusAlone, validate: () => {} } },
  validate({ spec }, old, report) {
    const place = report.at('spec', 'cidrs')
    if (old === undefined) checkBlocks(spec, place)
    else checkUpdate(spec, old.spec.cidrs ?? [], place)
  },
  allocate: (block, _old, { dryRun }) =>
    dryRun ? undefined : { commit: () => noteBlocks(space, block), release: () => {} },
  adopt: (block) => noteBlocks(space, block),
  released: ({ metadata }) => space.removeBlocks(metadata.name),
})

function noteBlocks(space: AddressSpace, { metadata, spec, status }: ServiceCIDR): void {
  const ready = metadata.deletionTimestamp === undefined && isReady(status?.conditions)
  space.setBlocks(metadata.name, spec.cidrs ?? [], ready)
}

function checkBlocks(spec: ServiceCIDR['spec'], report: Report): void {
  const { cidrs = [] } = spec
  if (cidrs.length === 0) return report.required('at least one CIDR required')
  if (cidrs.length > 2) {
    return report.invalid(goForm('io.k8s.api.networking.v1.ServiceCIDRSpec', spec), 'may only hold up to 2 values')
  }
  for (const [index, cidr] of cidrs.entries()) report.at(index).invalidBecause(cidr, blockProblems(cidr))
  const families = cidrs.map((cidr) => readBlock(cidr)?.family)
  if (cidrs.length === 2 && families[0] === families[1] && families[0] !== undefined) {
    const problem = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'
    report.invalid(cidrs, problem)
  }
}

const fixed = 'field is immutable'

/** A block of the other family may be added to a single one; nothing else changes. */
function checkUpdate(spec: ServiceCIDR['spec'], old: readonly string[], report: Report): void {
  const { cidrs = [] } = spec
  const isAddition = old.length === 1 && cidrs.length === 2
  if (cidrs.length !== old.length && !isAddition) return report.invalid(cidrs, fixed)
  for (const [index, before] of old.entries()) {
    if (cidrs[index] !== before) report.at(index).invalid(cidrs[index], fixed)
  }
  if (isAddition) checkBlocks(spec, report)
}
