/** What of pods, namespaces and nodes matters to policies. */
import type { Namespace } from '#api/core/v1/namespace.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Change } from '#client/informer.ts'
import { cidrContains } from '#lib/net/cidr.ts'
import { canonicalIp, ipBytes } from '#lib/net/ip.ts'
import type { Ip } from '#lib/net/ip.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'

import type { NamedPort } from './decision.ts'
import { readTransport } from './policy.ts'
import type { BlockPeer, Peer, PodPeer, Policy } from './policy.ts'

export type Labels = Readonly<Record<string, string>>

export interface Address {
  readonly text: string
  readonly ip: Ip
}

/** A pod in the pod network that is not over. */
export interface PodFacts {
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  /** Equal for pods that no selector can tell apart. */
  readonly likeness: string
  readonly node: string | undefined
  readonly addresses: readonly Address[]
  readonly ports: readonly NamedPort[]
  /** RFC 3339; of two pods that claim an address the younger one has it. */
  readonly created: string
}

export interface NodeFacts {
  readonly name: string
  readonly labels: Labels
  readonly addresses: readonly Address[]
}

/** All that policies are decided by. */
export interface ClusterFacts {
  readonly pods: Iterable<PodFacts>
  readonly namespaces: ReadonlyMap<string, Labels>
  readonly nodes: Iterable<NodeFacts>
  readonly policies: readonly Policy[]
}

const knownPods = new WeakMap<Pod, { readonly facts: PodFacts | undefined }>()

/**
 * Reads a pod; nothing for pods of the host's network, without an address, or over: theirs may be another's by now. An object
 * is read once. `addresses` are those that are known from elsewhere before the object says them.
 */
export function readPod(pod: Pod, addresses?: readonly string[]): PodFacts | undefined {
  if (addresses !== undefined) return podFacts(pod, addresses)
  const known = knownPods.get(pod)
  if (known !== undefined) return known.facts
  const { podIPs, podIP } = pod.status ?? {}
  const facts = podFacts(pod, podIPs?.map(({ ip }) => ip) ?? (podIP === undefined ? [] : [podIP]))
  knownPods.set(pod, { facts })
  return facts
}

/**
 * What of a pod was, and is: the same when nothing that matters to policies is another, although the object is. Then what was
 * read of the older object also stands for the newer one.
 */
export function readPodChange({ old, new: next }: Change<Pod>): PodChange | undefined {
  const was = old === undefined ? undefined : readPod(old)
  if (next === undefined) return was === undefined ? undefined : { old: was }
  const is = readPod(next)
  if (was !== undefined && is !== undefined && areAlike(was, is)) {
    knownPods.set(next, { facts: was })
    return undefined
  }
  if (was === undefined && is === undefined) return undefined
  return { ...(was === undefined ? {} : { old: was }), ...(is === undefined ? {} : { new: is }) }
}

/** A pod that came, went, or is another in what matters. */
export interface PodChange {
  readonly old?: PodFacts
  readonly new?: PodFacts
}

const addressTexts = ({ addresses }: PodFacts): string => addresses.map(({ text }) => text).join(' ')
const portTexts = ({ ports }: PodFacts): string => (ports.length === 0 ? '' : JSON.stringify(ports))

const areAlike = (a: PodFacts, b: PodFacts): boolean =>
  a.name === b.name &&
  a.likeness === b.likeness &&
  a.node === b.node &&
  a.created === b.created &&
  addressTexts(a) === addressTexts(b) &&
  portTexts(a) === portTexts(b)

function podFacts({ metadata, spec, status }: Pod, texts: readonly string[]): PodFacts | undefined {
  if (spec.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined
  const addresses = readAddresses(texts)
  if (addresses.length === 0) return undefined
  const { namespace = '', name = '', labels = {} } = metadata
  // Sidecars are init containers that go on running.
  const containers = [
    ...spec.containers,
    ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ]
  return {
    namespace,
    name,
    labels,
    likeness: JSON.stringify([namespace, ...Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]),
    node: spec.nodeName,
    addresses,
    ports: containers.flatMap(({ ports = [] }) =>
      ports.flatMap(({ name: portName, protocol, containerPort }) =>
        portName === undefined || portName === ''
          ? []
          : [{ name: portName, transport: readTransport(protocol), port: containerPort }],
      ),
    ),
    created: metadata.creationTimestamp ?? '',
  }
}

/** Reads a node with its addresses; names are none. */
export function readNode({ metadata, status }: Node): NodeFacts {
  return {
    name: metadata.name ?? '',
    labels: metadata.labels ?? {},
    addresses: readAddresses((status?.addresses ?? []).map(({ address }) => address)),
  }
}

export function readNamespaces(namespaces: readonly Namespace[]): ReadonlyMap<string, Labels> {
  return new Map(namespaces.map(({ metadata }) => [metadata.name ?? '', metadata.labels ?? {}]))
}

function readAddresses(texts: readonly string[]): readonly Address[] {
  const canonical = new Set(texts.map(canonicalIp).filter((text) => text !== undefined))
  return [...canonical].map((text) => ({ text, ip: ipBytes(text) }))
}

export function matchesPod(
  { namespaces, pods }: PodPeer,
  pod: Pick<PodFacts, 'namespace' | 'labels'>,
  labelsOf: ClusterFacts['namespaces'],
): boolean {
  const inNamespace =
    'name' in namespaces
      ? namespaces.name === pod.namespace
      : matchesLabelSelector(namespaces.selector, labelsOf.get(pod.namespace) ?? {})
  return inNamespace && matchesLabelSelector(pods, pod.labels)
}

export function matchesBlock({ cidr, except }: BlockPeer, ip: Ip): boolean {
  return cidrContains(cidr, ip) && !except.some((hole) => cidrContains(hole, ip))
}

/** Whether an address, with the pod or node that has it, is among a peer. */
export function matchesPeer(
  peer: Peer,
  { ip, pod, node }: { readonly ip: Ip; readonly pod?: PodFacts; readonly node?: NodeFacts },
  namespaces: ClusterFacts['namespaces'],
): boolean {
  if (peer.kind === 'block') return matchesBlock(peer, ip)
  if (peer.kind === 'pods') return pod !== undefined && matchesPod(peer, pod, namespaces)
  return node !== undefined && matchesLabelSelector(peer.selector, node.labels)
}

/** Who has which address. */
export interface Holders {
  readonly byAddress: Map<string, PodFacts>
  /** Addresses that several pods claim. */
  readonly contested: ReadonlySet<string>
}

export function holdersOf(pods: Iterable<PodFacts>): Holders {
  const byAddress = new Map<string, PodFacts>()
  const contested = new Set<string>()
  for (const pod of pods)
    for (const { text } of pod.addresses) {
      const other = byAddress.get(text)
      if (other !== undefined) contested.add(text)
      if (other === undefined || isYounger(pod, other)) byAddress.set(text, pod)
    }
  return { byAddress, contested }
}

function isYounger(pod: PodFacts, other: PodFacts): boolean {
  if (pod.created !== other.created) return pod.created > other.created
  return `${pod.namespace}/${pod.name}` > `${other.namespace}/${other.name}`
}

/** The policies that say something of a pod in a direction, in the order in which they are asked. */
export function policiesOf(
  policies: readonly Policy[],
  direction: 'ingress' | 'egress',
  pod: PodFacts,
  namespaces: ClusterFacts['namespaces'],
): readonly Policy[] {
  return policies.filter((policy) => policy[direction] !== undefined && matchesPod(policy.subject, pod, namespaces))
}

const tierOrder = { admin: 0, namespace: 1, baseline: 2 } as const

/** Orders policies as they are asked: by tier and priority, and by name where that leaves it open. */
export function comparePolicies(a: Policy, b: Policy): number {
  const name = ({ namespace = '', name: own, kind }: Policy): string => `${namespace}/${own} ${kind}`
  return (
    tierOrder[a.tier] - tierOrder[b.tier] ||
    a.priority - b.priority ||
    (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0)
  )
}
