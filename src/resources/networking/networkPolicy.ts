import {
  networkPolicies,
  type IPBlock,
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type NetworkPolicySpec,
} from '#api/networking/v1/networkPolicy.ts'
import { cidrContains } from '#lib/net/cidr.ts'
import { portNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { formatLabelSelector, requirementsOf } from '#machinery/labelSelector.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkPortNumber } from '#resources/network.ts'
import { checkSelector } from '#resources/selector.ts'
import { olderBlockProblems, olderBlockWarnings, readBlock } from '#resources/addresses.ts'
import type { Strategy } from '#server/strategy.ts'

const protocols: readonly string[] = ['TCP', 'UDP', 'SCTP']
const policyTypes: readonly string[] = ['Ingress', 'Egress']

/** Network policies: who may talk to whom. */
export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  resource: networkPolicies,
  refusalGroup: 'extensions',
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    {
      name: 'Pod-Selector',
      description: 'The pods that the policy is about.',
      value: ({ spec }) => formatLabelSelector(requirementsOf(spec.podSelector ?? {})) || '<none>',
    },
    ageColumn,
  ],
  default({ spec }) {
    for (const { ports = [] } of rulesOf(spec)) for (const port of ports) port.protocol ??= 'TCP'
    if ((spec.policyTypes ?? []).length > 0) return
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  },
  validate({ spec }, _old, report) {
    const place = report.at('spec')
    checkSelector(spec.podSelector ?? {}, place.at('podSelector'))
    for (const [index, { ports, from }] of (spec.ingress ?? []).entries()) {
      checkRule(ports ?? [], from ?? [], 'from', place.at('ingress', index))
    }
    for (const [index, { ports, to }] of (spec.egress ?? []).entries()) {
      checkRule(ports ?? [], to ?? [], 'to', place.at('egress', index))
    }
    checkPolicyTypes(spec.policyTypes ?? [], place.at('policyTypes'))
  },
  warnings: ({ spec }) => [
    ...(spec.ingress ?? []).flatMap(({ from }, index) => peerWarnings(from, `spec.ingress[${index}].from`)),
    ...(spec.egress ?? []).flatMap(({ to }, index) => peerWarnings(to, `spec.egress[${index}].to`)),
  ],
}

function rulesOf({
  ingress = [],
  egress = [],
}: NetworkPolicySpec): readonly { readonly ports?: NetworkPolicyPort[] }[] {
  return [...ingress, ...egress]
}

function checkRule(
  ports: readonly NetworkPolicyPort[],
  peers: readonly NetworkPolicyPeer[],
  side: 'from' | 'to',
  report: Report,
): void {
  for (const [index, port] of ports.entries()) checkPort(port, report.at('ports', index))
  for (const [index, peer] of peers.entries()) checkPeer(peer, report.at(side, index))
}

function checkPort({ protocol, port, endPort }: NetworkPolicyPort, report: Report): void {
  if (protocol !== undefined && !protocols.includes(protocol)) report.at('protocol').notSupported(protocol, protocols)
  const end = report.at('endPort')
  if (port === undefined) {
    if (endPort !== undefined) end.invalid(endPort, 'may not be specified when `port` is not specified')
  } else if (typeof port === 'string') {
    if (endPort !== undefined) end.invalid(endPort, 'may not be specified when `port` is non-numeric')
    report.at('port').invalidBecause(port, portNameProblems(port))
  } else {
    checkPortNumber(port, report.at('port'))
    if (endPort === undefined) return
    // Upstream shows the first port here.
    if (endPort < port) end.invalid(port, 'must be greater than or equal to `port`')
    checkPortNumber(endPort, end)
  }
}

function checkPeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, report: Report): void {
  if (podSelector !== undefined) checkSelector(podSelector, report.at('podSelector'))
  if (namespaceSelector !== undefined) checkSelector(namespaceSelector, report.at('namespaceSelector'))
  if (ipBlock !== undefined) checkBlock(ipBlock, report.at('ipBlock'))
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined
  if (!hasSelector && ipBlock === undefined) report.required('must specify a peer')
  else if (hasSelector && ipBlock !== undefined) report.forbidden('may not specify both ipBlock and another peer')
}

function checkBlock({ cidr, except = [] }: IPBlock, report: Report): void {
  if ((cidr ?? '') === '') return report.at('cidr').required()
  report.at('cidr').invalidBecause(cidr, olderBlockProblems(cidr))
  const block = readBlock(cidr)
  if (block === undefined) return
  for (const [index, text] of except.entries()) {
    const place = report.at('except', index)
    place.invalidBecause(text, olderBlockProblems(text))
    const hole = readBlock(text)
    if (hole === undefined) continue
    if (!cidrContains(block, hole.base) || block.prefix >= hole.prefix) {
      place.invalid(text, 'must be a strict subset of `cidr`')
    }
  }
}

function checkPolicyTypes(types: readonly string[], report: Report): void {
  if (types.length > policyTypes.length) return report.invalid(types, 'may not specify more than two policyTypes')
  for (const [index, type] of types.entries()) {
    if (!policyTypes.includes(type)) report.at(index).notSupported(type, policyTypes)
  }
}

function peerWarnings(peers: readonly NetworkPolicyPeer[] = [], place: string): string[] {
  return peers.flatMap(({ ipBlock }, index) => {
    if (ipBlock === undefined) return []
    const at = `${place}[${index}].ipBlock`
    const holes = (ipBlock.except ?? []).flatMap((text, hole) => olderBlockWarnings(text, `${at}.except[${hole}]`))
    return [...olderBlockWarnings(ipBlock.cidr, `${at}.cidr`), ...holes]
  })
}
