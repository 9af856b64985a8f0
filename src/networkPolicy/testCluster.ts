/** For tests: a small cluster, the tables of one of its nodes as the kernel would look things up in them, and policies read word by word. */
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '#api/networking/v1/networkPolicy.ts'
import { cidrContains, parseCidr } from '#lib/net/cidr.ts'
import { ipBytes, ipToNumber } from '#lib/net/ip.ts'

import { readAdminPolicy } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'
import { readNode, readPod } from './facts.ts'
import type { ClusterFacts, PodFacts } from './facts.ts'
import { readNetworkPolicy } from './policy.ts'
import type { Direction, Policy } from './policy.ts'
import { anyPod } from './identities.ts'
import type { Elements, Plan } from './plan.ts'

export interface TestPod {
  readonly key: string
  readonly node: string
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** By name: `tcp/80`. */
  readonly ports: Readonly<Record<string, string>>
}

export function podObject({ key, node, addresses, labels, ports }: TestPod): Parameters<typeof readPod>[0] {
  const [namespace, name] = key.split('/')
  return {
    metadata: { namespace, name, uid: key, labels },
    spec: {
      nodeName: node,
      containers: [
        {
          name: 'c',
          ports: Object.entries(ports).map(([portName, port]) => ({
            name: portName,
            protocol: port.split('/')[0]!.toUpperCase(),
            containerPort: Number(port.split('/')[1]),
          })),
        },
      ],
    },
    status: { phase: 'Running', podIPs: addresses.map((ip) => ({ ip })) },
  } as never
}

export const factsOf = (pod: TestPod): PodFacts => readPod(podObject(pod))!

export const policyIn = (namespace: string, spec: NetworkPolicySpec, name = 'p'): Policy =>
  readNetworkPolicy({ metadata: { namespace, name }, spec } as never)

export const adminPolicyOf = (kind: string, spec: object): Policy =>
  readAdminPolicy({ apiVersion: '', kind, metadata: { name: 'a' }, spec }, kind)!

/** A cluster of the node `n1` and the namespaces `x` and `y`, whose label `name` is their name. */
export const clusterOf = (pods: readonly PodFacts[], ...policies: readonly Policy[]): ClusterFacts => ({
  pods,
  namespaces: new Map(['x', 'y'].map((name) => [name, { name }])),
  nodes: [
    readNode({
      metadata: { name: 'n1' },
      status: { addresses: [{ type: 'InternalIP', address: '10.89.0.1' }] },
    } as never),
  ],
  policies,
})

export interface Packet {
  readonly from: string
  readonly to: string
  /** `tcp`, `udp`, `sctp` or another, without a port. */
  readonly transport: string
  readonly port: number
}

/** What the chains of the node's table do with the first packet of a connection. */
export function passes(plan: Plan, packet: Packet, hook: 'forward' | 'input' = 'forward'): boolean {
  const elements = plan[packet.from.includes(':') ? 6 : 4]
  if (hook === 'input') return !elements.get('own_node')!.has(packet.to) || passesDirection(elements, 'egress', packet)
  if (elements.get('self')!.has(`${packet.from} . ${packet.to}`)) return true
  return passesDirection(elements, 'egress', packet) && passesDirection(elements, 'ingress', packet)
}

function passesDirection(elements: Elements, direction: Direction, { from, to, transport, port }: Packet): boolean {
  const [own, other] = direction === 'egress' ? [from, to] : [to, from]
  if (!elements.get(`${direction}_pods`)!.has(own)) return true
  const pairs = elements.get(`${direction}_pairs`)!
  const mark = Number(elements.get('peers')!.get(other) ?? findInterval(elements.get('blocks')!, other) ?? 0)
  const verdicts = pairs.get(`${own} . ${mark}`) ?? pairs.get(`${own} . ${mark >= anyPod ? anyPod : 0}`)
  if (verdicts === undefined) return false
  const hasPorts = ['tcp', 'udp', 'sctp'].includes(transport)
  const key = `${verdicts} . ${transport} . `
  const ranges = [...elements.get('port_ranges')!].filter(([range]) => {
    if (!hasPorts || !range.startsWith(key)) return false
    const [first, last] = range.slice(key.length).split('-').map(Number)
    return first! <= port && port <= last!
  })
  // The kernel refuses overlapping elements.
  if (ranges.length > 1) throw new Error(`Several ranges for ${key}${port}: ${ranges.join(' ')}`)
  const exact = hasPorts ? elements.get('ports')!.get(`${key}${port}`) : undefined
  if (exact !== undefined && ranges.length > 0) throw new Error(`A port and a range for ${key}${port}`)
  const verdict = exact ?? ranges[0]?.[1] ?? elements.get('verdicts')!.get(verdicts)
  return verdict === 'return'
}

function findInterval(blocks: ReadonlyMap<string, string>, address: string): string | undefined {
  const ip = ipBytes(address)
  const found = [...blocks].filter(([text]) => {
    const cidr = parseCidr(text.includes('-') || text.includes('/') ? text : `${text}/${ip.length * 8}`)
    if (cidr !== undefined) return cidrContains(cidr, ip)
    const [first, last] = text.split('-').map((end) => ipToNumber(ipBytes(end)))
    return first! <= ipToNumber(ip) && ipToNumber(ip) <= last!
  })
  if (found.length > 1) throw new Error(`Several intervals for ${address}: ${found.join(' ')}`)
  return found[0]?.[1]
}

export interface TestCluster {
  readonly pods: readonly TestPod[]
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly nodes: Readonly<Record<string, { addresses: readonly string[]; labels: Readonly<Record<string, string>> }>>
  readonly policies: readonly NetworkPolicy[]
  readonly adminPolicies: readonly AdminPolicy[]
}

/** One direction of one connection, judged by reading the policies as their documentation does: slow, and nothing shared. */
export function readsAsAllowed(cluster: TestCluster, direction: Direction, packet: Packet): boolean {
  const { from, to, transport, port } = packet
  const holder = (address: string) => cluster.pods.find(({ addresses }) => addresses.includes(address))
  const [ownAddress, otherAddress] = direction === 'egress' ? [from, to] : [to, from]
  const own = holder(ownAddress)
  if (own === undefined) return true
  const other = holder(otherAddress)
  const target = holder(to)
  const namespaceOf = (pod: TestPod): string => pod.key.split('/')[0]!
  const selects = (selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean =>
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key in labels
      if (operator === 'DoesNotExist') return !(key in labels)
      return (key in labels && values.includes(labels[key]!)) === (operator === 'In')
    })
  const isIn = (block: string, address: string): boolean => cidrContains(parseCidr(block)!, ipBytes(address))
  const isPort = (number: number | string | undefined, end: number | undefined, protocol: string | undefined) => {
    if (protocol !== undefined && protocol.toLowerCase() !== transport) return false
    if (number === undefined) return true
    if (typeof number === 'string') return target?.ports[number] === `${transport}/${port}`
    return number <= port && port <= (end ?? number)
  }
  const nodeOfAddress = Object.entries(cluster.nodes).find(([, { addresses }]) => addresses.includes(otherAddress))

  const isPeer = (peer: NetworkPolicyPeer, namespace: string): boolean => {
    if (peer.ipBlock !== undefined)
      return (
        isIn(peer.ipBlock.cidr, otherAddress) &&
        !(peer.ipBlock.except ?? []).some((except) => isIn(except, otherAddress))
      )
    if (other === undefined) return false
    if (peer.namespaceSelector === undefined && namespaceOf(other) !== namespace) return false
    if (
      peer.namespaceSelector !== undefined &&
      !selects(peer.namespaceSelector, cluster.namespaces[namespaceOf(other)])
    )
      return false
    return peer.podSelector === undefined || selects(peer.podSelector, other.labels)
  }
  const matchesPort = ({ port: number, endPort, protocol = 'TCP' }: NetworkPolicyPort): boolean =>
    isPort(number, endPort, protocol)

  const adminVerdict = (isBaseline: boolean): 'allow' | 'deny' | undefined => {
    const policies = cluster.adminPolicies
      .filter(({ kind, spec }) => (kind === 'BaselineAdminNetworkPolicy' || spec.tier === 'Baseline') === isBaseline)
      .toSorted((a, b) => (a.spec.priority ?? 0) - (b.spec.priority ?? 0))
    for (const { spec } of policies) {
      const { namespaces, pods } = spec.subject ?? {}
      const isSubject =
        namespaces !== undefined
          ? selects(namespaces, cluster.namespaces[namespaceOf(own)])
          : selects(pods?.namespaceSelector ?? {}, cluster.namespaces[namespaceOf(own)]) &&
            selects(pods?.podSelector ?? {}, own.labels)
      if (!isSubject) continue
      for (const rule of spec[direction] ?? []) {
        const peers = (direction === 'egress' ? rule.to : rule.from) ?? []
        const isMeant = peers.some((peer) => {
          if (peer.networks !== undefined) return peer.networks.some((block) => isIn(block, otherAddress))
          if (peer.nodes !== undefined)
            return nodeOfAddress !== undefined && selects(peer.nodes, nodeOfAddress[1].labels)
          if (other === undefined) return false
          const labels = cluster.namespaces[namespaceOf(other)]
          if (peer.namespaces !== undefined) return selects(peer.namespaces, labels)
          return (
            selects(peer.pods?.namespaceSelector ?? {}, labels) && selects(peer.pods?.podSelector ?? {}, other.labels)
          )
        })
        const isMeantPort =
          (rule.ports === undefined && rule.protocols === undefined) ||
          (rule.ports ?? []).some(
            ({ portNumber, portRange, namedPort }) =>
              (portNumber !== undefined && isPort(portNumber.port, undefined, portNumber.protocol ?? 'TCP')) ||
              (portRange !== undefined && isPort(portRange.start, portRange.end, portRange.protocol ?? 'TCP')) ||
              (namedPort !== undefined && isPort(namedPort, undefined, undefined)),
          ) ||
          (rule.protocols ?? []).some(({ tcp, udp, destinationNamedPort }) =>
            destinationNamedPort !== undefined
              ? isPort(destinationNamedPort, undefined, undefined)
              : [['TCP', tcp] as const, ['UDP', udp] as const].some(
                  ([name, match]) =>
                    match !== undefined &&
                    isPort(
                      match.destinationPort?.number ?? match.destinationPort?.range?.start,
                      match.destinationPort?.range?.end,
                      name,
                    ),
                ),
          )
        if (!isMeant || !isMeantPort) continue
        if (rule.action === 'Pass') return undefined
        return rule.action === 'Deny' ? 'deny' : 'allow'
      }
    }
    return undefined
  }

  const admin = adminVerdict(false)
  if (admin !== undefined) return admin === 'allow'
  const word = direction === 'ingress' ? 'Ingress' : 'Egress'
  const isolating = cluster.policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === namespaceOf(own) &&
      selects(spec.podSelector ?? {}, own.labels) &&
      (spec.policyTypes ?? ['Ingress', ...((spec.egress ?? []).length > 0 ? ['Egress'] : [])]).includes(word),
  )
  if (isolating.length > 0) {
    if (nodeOfAddress?.[0] === own.node) return true
    return isolating.some(({ metadata, spec }) =>
      (direction === 'ingress' ? (spec.ingress ?? []) : (spec.egress ?? [])).some((rule) => {
        const peers = ('from' in rule ? rule.from : 'to' in rule ? rule.to : undefined) ?? []
        const ports = rule.ports ?? []
        return (
          (peers.length === 0 || peers.some((peer) => isPeer(peer, metadata.namespace!))) &&
          (ports.length === 0 || ports.some(matchesPort))
        )
      }),
    )
  }
  return adminVerdict(true) !== 'deny'
}
