import { ipAddresses, type IPAddress, type ParentReference } from '#api/networking/v1/ipAddress.ts'
import { ipAddresses as betaAddresses } from '#api/networking/v1beta1/ipAddress.ts'
import { dnsSubdomainProblems, pathSegmentProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import type { AddressSpace } from '#resources/core/service/addressSpace.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { addressProblems } from '#resources/addresses.ts'
import type { Strategy } from '#server/strategy.ts'

const managedLabel = 'ipaddress.kubernetes.io/managed-by'
const manager = 'ipallocator.k8s.io'

/** Addresses of the cluster that are in use. */
export const ipAddressStrategy = (space: AddressSpace): Strategy<IPAddress> => ({
  resource: ipAddresses,
  versions: [
    {
      resource: betaAddresses,
      deprecation:
        'networking.k8s.io/v1beta1 IPAddress is deprecated in v1.34+, unavailable in v1.37+; use networking.k8s.io/v1 IPAddress',
    },
  ],
  nameRule: addressProblems,
  unconditionalUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'ParentRef',
      description: 'The object that has the address.',
      value: ({ spec }) => (spec.parentRef === undefined ? '<none>' : parentText(spec.parentRef)),
    },
  ],
  validate({ spec }, old, report) {
    const place = report.at('spec', 'parentRef')
    const parent = spec.parentRef as ParentReference | undefined
    if (parent === undefined) place.required()
    else checkParent(parent, place)
    if (old !== undefined && !sameJson(parent, old.spec.parentRef)) {
      const shown = parent === undefined ? null : goForm('io.k8s.api.networking.v1.ParentReference', parent)
      place.invalid(shown, 'field is immutable')
    }
  },
  allocate: (address, _old, { dryRun }) =>
    dryRun ? undefined : { commit: () => noteAddress(space, address), release: () => {} },
  adopt: (address) => noteAddress(space, address),
  released: ({ metadata }) => space.letGo(metadata.name),
})

/** An address that somebody else made an object for is not handed out; those of services the services themselves keep. */
function noteAddress(space: AddressSpace, { metadata }: IPAddress): void {
  if (metadata.labels?.[managedLabel] === manager) space.letGo(metadata.name)
  else space.keep(metadata.name)
}

function checkParent({ group = '', resource = '', namespace = '', name = '' }: ParentReference, report: Report): void {
  if (group !== '') report.at('group').invalidBecause(group, dnsSubdomainProblems(group))
  if (resource === '') report.at('resource').required()
  else report.at('resource').invalidBecause(resource, pathSegmentProblems(resource))
  if (name === '') report.at('name').required()
  else report.at('name').invalidBecause(name, pathSegmentProblems(name))
  if (namespace !== '') report.at('namespace').invalidBecause(namespace, pathSegmentProblems(namespace))
}

/** `services/default/kubernetes`. */
function parentText({ group = '', resource, namespace = '', name }: ParentReference): string {
  const kind = (group === '' ? resource : `${resource}.${group}`).toLowerCase()
  return [kind, ...(namespace === '' ? [] : [namespace]), name].join('/')
}
