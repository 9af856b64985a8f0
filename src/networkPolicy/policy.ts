/** Policies of all kinds in one shape, and what a NetworkPolicy is in it. */
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '#api/networking/v1/networkPolicy.ts'
import { parseCidr } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'

export type Direction = 'ingress' | 'egress'
export type Transport = 'tcp' | 'udp' | 'sctp'
export const transports: readonly Transport[] = ['tcp', 'udp', 'sctp']

/** Pods by the labels of their namespaces and their own. */
export interface PodPeer {
  readonly kind: 'pods'
  /** One namespace by name, or those with such labels. */
  readonly namespaces: { readonly name: string } | { readonly selector: LabelSelector }
  readonly pods: LabelSelector
}

/** Addresses, whoever has them. */
export interface BlockPeer {
  readonly kind: 'block'
  readonly cidr: Cidr
  readonly except: readonly Cidr[]
}

/** The addresses of nodes, by their labels. */
export interface NodePeer {
  readonly kind: 'nodes'
  readonly selector: LabelSelector
}

export type Peer = PodPeer | BlockPeer | NodePeer

/** Ports by number, both ends included, or by the name that containers of the target pod give them. Any transport when absent. */
export type PortMatch =
  | { readonly transport: Transport; readonly from: number; readonly to: number }
  | { readonly transport?: Transport; readonly name: string }

export interface Rule {
  /** Its place among the rules of its direction, from 0. */
  readonly index: number
  readonly name?: string
  readonly action: 'allow' | 'deny' | 'pass'
  readonly peers: readonly Peer[] | 'everybody'
  readonly ports: readonly PortMatch[] | 'all'
}

export type PolicyKind = 'NetworkPolicy' | 'AdminNetworkPolicy' | 'BaselineAdminNetworkPolicy' | 'ClusterNetworkPolicy'

/** A policy of any kind. */
export interface Policy {
  readonly kind: PolicyKind
  /** Asked in this order. */
  readonly tier: 'admin' | 'namespace' | 'baseline'
  /** Within its tier, lower first. */
  readonly priority: number
  readonly namespace?: string
  readonly name: string
  readonly subject: PodPeer
  /** Absent: it says nothing of what comes in. */
  readonly ingress?: readonly Rule[]
  /** Absent: it says nothing of what goes out. */
  readonly egress?: readonly Rule[]
}

/** Reads a NetworkPolicy as the API server admits it. */
export function readNetworkPolicy({ metadata, spec }: NetworkPolicy): Policy {
  const namespace = metadata.namespace ?? ''
  const { ingress = [], egress = [] } = spec
  // Without policyTypes a policy is about what comes in, and about what goes out only when it has rules for that.
  const types = spec.policyTypes ?? (egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'])
  const rulesOf = (rules: readonly { peers?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[]): Rule[] =>
    rules.map(({ peers = [], ports = [] }, index) => ({
      index,
      action: 'allow',
      // An empty list is no list: everybody, every port.
      peers: peers.length === 0 ? 'everybody' : peers.flatMap((peer) => readPeer(peer, namespace)),
      ports: ports.length === 0 ? 'all' : ports.map(readPort),
    }))
  return {
    kind: 'NetworkPolicy',
    tier: 'namespace',
    priority: 0,
    namespace,
    name: metadata.name ?? '',
    subject: { kind: 'pods', namespaces: { name: namespace }, pods: spec.podSelector ?? {} },
    ...(types.includes('Ingress') ? { ingress: rulesOf(ingress.map(({ from, ports }) => rule(from, ports))) } : {}),
    ...(types.includes('Egress') ? { egress: rulesOf(egress.map(({ to, ports }) => rule(to, ports))) } : {}),
  }
}

const rule = (peers?: NetworkPolicyPeer[], ports?: NetworkPolicyPort[]) => ({
  ...(peers === undefined ? {} : { peers }),
  ...(ports === undefined ? {} : { ports }),
})

/** A peer that cannot be read is nobody: it allows nothing. */
function readPeer({ ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer, namespace: string): Peer[] {
  if (ipBlock !== undefined) {
    const cidr = parseCidr(ipBlock.cidr)
    const except = (ipBlock.except ?? []).map(parseCidr)
    // A hole that cannot be read would let through what was to be left out.
    if (cidr === undefined || except.includes(undefined)) return []
    return [{ kind: 'block', cidr, except: except.filter((each) => each !== undefined) }]
  }
  if (namespaceSelector === undefined && podSelector === undefined) return []
  const namespaces = namespaceSelector === undefined ? { name: namespace } : { selector: namespaceSelector }
  return [{ kind: 'pods', namespaces, pods: podSelector ?? {} }]
}

function readPort({ protocol, port, endPort }: NetworkPolicyPort): PortMatch {
  const transport = readTransport(protocol)
  if (port === undefined) return { transport, from: 0, to: 65_535 }
  if (typeof port === 'string') return { transport, name: port }
  return { transport, from: port, to: endPort ?? port }
}

export function readTransport(protocol: string | undefined): Transport {
  return protocol === 'UDP' ? 'udp' : protocol === 'SCTP' ? 'sctp' : 'tcp'
}

/** `NetworkPolicy shop/default-deny`, `AdminNetworkPolicy no-metadata`. */
export function policyName({ kind, namespace, name }: Pick<Policy, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}
