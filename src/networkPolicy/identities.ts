/**
 * Who may be at the other end, as far as the rules in use can tell: whoever is among the same peers, and gives the ports that
 * are asked for the same numbers, is one identity.
 */
import type { NamedPort } from './decision.ts'
import { matchesPeer } from './facts.ts'
import type { Address, ClusterFacts, Labels, PodFacts } from './facts.ts'
import { ipToNumber } from '#lib/net/ip.ts'

import { intervalsOf } from './intervals.ts'
import type { Family, Interval } from './intervals.ts'
import { Numbers } from './numbers.ts'
import type { BlockPeer, Peer } from './policy.ts'

/** The bit that numbers of pods have; alone it stands for any pod. */
export const anyPod = 0x8000_0000
/** Stands for anybody who is no pod and not listed. */
export const anybody = 0

/** Whoever is treated alike. */
export interface Identity {
  readonly key: string
  readonly number: number
  readonly isPod: boolean
  readonly isOwnNode: boolean
  /** Numbers of the peers that it is among. */
  readonly peers: ReadonlySet<number>
  readonly ports: readonly NamedPort[]
}

/** Addresses that are neither pods nor nodes, next to each other. */
export interface IdentifiedInterval {
  readonly from: bigint
  readonly to: bigint
  readonly identity: Identity
}

/** Everybody whom rules can tell apart. */
export interface Identities {
  readonly all: readonly Identity[]
  /** Somebody of whom nothing is known. */
  readonly unknown: Identity
  /** Pods and nodes by address. */
  readonly byAddress: Readonly<Record<Family, ReadonlyMap<string, Identity>>>
  /** The one of `all` that a pod at an address of its own would be, also one that has come since; nothing when it is none of them. */
  find(pod: PodFacts, address: string): Identity | undefined
  readonly intervals: Readonly<Record<Family, readonly IdentifiedInterval[]>>
}

/** What is asked: who is told apart by what. */
export interface Question {
  readonly peers: ReadonlySet<Peer>
  /** Names of ports that are looked up in whoever is at the other end. */
  readonly names: ReadonlySet<string>
  /** Whether nodes are told from other addresses. */
  readonly nodes: boolean
}

/** Which pods of one likeness, in a namespace with these labels, are among which peers. */
interface Matches {
  readonly labels: Labels | undefined
  readonly selected: ReadonlySet<number>
}

/** Addresses that are among the same blocks, by their numbers. */
interface NumberedInterval extends Pick<Interval<BlockPeer>, 'from' | 'to'> {
  readonly peers: ReadonlySet<number>
}

const nobody: ReadonlySet<number> = new Set()

/** Tells who is who, again and again; keeps what can be used again, and the numbers. */
export class Identifier {
  readonly #peerKeys = new WeakMap<Peer, string>()
  readonly #peerNumbers = new Numbers()
  readonly #identityNumbers = new Numbers()
  /** By likeness. */
  #matches = new Map<string, Matches>()
  /** The peers of pods that `#matches` is about. */
  #matched = new Map<number, Peer>()
  /** By family, with the blocks that they are cut from. */
  readonly #intervals = new Map<Family, { key: string; intervals: readonly NumberedInterval[] }>()

  /** The same for peers that are written alike. */
  peerNumber(peer: Peer): number {
    let key = this.#peerKeys.get(peer)
    if (key === undefined) this.#peerKeys.set(peer, (key = JSON.stringify(peer)))
    return this.#peerNumbers.of(key)
  }

  identify(
    facts: ClusterFacts,
    holders: ReadonlyMap<string, PodFacts>,
    ownNode: string,
    { peers, names, nodes }: Question,
  ): Identities {
    const numbered = new Map<number, Peer>([...peers].map((peer) => [this.peerNumber(peer), peer]))
    const known = new Map<string, Identity>()
    const keyOf = ({ isPod, isOwnNode, peers: among, ports }: Omit<Identity, 'key' | 'number'>): string =>
      JSON.stringify([isPod, isOwnNode, [...among].toSorted((a, b) => a - b), ports])
    const identity = (parts: Omit<Identity, 'key' | 'number'>): Identity => {
      const { isPod, isOwnNode } = parts
      const key = keyOf(parts)
      let found = known.get(key)
      if (found === undefined) {
        const isUnknown = !isPod && !isOwnNode && parts.peers.size === 0
        const number = isUnknown ? anybody : this.#identityNumbers.of(key) + (isPod ? anyPod : 0)
        known.set(key, (found = { ...parts, key, number }))
      }
      return found
    }
    const outsider = { isPod: false, isOwnNode: false, peers: nobody, ports: [] }
    const unknown = identity(outsider)
    const byAddress = { 4: new Map<string, Identity>(), 6: new Map<string, Identity>() }
    if (nodes)
      for (const node of facts.nodes)
        for (const { text, ip } of node.addresses) {
          const among = [...numbered].filter(([, peer]) => matchesPeer(peer, { ip, node }, facts.namespaces))
          const isOwnNode = node.name === ownNode
          const found = identity({ ...outsider, isOwnNode, peers: new Set(among.map(([number]) => number)) })
          byAddress[familyOf(text)].set(text, found)
        }
    const cut = { 4: this.#intervalsOf(numbered, 4), 6: this.#intervalsOf(numbered, 6) }
    const selectedOf = this.#selection(numbered, facts.namespaces)
    const traitsOf = (pod: PodFacts, text: string) => {
      const pieces = cut[familyOf(text)]
      return {
        selected: selectedOf(pod),
        inside: pieces.length === 0 ? undefined : findInterval(pieces, addressNumber(pod, text)),
        ports: names.size === 0 ? [] : pod.ports.filter(({ name }) => names.has(name)),
      }
    }
    const podParts = ({ selected, inside, ports }: ReturnType<typeof traitsOf>): Omit<Identity, 'key' | 'number'> => ({
      isPod: true,
      isOwnNode: false,
      peers: inside === undefined ? selected : new Set([...selected, ...inside.peers]),
      ports,
    })
    // Few differ in all of these, so that few are looked at closely.
    const alike = new Map<ReadonlySet<number>, Map<NumberedInterval | undefined, Map<string, Identity>>>()
    for (const [text, pod] of holders) {
      const traits = traitsOf(pod, text)
      const portsText = traits.ports.length === 0 ? '' : JSON.stringify(traits.ports)
      const found = entry(
        entry(alike, traits.selected, () => new Map()),
        traits.inside,
        () => new Map<string, Identity>(),
      )
      byAddress[familyOf(text)].set(
        text,
        entry(found, portsText, () => identity(podParts(traits))),
      )
    }
    const intervals = (family: Family): IdentifiedInterval[] =>
      cut[family].map(({ from, to, peers: among }) => ({ from, to, identity: identity({ ...outsider, peers: among }) }))
    const identified = { 4: intervals(4), 6: intervals(6) }
    this.#identityNumbers.forgetUnused()
    return {
      all: [...known.values()],
      unknown,
      byAddress,
      intervals: identified,
      find: (pod, text) => known.get(keyOf(podParts(traitsOf(pod, text)))),
    }
  }

  /** Forgets the numbers of peers that were not asked for since the last time. */
  forgetUnused(): void {
    this.#peerNumbers.forgetUnused()
  }

  /** Finds the peers that a pod is among by labels. What was known of pods like it is used again. */
  #selection(
    numbered: ReadonlyMap<number, Peer>,
    namespaces: ClusterFacts['namespaces'],
  ): (pod: PodFacts) => ReadonlySet<number> {
    const before = this.#matches
    const asked = new Map([...numbered].filter(([, { kind }]) => kind === 'pods'))
    const added = new Map([...asked].filter(([number]) => !this.#matched.has(number)))
    const isSame = added.size === 0 && asked.size === this.#matched.size
    const matches = new Map<string, Matches>()
    this.#matches = matches
    this.#matched = asked
    return (pod) => {
      const labels = namespaces.get(pod.namespace)
      let found = matches.get(pod.likeness)
      if (found !== undefined) return found.selected
      const old = before.get(pod.likeness)
      const isKnown =
        old !== undefined && (old.labels === labels || JSON.stringify(old.labels) === JSON.stringify(labels))
      if (isKnown && isSame) found = old
      else {
        const { ip } = pod.addresses[0]!
        const among = [...(isKnown ? added : asked)].filter(([, peer]) => matchesPeer(peer, { ip, pod }, namespaces))
        const kept = isKnown ? [...old.selected].filter((number) => asked.has(number)) : []
        found = { labels, selected: new Set([...kept, ...among.map(([number]) => number)]) }
      }
      matches.set(pod.likeness, found)
      return found.selected
    }
  }

  #intervalsOf(numbered: ReadonlyMap<number, Peer>, family: Family): readonly NumberedInterval[] {
    const blocks = new Map<BlockPeer, number>()
    for (const [number, peer] of numbered) if (peer.kind === 'block') blocks.set(peer, number)
    const key = [...blocks.values()].join(' ')
    const before = this.#intervals.get(family)
    if (before?.key === key) return before.intervals
    const intervals = intervalsOf([...blocks.keys()], family).map(({ from, to, blocks: inside }) => ({
      from,
      to,
      peers: new Set(inside.map((block) => blocks.get(block)!)),
    }))
    this.#intervals.set(family, { key, intervals })
    return intervals
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key)
  if (found === undefined) map.set(key, (found = make()))
  return found
}

const numbers = new WeakMap<Address, bigint>()

function addressNumber({ addresses }: PodFacts, text: string): bigint {
  const address = addresses.find((each) => each.text === text)!
  let number = numbers.get(address)
  if (number === undefined) numbers.set(address, (number = ipToNumber(address.ip)))
  return number
}

/** The interval with an address, of some that are in order. */
function findInterval(intervals: readonly NumberedInterval[], number: bigint): NumberedInterval | undefined {
  let [low, high] = [0, intervals.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (intervals[middle]!.to < number) low = middle + 1
    else high = middle
  }
  const found = intervals[low]
  return found !== undefined && found.from <= number ? found : undefined
}

export const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4)
