import { endpoints, type EndpointAddress, type Endpoints, type EndpointSubset } from '#api/core/v1/endpoints.ts'
import { parseIp } from '#lib/net/ip.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkEndpointAddress, checkPortNumber, checkPortProtocol } from '#resources/network.ts'
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import { olderAddressWarnings } from '#resources/addresses.ts'
import type { Strategy } from '#server/strategy.ts'

const mostShown = 3

/** Endpoints: the addresses behind a service, in the form that endpoint slices replaced. */
export const endpointsStrategy: Strategy<Endpoints> = {
  resource: endpoints,
  unconditionalUpdate: true,
  createOnUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Endpoints',
      description: 'The first addresses with their ports.',
      value: ({ subsets }) => shown(subsets ?? []),
    },
    ageColumn,
  ],
  default({ subsets }) {
    for (const subset of subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= 'TCP'
  },
  validate({ subsets = [] }, _old, report) {
    for (const [index, subset] of subsets.entries()) checkSubset(subset, report.at('subsets', index))
  },
  warnings: addressWarnings,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
}

function checkSubset({ addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset, report: Report): void {
  if (addresses.length + notReadyAddresses.length === 0)
    report.required('must specify `addresses` or `notReadyAddresses`')
  for (const [index, address] of addresses.entries()) checkAddress(address, report.at('addresses', index))
  for (const [index, address] of notReadyAddresses.entries()) {
    checkAddress(address, report.at('notReadyAddresses', index))
  }
  for (const [index, { name = '', port, protocol, appProtocol }] of ports.entries()) {
    const place = report.at('ports', index)
    if (ports.length > 1 && name === '') place.at('name').required()
    else if (name !== '') place.at('name').invalidBecause(name, dnsLabelProblems(name))
    checkPortNumber(port, place.at('port'))
    checkPortProtocol(protocol, place.at('protocol'))
    if (appProtocol !== undefined) {
      place.at('appProtocol').invalidBecause(appProtocol, qualifiedNameProblems(appProtocol))
    }
  }
}

/** What is no address at all is told twice, by the rule of addresses and by that of endpoints, as upstream does. */
function checkAddress({ ip, hostname = '', nodeName }: EndpointAddress, report: Report): void {
  const place = report.at('ip')
  const isAddress = parseIp(ip) !== undefined
  if (!isAddress) checkEndpointAddress(ip, place)
  if (hostname !== '') report.at('hostname').invalidBecause(hostname, dnsLabelProblems(hostname))
  if (nodeName !== undefined) report.at('nodeName').invalidBecause(nodeName, dnsSubdomainProblems(nodeName))
  if (isAddress) checkEndpointAddress(ip, place)
  else place.invalid(ip, 'must be a valid IP address')
}

const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const controllerName = 'endpoint-controller'

/** What to say of the addresses; what the controller writes is right already. */
function addressWarnings({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata.labels?.[managedByLabel] === controllerName) return []
  return subsets.flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, position) =>
        olderAddressWarnings(ip, `subsets[${index}].${list}[${position}].ip`),
      ),
    ),
  )
}

function shown(subsets: readonly EndpointSubset[]): string {
  if (subsets.length === 0) return '<none>'
  const list: string[] = []
  let more = 0
  for (const { addresses = [], ports = [] } of subsets) {
    const pairs =
      ports.length === 0
        ? addresses.map(({ ip }) => ip)
        : ports.flatMap(({ port }) =>
            addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
          )
    for (const pair of pairs) {
      if (list.length < mostShown) list.push(pair)
      else more++
    }
  }
  const text = list.join(',')
  return more > 0 ? `${text} + ${more} more...` : text
}
