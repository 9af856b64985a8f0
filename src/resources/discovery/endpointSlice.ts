import { endpointSlices, type Endpoint, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { ipFamily, parseIp } from '#lib/net/ip.ts'
import { dnsLabelProblems, portNameProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkEndpointAddress, checkPortProtocol } from '#resources/network.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

const addressTypes: readonly string[] = ['FQDN', 'IPv4', 'IPv6']
const mostEndpoints = 1000
const mostPorts = 100
const mostAddresses = 100
const mostShown = 3

/** Endpoint slices: up to a thousand of the addresses behind a service. */
export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  resource: endpointSlices,
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    { name: 'AddressType', description: 'Kind of the addresses.', value: ({ addressType }) => addressType },
    {
      name: 'Ports',
      description: 'Ports of every endpoint.',
      value: ({ ports }) =>
        shorten((ports ?? []).map(({ port, name }) => (port === undefined ? (name ?? '*') : `${port}`))) || '<unset>',
    },
    {
      name: 'Endpoints',
      description: 'The first addresses.',
      value: (slice) => shorten((slice.endpoints ?? []).flatMap(({ addresses }) => addresses)) || '<unset>',
    },
    ageColumn,
  ],
  default(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  validate(slice, old, report) {
    const { addressType, endpoints, ports = [] } = slice
    const type = report.at('addressType')
    if ((addressType as string | undefined) === undefined || (addressType as string) === '') type.required()
    else if (!addressTypes.includes(addressType)) type.notSupported(addressType, addressTypes)
    const list = endpoints ?? []
    if (list.length > mostEndpoints) report.at('endpoints').tooMany(list.length, mostEndpoints)
    for (const [index, endpoint] of list.entries()) checkEndpoint(endpoint, addressType, report.at('endpoints', index))
    if (ports.length > mostPorts) report.at('ports').tooMany(ports.length, mostPorts)
    const names = new Set<string>()
    for (const [index, { name = '', protocol }] of ports.entries()) {
      const place = report.at('ports', index)
      if (name !== '') place.at('name').invalidBecause(name, portNameProblems(name))
      if (names.has(name)) place.at('name').duplicate(name)
      names.add(name)
      checkPortProtocol(protocol, place.at('protocol'))
    }
    if (old !== undefined) checkImmutable(type, addressType, old.addressType)
  },
}

function checkEndpoint({ addresses, hostname }: Endpoint, type: string, report: Report): void {
  const place = report.at('addresses')
  if (addresses.length === 0) place.required('must contain at least 1 address')
  if (addresses.length > mostAddresses) place.tooMany(addresses.length, mostAddresses)
  for (const [index, address] of addresses.entries()) {
    const at = place.at(index)
    if (type === 'FQDN') at.invalidBecause(address, dnsSubdomainProblems(address))
    else if (type === 'IPv4' || type === 'IPv6') {
      const ip = parseIp(address)
      if (ip === undefined || ipFamily(ip) !== (type === 'IPv4' ? 4 : 6))
        at.invalid(address, `must be a valid ${type} address`)
      if (ip === undefined) at.invalid(address, 'must be a valid IP address')
      else checkEndpointAddress(address, at)
    }
  }
  if (hostname !== undefined) report.at('hostname').invalidBecause(hostname, dnsLabelProblems(hostname))
}

function shorten(list: readonly string[]): string {
  const shown = list.slice(0, mostShown).join(',')
  return list.length > mostShown ? `${shown} + ${list.length - mostShown} more...` : shown
}
