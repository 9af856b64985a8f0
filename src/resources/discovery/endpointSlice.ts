import {
  endpointSlices,
  type Endpoint,
  type EndpointHints,
  type EndpointPort,
  type EndpointSlice,
} from '#api/discovery/v1/endpointSlice.ts'
import { ipFamily, parseIp } from '#lib/net/ip.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { addressProblems, noAddress, olderAddressWarnings } from '#resources/addresses.ts'
import { checkLabels } from '#resources/metadata.ts'
import { checkEndpointAddress, checkPortProtocol } from '#resources/network.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

const addressTypes: readonly string[] = ['FQDN', 'IPv4', 'IPv6']
const mostEndpoints = 1000
const mostPorts = 20_000
const mostTopologyLabels = 16
const mostHints = 8
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
  warnings: (slice, old) => [
    ...(old === undefined && slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
    ...addressWarnings(slice),
  ],
  validate(slice, old, report) {
    const { addressType, endpoints, ports } = slice
    const type = report.at('addressType')
    if ((addressType as string | undefined) === undefined || (addressType as string) === '') type.required()
    else if (!addressTypes.includes(addressType)) type.notSupported(addressType, addressTypes)
    checkPorts(ports ?? [], report.at('ports'))
    // Older ones may hold what is no longer taken, and keep it.
    if (old === undefined || !sameJson(endpoints, old.endpoints)) {
      checkEndpoints(endpoints ?? [], addressType, report.at('endpoints'))
    }
    if (old !== undefined) checkImmutable(type, addressType, old.addressType)
  },
}

const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
const controllers: readonly (string | undefined)[] = [
  'endpointslice-controller.k8s.io',
  'endpointslicemirroring-controller.k8s.io',
]

/** What to say of the addresses; what the controllers write is right already. */
function addressWarnings({ metadata, endpoints }: EndpointSlice): string[] {
  if (controllers.includes(metadata.labels?.[managedByLabel])) return []
  return (endpoints ?? []).flatMap(({ addresses }, index) =>
    addresses.flatMap((address, position) =>
      olderAddressWarnings(address, `endpoints[${index}].addresses[${position}]`),
    ),
  )
}

function checkPorts(ports: readonly EndpointPort[], report: Report): void {
  if (ports.length > mostPorts) return report.tooMany(ports.length, mostPorts)
  const names = new Set<string>()
  for (const [index, { name = '', protocol, appProtocol }] of ports.entries()) {
    const place = report.at(index)
    if (name !== '') place.at('name').invalidBecause(name, dnsLabelProblems(name))
    if (names.has(name)) place.at('name').duplicate(name)
    names.add(name)
    checkPortProtocol(protocol, place.at('protocol'))
    if (appProtocol !== undefined) {
      place.at('appProtocol').invalidBecause(appProtocol, qualifiedNameProblems(appProtocol))
    }
  }
}

function checkEndpoints(endpoints: readonly Endpoint[], type: string, report: Report): void {
  if (endpoints.length > mostEndpoints) return report.tooMany(endpoints.length, mostEndpoints)
  for (const [index, endpoint] of endpoints.entries()) checkEndpoint(endpoint, type, report.at(index))
}

function checkEndpoint(endpoint: Endpoint, type: string, report: Report): void {
  const { addresses, hostname, nodeName, deprecatedTopology, hints } = endpoint
  const place = report.at('addresses')
  if (addresses.length === 0) place.required('must contain at least 1 address')
  else if (addresses.length > mostAddresses) place.tooMany(addresses.length, mostAddresses)
  for (const [index, address] of addresses.entries()) {
    if (type === 'FQDN') checkFullName(address, place.at(index))
    else if (type === 'IPv4' || type === 'IPv6') checkAddress(address, type, place, place.at(index))
  }
  if (nodeName !== undefined) report.at('nodeName').invalidBecause(nodeName, dnsSubdomainProblems(nodeName))
  if (deprecatedTopology !== undefined) {
    const count = Object.keys(deprecatedTopology).length
    if (count > mostTopologyLabels) report.at('deprecatedTopology').tooMany(count, mostTopologyLabels)
    checkLabels(deprecatedTopology, report.at('deprecatedTopology'))
  }
  if (hostname !== undefined) report.at('hostname').invalidBecause(hostname, dnsLabelProblems(hostname))
  if (hints !== undefined) checkHints(hints, report.at('hints'))
}

/** IPv6 addresses have one form only. What is of the other family is told of the list. */
function checkAddress(address: string, type: 'IPv4' | 'IPv6', list: Report, report: Report): void {
  const ip = parseIp(address)
  const problems = type === 'IPv6' ? addressProblems(address) : ip === undefined ? [noAddress] : []
  report.invalidBecause(address, problems)
  if (problems.length > 0 || ip === undefined) return
  const isIPv6 = ipFamily(ip) === 6
  if (isIPv6 !== (type === 'IPv6')) list.invalid(address, `must be an ${type} address`)
  checkEndpointAddress(address, report)
}

/** A domain of at least two words. */
function checkFullName(name: string, report: Report): void {
  if (name === '') return report.required()
  const domain = name.replace(/\.$/, '')
  const problems = dnsSubdomainProblems(domain)
  if (problems.length > 0) return report.invalid(domain, problems.join(','))
  const words = domain.split('.')
  if (words.length < 2) {
    return report.invalid(domain, 'should be a domain with at least two segments separated by dots')
  }
  const wrong = words.find((word) => dnsLabelProblems(word).length > 0)
  if (wrong !== undefined) report.invalid(wrong, dnsLabelProblems(wrong).join(','))
}

function checkHints({ forZones = [], forNodes = [] }: EndpointHints, report: Report): void {
  for (const [list, hints, problemsOf] of [
    ['forZones', forZones, labelValueProblems],
    ['forNodes', forNodes, dnsSubdomainProblems],
  ] as const) {
    const place = report.at(list)
    if (hints.length > mostHints) return place.tooMany(hints.length, mostHints)
    const seen = new Set<string>()
    for (const [index, { name }] of hints.entries()) {
      const at = place.at(index, 'name')
      if (seen.has(name)) at.duplicate(name)
      seen.add(name)
      at.invalidBecause(name, problemsOf(name))
    }
  }
}

function shorten(list: readonly string[]): string {
  const shown = list.slice(0, mostShown).join(',')
  return list.length > mostShown ? `${shown} + ${list.length - mostShown} more...` : shown
}
