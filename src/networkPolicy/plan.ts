/**
 * What a node's kernel is to know of all policies, as elements of a constant number of sets and maps.
 *
 * Pods on this node that policies select are asked about. Whoever is at the other end is known by a number, which stands for
 * all that the rules in use can tell of an address: the peers it is among, the named ports they ask for. A pair of a pod and
 * such a number leads to the number of its verdicts, which are shared by all pairs that are treated alike:
 *
 *     peers           10.244.2.7                   2147483653     that pod is one of number 0x80000005
 *     blocks          192.0.2.0/24                 7              whoever is there and no pod or node is number 7
 *     ingress_pairs   10.244.1.4 . 2147483653      12             what may come from it to our pod 10.244.1.4: verdicts 12
 *     ports           12 . tcp . 80                return         ... which are: port 80 of TCP may pass,
 *     verdicts        12                           goto denied    and nothing else
 *     denials         12                                          ... counted, for the policies that deny it
 *
 * Numbers of pods have the highest bit. That bit alone is any pod, 0 anybody else: a pair that is not listed is treated as the
 * pair of its pod with them, so that only what differs from the usual is listed.
 */
import type { Subject } from './decision.ts'
import { comparePolicies, holdersOf, policiesOf } from './facts.ts'
import type { ClusterFacts, Holders, NodeFacts, PodChange, PodFacts } from './facts.ts'
import { anybody, anyPod, familyOf, Identifier } from './identities.ts'
import type { Identities, IdentifiedInterval, Identity } from './identities.ts'
import { formatInterval } from './intervals.ts'
import type { Family } from './intervals.ts'
import { Numbers } from './numbers.ts'
import type { Peer, Policy } from './policy.ts'
import { indexByPeer, questionOf, readVerdicts, treat } from './treatment.ts'
import type { Treatment } from './treatment.ts'

/** The sets and maps with the types of their keys and values; ADDRESS is that of the family. */
export const setTypes = {
  ingress_pods: 'type ADDRESS;',
  egress_pods: 'type ADDRESS;',
  self: 'type ADDRESS . ADDRESS;',
  own_node: 'type ADDRESS;',
  peers: 'type ADDRESS : mark;',
  blocks: 'type ADDRESS : mark; flags interval;',
  ingress_pairs: 'type ADDRESS . mark : mark;',
  egress_pairs: 'type ADDRESS . mark : mark;',
  ports: 'type mark . inet_proto . inet_service : verdict;',
  port_ranges: 'type mark . inet_proto . inet_service : verdict; flags interval;',
  verdicts: 'type mark : verdict;',
  denials: 'type mark; counter;',
} as const

export type SetName = keyof typeof setTypes
export type Elements = ReadonlyMap<SetName, ReadonlyMap<string, string>>

/** The elements of each family's table. */
export type Plan = Readonly<Record<Family, Elements>>

/** Pods of this node that are asked about alike in one direction. */
interface Group {
  readonly subject: Subject
  readonly pods: PodFacts[]
}

/** What was planned, and by what. */
interface Before {
  readonly signature: string
  /** All but the peers. */
  readonly elements: Plan
  /** Numbers of those who are told apart. */
  readonly differing: ReadonlySet<number>
}

/** The last plan, and what it takes to change it a little. */
interface Latest {
  readonly plan: Plan
  readonly holders: Holders
  /** How many pods have changed since everything was planned. */
  readonly changed: number
  /** Absent when nobody is asked about: then nobody else matters either. */
  readonly asked?: {
    readonly identities: Identities
    readonly differing: ReadonlySet<number>
    readonly nodeAddresses: ReadonlySet<string>
  }
}

/** After so many changed pods, or as many as there are, everything is planned again. */
const mostChanged = 1_000

/** Plans for one node, again and again; keeps what can be used again, and the numbers. */
export class PolicyPlanner {
  readonly #node: string
  readonly #policyNumbers = new WeakMap<Policy, number>()
  #lastPolicy = 0
  readonly #identifier = new Identifier()
  readonly #verdictNumbers = new Numbers()
  /** By group. */
  #treatments = new Map<string, Treatment>()
  /** By the number of verdicts. */
  #deniers: ReadonlyMap<number, readonly string[]> = new Map()
  #before: Before | undefined
  #latest: Latest | undefined

  constructor(node: string) {
    this.#node = node
  }

  plan(facts: ClusterFacts): Plan {
    const claims = holdersOf(facts.pods)
    const holders = claims.byAddress
    const groups = this.#groups(facts, holders)
    if (groups.size === 0) {
      const plan = { 4: emptyElements(), 6: emptyElements() }
      this.#latest = { plan, holders: claims, changed: 0 }
      return plan
    }
    const subjects = [...groups.values()].map(({ subject }) => subject)
    const question = questionOf(subjects)
    const asksOwnNode = subjects.some(
      ({ direction, policies }) => direction === 'egress' && policies.some(({ tier }) => tier !== 'namespace'),
    )
    const asked = { ...question, nodes: question.nodes || asksOwnNode }
    const identities = this.#identifier.identify(facts, holders, this.#node, asked)

    const ownNode = asksOwnNode ? [...facts.nodes].find(({ name }) => name === this.#node) : undefined
    const signature = JSON.stringify([
      [...groups].map(([key, { pods }]) => [key, pods.flatMap((pod) => heldBy(pod, holders))]),
      identities.all.map(({ key }) => key),
      ownNode?.addresses.map(({ text }) => text),
    ])
    // When nobody new is to be told apart, all that can have changed is who has which address.
    const before =
      this.#before?.signature === signature ? this.#before : this.#treat(groups, identities, ownNode, holders)
    this.#before = { ...before, signature }
    this.#identifier.forgetUnused()
    const { differing } = before
    const elementsOf = (family: Family): Elements => {
      const peers = new Map<string, string>()
      for (const [text, identity] of identities.byAddress[family]) peers.set(text, told(identity, differing))
      return new Map([...before.elements[family], ['peers', peers]])
    }
    const plan = { 4: elementsOf(4), 6: elementsOf(6) }
    const nodeAddresses = new Set(asked.nodes ? [...facts.nodes].flatMap(addressTexts) : [])
    this.#latest = { plan, holders: claims, changed: 0, asked: { identities, differing, nodeAddresses } }
    return plan
  }

  /** The policies, as `NetworkPolicy shop/closed`, for which an element of `denials` counts what it counts. */
  deniersOf(number: number): readonly string[] {
    return this.#deniers.get(number) ?? []
  }

  /**
   * The plan after pods elsewhere have changed and nothing else has: what usually changes, for the price of those pods. Nothing
   * when that is not enough, as when somebody came who is to be told apart from all others: then everything is to be planned.
   */
  change(changes: readonly PodChange[]): Plan | undefined {
    const latest = this.#latest
    this.#latest = undefined
    if (latest === undefined) return undefined
    const { holders, asked } = latest
    // What was known of pods that have gone is forgotten when everything is planned.
    const changed = latest.changed + changes.length
    if (changed > Math.max(mostChanged, holders.byAddress.size)) return undefined
    const moved = new Set<string>()
    for (const { old, new: next } of changes) {
      for (const pod of [old, next]) {
        if (pod === undefined) continue
        if (pod.node === this.#node || pod.addresses.some(({ text }) => holders.contested.has(text))) return undefined
      }
      for (const { text } of old?.addresses ?? []) {
        if (holders.byAddress.get(text) !== old) return undefined
        holders.byAddress.delete(text)
        moved.add(text)
      }
      for (const { text } of next?.addresses ?? []) {
        if (holders.byAddress.has(text)) return undefined
        holders.byAddress.set(text, next!)
        moved.add(text)
      }
    }
    if (asked === undefined || moved.size === 0) {
      this.#latest = { ...latest, changed }
      return latest.plan
    }
    const peers = { 4: new Map<string, string | undefined>(), 6: new Map<string, string | undefined>() }
    for (const text of moved) {
      if (asked.nodeAddresses.has(text)) return undefined
      const pod = holders.byAddress.get(text)
      const identity = pod === undefined ? undefined : asked.identities.find(pod, text)
      if (pod !== undefined && identity === undefined) return undefined
      peers[familyOf(text)].set(text, identity === undefined ? undefined : told(identity, asked.differing))
    }
    const plan = { 4: withPeers(latest.plan[4], peers[4]), 6: withPeers(latest.plan[6], peers[6]) }
    this.#latest = { ...latest, plan, changed }
    return plan
  }

  /** How everybody is treated, as elements of all sets but that of peers. */
  #treat(
    groups: ReadonlyMap<string, Group>,
    identities: Identities,
    ownNode: NodeFacts | undefined,
    holders: ReadonlyMap<string, PodFacts>,
  ): Pick<Before, 'elements' | 'differing'> {
    const index = indexByPeer(identities.all)
    const differing = new Set<number>()
    const treatments = new Map<string, Treatment>()
    const used = new Set<string>()
    const numbered = (peer: Peer): number => this.#identifier.peerNumber(peer)
    for (const [key, { subject }] of groups) {
      const treatment = treat(subject, identities, index, numbered, this.#treatments.get(key))
      treatments.set(key, treatment)
      for (const { number } of treatment.differing.keys()) differing.add(number)
      for (const text of [treatment.anyPod, treatment.anybody, ...treatment.differing.values()]) used.add(text)
    }
    this.#treatments = treatments
    const elementsOf = (family: Family): Elements => {
      const elements = emptyElements()
      this.#putSubjects(elements, family, groups, holders)
      putBlocks(elements, family, identities.intervals[family], differing)
      for (const { text } of addressesOf(ownNode, family)) elements.get('own_node')!.set(text, '')
      for (const text of used) putVerdicts(elements, this.#verdictNumbers.of(text), text)
      return elements
    }
    const elements = { 4: elementsOf(4), 6: elementsOf(6) }
    this.#deniers = new Map([...used].map((text) => [this.#verdictNumbers.of(text), readVerdicts(text).deniers]))
    this.#verdictNumbers.forgetUnused()
    return { elements, differing }
  }

  /** The pods of this node that policies select, by all that matters of them. */
  #groups({ pods, policies, namespaces }: ClusterFacts, holders: ReadonlyMap<string, PodFacts>): Map<string, Group> {
    const groups = new Map<string, Group>()
    const everywhere = policies.filter(({ namespace }) => namespace === undefined)
    const ofNamespaces = new Map<string, Policy[]>()
    for (const policy of policies) {
      if (policy.namespace === undefined) continue
      const found = ofNamespaces.get(policy.namespace)
      if (found === undefined) ofNamespaces.set(policy.namespace, [...everywhere, policy])
      else found.push(policy)
    }
    for (const pod of pods) {
      if (pod.node !== this.#node || !pod.addresses.some(({ text }) => holders.get(text) === pod)) continue
      const candidates = ofNamespaces.get(pod.namespace) ?? everywhere
      for (const direction of ['ingress', 'egress'] as const) {
        const selected = policiesOf(candidates, direction, pod, namespaces).toSorted(comparePolicies)
        if (selected.length === 0) continue
        const ports = direction === 'ingress' ? pod.ports : []
        const key = JSON.stringify([direction, selected.map((policy) => this.#policyNumber(policy)), ports])
        const group = groups.get(key)
        if (group === undefined) groups.set(key, { subject: { direction, policies: selected, ports }, pods: [pod] })
        else group.pods.push(pod)
      }
    }
    return groups
  }

  #policyNumber(policy: Policy): number {
    let number = this.#policyNumbers.get(policy)
    if (number === undefined) this.#policyNumbers.set(policy, (number = ++this.#lastPolicy))
    return number
  }

  #putSubjects(
    elements: Map<SetName, Map<string, string>>,
    family: Family,
    groups: ReadonlyMap<string, Group>,
    holders: ReadonlyMap<string, PodFacts>,
  ): void {
    for (const [key, group] of groups) {
      const { direction } = group.subject
      const treatment = this.#treatments.get(key)!
      const pairs: (readonly [number, string])[] = [
        [anybody, treatment.anybody],
        [anyPod, treatment.anyPod],
        ...[...treatment.differing].map(([{ number }, text]) => [number, text] as const),
      ]
      const numbers = pairs.map(([number, text]) => [number, String(this.#verdictNumbers.of(text))] as const)
      for (const pod of group.pods)
        for (const text of heldBy(pod, holders)) {
          if (familyOf(text) !== family) continue
          elements.get(`${direction}_pods`)!.set(text, '')
          elements.get('self')!.set(`${text} . ${text}`, '')
          for (const [number, verdict] of numbers)
            elements.get(`${direction}_pairs`)!.set(`${text} . ${number}`, verdict)
        }
    }
  }
}

/** The number under which the kernel knows somebody. */
function told({ number, isPod }: Identity, differing: ReadonlySet<number>): string {
  // A node that is treated as anybody must not be taken for whoever lies in the block around it.
  return String(differing.has(number) ? number : isPod ? anyPod : anybody)
}

/** The same elements with some other peers; undefined: no more. */
function withPeers(elements: Elements, changed: ReadonlyMap<string, string | undefined>): Elements {
  const before = elements.get('peers')!
  if ([...changed].every(([text, number]) => before.get(text) === number)) return elements
  const peers = new Map(before)
  for (const [text, number] of changed) {
    if (number === undefined) peers.delete(text)
    else peers.set(text, number)
  }
  return new Map([...elements, ['peers', peers]])
}

/** Intervals of addresses that are neither pods nor nodes; neighbours that are treated alike become one. */
function putBlocks(
  elements: Map<SetName, Map<string, string>>,
  family: Family,
  intervals: readonly IdentifiedInterval[],
  differing: ReadonlySet<number>,
): void {
  let open: { from: bigint; to: bigint; number: number } | undefined
  const close = (): void => {
    if (open !== undefined) elements.get('blocks')!.set(formatInterval(family, open.from, open.to), String(open.number))
    open = undefined
  }
  for (const { from, to, identity } of intervals) {
    if (!differing.has(identity.number)) continue
    if (open?.number === identity.number && open.to + 1n === from) open.to = to
    else {
      close()
      open = { from, to, number: identity.number }
    }
  }
  close()
}

const words = { allow: 'return', deny: 'goto denied' } as const

/** The elements for verdicts of a number. */
function putVerdicts(elements: Map<SetName, Map<string, string>>, number: number, text: string): void {
  const { otherwise, deniers, exceptions } = readVerdicts(text)
  elements.get('verdicts')!.set(String(number), otherwise ? words.allow : words.deny)
  if (deniers.length > 0) elements.get('denials')!.set(String(number), '')
  for (const [transport, from, to] of exceptions) {
    const isOne = from === to
    const key = `${number} . ${transport} . ${isOne ? from : `${from}-${to}`}`
    elements.get(isOne ? 'ports' : 'port_ranges')!.set(key, otherwise ? words.deny : words.allow)
  }
}

function emptyElements(): Map<SetName, Map<string, string>> {
  return new Map((Object.keys(setTypes) as SetName[]).map((name) => [name, new Map<string, string>()]))
}

const heldBy = (pod: PodFacts, holders: ReadonlyMap<string, PodFacts>): string[] =>
  pod.addresses.flatMap(({ text }) => (holders.get(text) === pod ? [text] : []))

const addressTexts = ({ addresses }: NodeFacts): string[] => addresses.map(({ text }) => text)

const addressesOf = (holder: NodeFacts | undefined, family: Family) =>
  (holder?.addresses ?? []).filter(({ ip }) => ip.length === (family === 4 ? 4 : 16))
