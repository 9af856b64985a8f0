/**
 * The admin policies of policy.networking.k8s.io (KEP-2091): kinds that a cluster has once somebody installs their
 * CustomResourceDefinitions. AdminNetworkPolicy and BaselineAdminNetworkPolicy are v1alpha1; ClusterNetworkPolicy, which is both
 * in one, is v1alpha2.
 */
import type { Condition } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import { resource } from '#api/resource.ts'
import type { IntOrString } from '#api/scalars.ts'
import { parseCidr } from '#lib/net/cidr.ts'

import { readTransport, transports } from './policy.ts'
import type { Peer, PodPeer, Policy, PolicyKind, PortMatch, Rule } from './policy.ts'

interface NamespacedPod {
  readonly namespaceSelector?: LabelSelector
  readonly podSelector?: LabelSelector
}

interface AdminPeer {
  readonly namespaces?: LabelSelector
  readonly pods?: NamespacedPod
  readonly nodes?: LabelSelector
  readonly networks?: readonly string[]
  /** Names are not looked up: such a peer is nobody. */
  readonly domainNames?: readonly string[]
}

interface AdminPort {
  readonly portNumber?: { readonly protocol?: string; readonly port: number }
  readonly namedPort?: IntOrString
  readonly portRange?: { readonly protocol?: string; readonly start: number; readonly end: number }
}

interface ProtocolMatch {
  readonly destinationPort?: { readonly number?: number; readonly range?: { start: number; end: number } }
}

interface ClusterProtocol {
  readonly tcp?: ProtocolMatch
  readonly udp?: ProtocolMatch
  readonly sctp?: ProtocolMatch
  readonly destinationNamedPort?: string
}

interface AdminRule {
  readonly name?: string
  readonly action: string
  readonly from?: readonly AdminPeer[]
  readonly to?: readonly AdminPeer[]
  /** Of AdminNetworkPolicy and BaselineAdminNetworkPolicy. */
  readonly ports?: readonly AdminPort[]
  /** Of ClusterNetworkPolicy. */
  readonly protocols?: readonly ClusterProtocol[]
}

/** What of the three kinds is looked at. */
export interface AdminPolicy extends TypeMeta {
  metadata: ObjectMeta
  spec: {
    readonly tier?: string
    readonly priority?: number
    readonly subject?: { readonly namespaces?: LabelSelector; readonly pods?: NamespacedPod }
    readonly ingress?: readonly AdminRule[]
    readonly egress?: readonly AdminRule[]
  }
  status?: { readonly conditions?: readonly Condition[] }
}

const group = 'policy.networking.k8s.io'
const kind = (name: Exclude<PolicyKind, 'NetworkPolicy'>, plural: string, version: string) =>
  resource<AdminPolicy>({ group, version, kind: name, plural, scope: 'Cluster' })

/** The kinds, in the versions that are understood. */
export const adminPolicyKinds = [
  kind('AdminNetworkPolicy', 'adminnetworkpolicies', 'v1alpha1'),
  kind('BaselineAdminNetworkPolicy', 'baselineadminnetworkpolicies', 'v1alpha1'),
  kind('ClusterNetworkPolicy', 'clusternetworkpolicies', 'v1alpha2'),
] as const

/** Reads an admin policy of the given kind. One without a subject that can be read is about nobody. */
export function readAdminPolicy({ metadata, spec }: AdminPolicy, of: string): Policy | undefined {
  const { subject = {}, ingress = [], egress = [] } = spec
  const pods = readPods(subject)
  if (pods === undefined) return undefined
  return {
    kind: of as PolicyKind,
    tier: of === 'BaselineAdminNetworkPolicy' || spec.tier === 'Baseline' ? 'baseline' : 'admin',
    priority: of === 'BaselineAdminNetworkPolicy' ? 0 : (spec.priority ?? 0),
    name: metadata.name ?? '',
    subject: pods,
    // Without rules a policy leaves the direction alone.
    ...(ingress.length === 0 ? {} : { ingress: ingress.map((rule, index) => readRule(rule, rule.from, index)) }),
    ...(egress.length === 0 ? {} : { egress: egress.map((rule, index) => readRule(rule, rule.to, index)) }),
  }
}

/** What of a policy is not understood, rule by rule, and what becomes of it; nothing is wrong with most. */
export function findProblems({ spec }: AdminPolicy): readonly string[] {
  const { subject = {}, ingress = [], egress = [] } = spec
  if (readPods(subject) === undefined)
    return ['its subject is no selection of namespaces or pods, so it is about nobody']
  const of = (direction: string, rules: readonly AdminRule[], peersOf: (rule: AdminRule) => readonly AdminPeer[]) =>
    rules.flatMap((rule, index) =>
      peersOf(rule).flatMap((peer) => {
        if (readPeers(peer) !== undefined) return []
        const members = Object.keys(peer).join(', ') || 'nothing'
        const becomes = readAction(rule) === 'allow' ? 'allows nobody' : 'denies everybody'
        return [`${direction}[${index}] ${becomes} by the peer with ${members}`]
      }),
    )
  return [...of('ingress', ingress, ({ from = [] }) => from), ...of('egress', egress, ({ to = [] }) => to)]
}

const readAction = ({ action }: AdminRule): Rule['action'] =>
  action === 'Deny' ? 'deny' : action === 'Pass' ? 'pass' : 'allow'

function readPods({ namespaces, pods }: Pick<AdminPeer, 'namespaces' | 'pods'>): PodPeer | undefined {
  if (namespaces !== undefined) return { kind: 'pods', namespaces: { selector: namespaces }, pods: {} }
  if (pods === undefined) return undefined
  const { namespaceSelector = {}, podSelector = {} } = pods
  return { kind: 'pods', namespaces: { selector: namespaceSelector }, pods: podSelector }
}

/** A peer of a kind that is not known fails closed: it is nobody to allow, and everybody to deny or pass. */
function readRule(rule: AdminRule, peers: readonly AdminPeer[] = [], index: number): Rule {
  const action = readAction(rule)
  const read = peers.map(readPeers)
  const isUnknown = read.includes(undefined)
  const named = { index, ...(rule.name === undefined ? {} : { name: rule.name }) }
  if (isUnknown && action !== 'allow') return { ...named, action: 'deny', peers: 'everybody', ports: 'all' }
  return { ...named, action, peers: read.flatMap((each) => each ?? []), ports: readPorts(rule) }
}

function readPeers(peer: AdminPeer): readonly Peer[] | undefined {
  const pods = readPods(peer)
  if (pods !== undefined) return [pods]
  if (peer.nodes !== undefined) return [{ kind: 'nodes', selector: peer.nodes }]
  if (peer.networks === undefined) return undefined
  const blocks = peer.networks.map(parseCidr)
  if (blocks.includes(undefined)) return undefined
  return blocks.flatMap((cidr) => (cidr === undefined ? [] : [{ kind: 'block', cidr, except: [] }]))
}

function readPorts({ ports = [], protocols = [] }: AdminRule): readonly PortMatch[] | 'all' {
  if (ports.length === 0 && protocols.length === 0) return 'all'
  const read: PortMatch[] = []
  for (const { portNumber, namedPort, portRange } of ports) {
    if (portNumber !== undefined)
      read.push({ transport: readTransport(portNumber.protocol), from: portNumber.port, to: portNumber.port })
    if (portRange !== undefined)
      read.push({ transport: readTransport(portRange.protocol), from: portRange.start, to: portRange.end })
    if (namedPort !== undefined) read.push({ name: String(namedPort) })
  }
  for (const protocol of protocols) {
    for (const transport of transports) {
      const match = protocol[transport]
      if (match !== undefined) read.push({ transport, ...rangeOf(match) })
    }
    if (protocol.destinationNamedPort !== undefined) read.push({ name: protocol.destinationNamedPort })
  }
  return read
}

function rangeOf({ destinationPort }: ProtocolMatch): { from: number; to: number } {
  if (destinationPort === undefined) return { from: 0, to: 65_535 }
  const { number, range } = destinationPort
  return number === undefined ? { from: range?.start ?? 0, to: range?.end ?? 65_535 } : { from: number, to: number }
}
