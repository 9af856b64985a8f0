import { endpoints, type Endpoints, type EndpointSubset } from '#api/core/v1/endpoints.ts'
import { parseIp } from '#lib/net/ip.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkEndpointAddress, checkPortNumber, checkPortProtocol } from '#resources/network.ts'
import { portNameProblems } from '#machinery/validate/names.ts'
import type { Strategy } from '#server/strategy.ts'

const mostShown = 3

/** Endpoints: the addresses behind a service, in the form that endpoint slices replaced. */
export const endpointsStrategy: Strategy<Endpoints> = {
  resource: endpoints,
  unconditionalUpdate: true,
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
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
}

function checkSubset({ addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset, report: Report): void {
  if (addresses.length + notReadyAddresses.length === 0)
    report.required('must specify `addresses` or `notReadyAddresses`')
  for (const [index, { ip }] of addresses.entries()) checkAddress(ip, report.at('addresses', index, 'ip'))
  for (const [index, { ip }] of notReadyAddresses.entries())
    checkAddress(ip, report.at('notReadyAddresses', index, 'ip'))
  for (const [index, { name = '', port, protocol }] of ports.entries()) {
    const place = report.at('ports', index)
    if (ports.length > 1 && name === '') place.at('name').required()
    else if (name !== '') place.at('name').invalidBecause(name, portNameProblems(name))
    checkPortNumber(port, place.at('port'))
    checkPortProtocol(protocol, place.at('protocol'))
  }
}

/** What is no address at all is told twice, by the rule of addresses and by that of endpoints, as upstream does. */
function checkAddress(ip: string, report: Report): void {
  checkEndpointAddress(ip, report)
  if (parseIp(ip) === undefined) report.invalid(ip, 'must be a valid IP address')
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
