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
 *
 * Numbers of pods have the highest bit. That bit alone is any pod, 0 anybody else: a pair that is not listed is treated as the
 * pair of its pod with them, so that only what differs from the usual is listed.
 */
import { judgePeer, verdictsOf } from './decision.ts'
import type { NamedPort, Subject } from './decision.ts'
import { comparePolicies, holdersOf, matchesPeer, policiesOf } from './facts.ts'
import type { ClusterFacts, NodeFacts, PodFacts } from './facts.ts'
import { formatInterval, intervalsOf } from './intervals.ts'
import type { Family } from './intervals.ts'
import type { BlockPeer, Peer, Policy } from './policy.ts'

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
} as const

export type SetName = keyof typeof setTypes
export type Elements = ReadonlyMap<SetName, ReadonlyMap<string, string>>

/** The elements of each family's table. */
export type Plan = Readonly<Record<Family, Elements>>

/** The bit that numbers of pods have; alone it stands for any pod. */
export const anyPod = 0x8000_0000
/** Stands for anybody who is no pod and not listed. */
export const anybody = 0

const families = [4, 6] as const

/** Whoever is treated alike. */
interface Identity {
  readonly key: string
  readonly number: number
  readonly isPod: boolean
  readonly isOwnNode: boolean
  readonly peers: ReadonlySet<number>
  readonly ports: readonly NamedPort[]
}

/** Pods of this node that are asked about alike in one direction. */
interface Group {
  readonly subject: Subject
  readonly pods: PodFacts[]
}

/** Addresses that are among the same blocks, by their numbers. */
interface NumberedInterval {
  readonly from: bigint
  readonly to: bigint
  readonly peers: ReadonlySet<number>
}

/** Gives things numbers that they keep as long as they are in use. */
class Numbers {
  #known = new Map<string, number>()
  #used = new Map<string, number>()
  #last = 0

  of(key: string): number {
    let number = this.#used.get(key)
    if (number !== undefined) return number
    number = this.#known.get(key) ?? ++this.#last
    this.#used.set(key, number)
    return number
  }

  /** Forgets what was not asked for since the last time. */
  forgetUnused(): void {
    this.#known = this.#used
    this.#used = new Map()
  }
}

/** Plans for one node, again and again; keeps what can be used again, and the numbers. */
export class PolicyPlanner {
  readonly #node: string
  readonly #policyNumbers = new WeakMap<Policy, number>()
  #lastPolicy = 0
  readonly #peerKeys = new WeakMap<Peer, string>()
  readonly #peerNumbers = new Numbers()
  readonly #identityNumbers = new Numbers()
  readonly #verdictNumbers = new Numbers()
  /** By likeness and labels of the namespace: which peers such pods are among. */
  #matches = new Map<string, Map<number, boolean>>()
  /** By group and identity: the verdicts, as the text that has a number. */
  #verdicts = new Map<string, Map<string, string>>()
  /** By family and blocks. */
  #intervals = new Map<string, readonly NumberedInterval[]>()

  constructor(node: string) {
    this.#node = node
  }

  plan(facts: ClusterFacts): Plan {
    const holders = holdersOf(facts.pods)
    const groups = this.#groups(facts, holders)
    if (groups.size === 0) return { 4: emptyElements(), 6: emptyElements() }
    const { peers, names } = usedBy([...groups.values()])
    const numbered = new Map<Peer, number>([...peers].map((peer) => [peer, this.#peerNumber(peer)]))
    const asksOwnNode = [...groups.values()].some(
      ({ subject }) => subject.direction === 'egress' && subject.policies.some(({ tier }) => tier !== 'namespace'),
    )
    const identities = new Map<string, Identity>()
    const identify = (identity: Omit<Identity, 'key' | 'number'>): Identity => {
      const { isPod, isOwnNode, ports } = identity
      const key = JSON.stringify([isPod, isOwnNode, [...identity.peers].toSorted((a, b) => a - b), ports])
      let known = identities.get(key)
      if (known === undefined) {
        const isNobody = !isPod && !isOwnNode && identity.peers.size === 0
        const number = isNobody ? anybody : this.#identityNumbers.of(key) + (isPod ? anyPod : 0)
        identities.set(key, (known = { ...identity, key, number }))
      }
      return known
    }
    const outsider = { isPod: false, isOwnNode: false, peers: new Set<number>(), ports: [] }
    const unknown = identify(outsider)
    const ofAddresses = { 4: new Map<string, Identity>(), 6: new Map<string, Identity>() }
    if (asksOwnNode || [...peers].some(({ kind }) => kind === 'nodes'))
      for (const node of facts.nodes) {
        const isOwnNode = node.name === this.#node
        for (const { text, ip } of node.addresses) {
          const among = [...numbered].filter(([peer]) => matchesPeer(peer, { ip, node }, facts.namespaces))
          const identity = { ...outsider, isOwnNode, peers: new Set(among.map(([, number]) => number)) }
          ofAddresses[familyOf(text)].set(text, identify(identity))
        }
      }
    this.#identifyPods(facts, holders, numbered, names, (text, identity) =>
      ofAddresses[familyOf(text)].set(text, identify(identity)),
    )
    const ofIntervals = { 4: this.#intervalsOf(numbered, 4), 6: this.#intervalsOf(numbered, 6) }
    const ofBlocks = families.map((family) =>
      ofIntervals[family].map(({ from, to, peers: among }) => ({
        from,
        to,
        identity: identify({ ...outsider, peers: among }),
      })),
    )

    // The verdicts of each group: what is usual, and what differs from it.
    const differing = new Set<Identity>()
    const treated = new Map<Group, Treatment>()
    const verdicts = new Map<string, Map<string, string>>()
    const verdictTexts = new Set<string>()
    for (const [key, group] of groups) {
      const known = this.#verdicts.get(key)
      const texts = new Map<string, string>()
      for (const identity of identities.values())
        texts.set(identity.key, known?.get(identity.key) ?? this.#verdictText(group.subject, identity))
      verdicts.set(key, texts)
      const treatment = treat([...identities.values()], texts, unknown)
      treated.set(group, treatment)
      for (const identity of treatment.differing.keys()) differing.add(identity)
      for (const text of [treatment.anyPod, treatment.anybody, ...treatment.differing.values()]) verdictTexts.add(text)
    }
    this.#verdicts = verdicts

    const ownNode = asksOwnNode ? [...facts.nodes].find(({ name }) => name === this.#node) : undefined
    const elementsOf = (family: Family): Elements => {
      const elements = emptyElements()
      this.#putSubjects(elements, family, groups, treated, holders)
      for (const [text, identity] of ofAddresses[family]) {
        if (differing.has(identity)) elements.get('peers')!.set(text, String(identity.number))
        else if (identity.isPod) elements.get('peers')!.set(text, String(anyPod))
        // Else it would be taken for whoever lies in the blocks around it.
        else elements.get('peers')!.set(text, String(anybody))
      }
      putBlocks(elements, family, ofBlocks[family === 4 ? 0 : 1]!, differing)
      for (const { text } of addressesOf(ownNode, family)) elements.get('own_node')!.set(text, '')
      for (const text of verdictTexts) putVerdicts(elements, this.#verdictNumbers.of(text), text)
      return elements
    }
    const plan = { 4: elementsOf(4), 6: elementsOf(6) }
    for (const numbers of [this.#peerNumbers, this.#identityNumbers, this.#verdictNumbers]) numbers.forgetUnused()
    return plan
  }

  /** The pods of this node that policies select, by all that matters of them. */
  #groups({ pods, policies, namespaces }: ClusterFacts, holders: ReadonlyMap<string, PodFacts>): Map<string, Group> {
    const groups = new Map<string, Group>()
    const sorted = policies.toSorted(comparePolicies)
    const ofNamespace = new Map<string, readonly Policy[]>()
    const candidates = (namespace: string): readonly Policy[] => {
      let found = ofNamespace.get(namespace)
      if (found === undefined) {
        found = sorted.filter((policy) => policy.namespace === undefined || policy.namespace === namespace)
        ofNamespace.set(namespace, found)
      }
      return found
    }
    for (const pod of pods) {
      if (pod.node !== this.#node || !pod.addresses.some(({ text }) => holders.get(text) === pod)) continue
      for (const direction of ['ingress', 'egress'] as const) {
        const selected = policiesOf(candidates(pod.namespace), direction, pod, namespaces)
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

  /** The same for peers that are written alike. */
  #peerNumber(peer: Peer): number {
    let key = this.#peerKeys.get(peer)
    if (key === undefined) this.#peerKeys.set(peer, (key = JSON.stringify(peer)))
    return this.#peerNumbers.of(key)
  }

  #identifyPods(
    { namespaces }: ClusterFacts,
    holders: ReadonlyMap<string, PodFacts>,
    numbered: ReadonlyMap<Peer, number>,
    names: ReadonlySet<string>,
    found: (text: string, identity: Omit<Identity, 'key' | 'number'>) => void,
  ): void {
    const matches = new Map<string, Map<number, boolean>>()
    const selecting = [...numbered].filter(([{ kind }]) => kind === 'pods')
    const blocks = [...numbered].filter(([{ kind }]) => kind === 'block')
    const among = new Map<string, ReadonlySet<number>>()
    for (const [text, pod] of holders) {
      const likeness = `${pod.likeness} ${JSON.stringify(namespaces.get(pod.namespace))}`
      const address = pod.addresses.find((each) => each.text === text)!
      let selected = among.get(likeness)
      if (selected === undefined) {
        const known = this.#matches.get(likeness) ?? new Map<number, boolean>()
        const next = new Map<number, boolean>()
        for (const [peer, number] of selecting)
          next.set(number, known.get(number) ?? matchesPeer(peer, { ip: address.ip, pod }, namespaces))
        matches.set(likeness, next)
        selected = new Set([...next].flatMap(([number, isAmong]) => (isAmong ? [number] : [])))
        among.set(likeness, selected)
      }
      const inBlocks = blocks.filter(([peer]) => matchesPeer(peer, { ip: address.ip }, namespaces))
      found(text, {
        isPod: true,
        isOwnNode: false,
        peers: inBlocks.length === 0 ? selected : new Set([...selected, ...inBlocks.map(([, number]) => number)]),
        ports: names.size === 0 ? [] : pod.ports.filter(({ name }) => names.has(name)),
      })
    }
    this.#matches = matches
  }

  #intervalsOf(numbered: ReadonlyMap<Peer, number>, family: Family): readonly NumberedInterval[] {
    // Peers that are written alike have one number, and are one here.
    const blocks = new Map<number, BlockPeer>()
    for (const [peer, number] of numbered) if (peer.kind === 'block') blocks.set(number, peer)
    const key = `${family} ${[...blocks.keys()].join(' ')}`
    let intervals = this.#intervals.get(key)
    if (intervals === undefined) {
      const among = new Map([...blocks].map(([number, block]) => [block, number]))
      intervals = intervalsOf([...blocks.values()], family).map(({ from, to, blocks: inside }) => ({
        from,
        to,
        peers: new Set(inside.map((block) => among.get(block)!)),
      }))
    }
    for (const other of this.#intervals.keys()) if (other.startsWith(`${family} `)) this.#intervals.delete(other)
    this.#intervals.set(key, intervals)
    return intervals
  }

  /** The verdicts of a group for an identity, as the text by which equal ones are found: see `putVerdicts`. */
  #verdictText(subject: Subject, { peers, ports, isOwnNode }: Identity): string {
    const view = { matches: (peer: Peer) => peers.has(this.#peerNumber(peer)), ports, isOwnNode }
    const { otherwise, exceptions } = verdictsOf(judgePeer(subject, view))
    return JSON.stringify([otherwise, ...exceptions.map(({ transport, from, to }) => [transport, from, to])])
  }

  #putSubjects(
    elements: Map<SetName, Map<string, string>>,
    family: Family,
    groups: ReadonlyMap<string, Group>,
    treated: ReadonlyMap<Group, Treatment>,
    holders: ReadonlyMap<string, PodFacts>,
  ): void {
    for (const group of groups.values()) {
      const { direction } = group.subject
      const treatment = treated.get(group)!
      const pairs: (readonly [number, string])[] = [
        [anybody, treatment.anybody],
        [anyPod, treatment.anyPod],
        ...[...treatment.differing].map(([{ number }, text]) => [number, text] as const),
      ]
      const numbers = pairs.map(([number, text]) => [number, String(this.#verdictNumbers.of(text))] as const)
      for (const pod of group.pods)
        for (const { text } of addressesOf(pod, family)) {
          if (holders.get(text) !== pod) continue
          elements.get(`${direction}_pods`)!.set(text, '')
          elements.get('self')!.set(`${text} . ${text}`, '')
          for (const [number, verdict] of numbers)
            elements.get(`${direction}_pairs`)!.set(`${text} . ${number}`, verdict)
        }
    }
  }
}

/** How a group treats everybody: texts of verdicts. */
interface Treatment {
  readonly anybody: string
  readonly anyPod: string
  readonly differing: ReadonlyMap<Identity, string>
}

/** Any pod is treated as most kinds of pods are, so that few differ from it. */
function treat(identities: readonly Identity[], texts: ReadonlyMap<string, string>, unknown: Identity): Treatment {
  const counts = new Map<string, number>()
  for (const { isPod, key } of identities)
    if (isPod) counts.set(texts.get(key)!, (counts.get(texts.get(key)!) ?? 0) + 1)
  const anybodyText = texts.get(unknown.key)!
  let usual = anybodyText
  for (const [text, count] of counts) {
    const most = counts.get(usual) ?? 0
    if (count > most || (count === most && text < usual)) usual = text
  }
  const differing = new Map<Identity, string>()
  for (const identity of identities) {
    const text = texts.get(identity.key)!
    if (text !== (identity.isPod ? usual : anybodyText)) differing.set(identity, text)
  }
  return { anybody: anybodyText, anyPod: usual, differing }
}

/** The peers and the names of ports that groups ask for. */
function usedBy(groups: readonly Group[]): { peers: ReadonlySet<Peer>; names: ReadonlySet<string> } {
  const peers = new Set<Peer>()
  const names = new Set<string>()
  for (const { subject } of groups)
    for (const policy of subject.policies)
      for (const rule of policy[subject.direction] ?? []) {
        if (rule.peers !== 'everybody') for (const peer of rule.peers) peers.add(peer)
        // Names of our own pods' ports are looked up per group.
        if (subject.direction === 'egress' && rule.ports !== 'all')
          for (const port of rule.ports) if ('name' in port) names.add(port.name)
      }
  return { peers, names }
}

/** Intervals of addresses that are neither pods nor nodes; neighbours that are treated alike become one. */
function putBlocks(
  elements: Map<SetName, Map<string, string>>,
  family: Family,
  intervals: readonly { readonly from: bigint; readonly to: bigint; readonly identity: Identity }[],
  differing: ReadonlySet<Identity>,
): void {
  let open: { from: bigint; to: bigint; number: number } | undefined
  const close = (): void => {
    if (open !== undefined) elements.get('blocks')!.set(formatInterval(family, open.from, open.to), String(open.number))
    open = undefined
  }
  for (const { from, to, identity } of intervals) {
    if (!differing.has(identity)) continue
    if (open?.number === identity.number && open.to + 1n === from) open.to = to
    else {
      close()
      open = { from, to, number: identity.number }
    }
  }
  close()
}

const words = { allow: 'return', deny: 'goto denied' } as const

/** The elements for verdicts of a number: `[otherwise, [transport, from, to]...]`. */
function putVerdicts(elements: Map<SetName, Map<string, string>>, number: number, text: string): void {
  const [otherwise, ...exceptions] = JSON.parse(text) as [boolean, ...(readonly [string, number, number])[]]
  elements.get('verdicts')!.set(String(number), otherwise ? words.allow : words.deny)
  for (const [transport, from, to] of exceptions) {
    const isOne = from === to
    const key = `${number} . ${transport} . ${isOne ? from : `${from}-${to}`}`
    elements.get(isOne ? 'ports' : 'port_ranges')!.set(key, otherwise ? words.deny : words.allow)
  }
}

function emptyElements(): Map<SetName, Map<string, string>> {
  return new Map((Object.keys(setTypes) as SetName[]).map((name) => [name, new Map<string, string>()]))
}

const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4)

const addressesOf = (holder: PodFacts | NodeFacts | undefined, family: Family) =>
  (holder?.addresses ?? []).filter(({ ip }) => ip.length === (family === 4 ? 4 : 16))
