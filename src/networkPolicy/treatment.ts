/** How pods that are asked about alike treat everybody: what is usual, and who differs from it. */
import { judgePeer, verdictsOf } from './decision.ts'
import type { Subject } from './decision.ts'
import type { Identities, Identity, Question } from './identities.ts'
import { policyName } from './policy.ts'
import type { Peer, Rule } from './policy.ts'

/**
 * Verdicts by the key of an identity, as text by which equal ones are found: `[otherwise, deniers, [transport, from, to]...]`.
 * Those that are equal but for the policies that deny are told apart, so that drops can be counted by policy.
 */
export type VerdictTexts = ReadonlyMap<string, string>

/** What a text of verdicts says. */
export function readVerdicts(text: string) {
  const [otherwise, deniers, ...exceptions] = JSON.parse(text) as [
    boolean,
    readonly string[],
    ...(readonly [string, number, number])[],
  ]
  return { otherwise, deniers, exceptions }
}

export interface Treatment {
  /** Of whoever is no pod and does not differ. */
  readonly anybody: string
  /** Of pods that do not differ. */
  readonly anyPod: string
  readonly differing: ReadonlyMap<Identity, string>
  /** What need not be found out again: by what the subject tells others apart, and all verdicts that were looked at. */
  readonly peers: ReadonlySet<Peer>
  readonly texts: VerdictTexts
}

/** By what subjects tell others apart. */
export function questionOf(subjects: readonly Subject[]): Question {
  const peers = new Set<Peer>()
  const names = new Set<string>()
  for (const { direction, policies } of subjects)
    for (const policy of policies)
      for (const rule of policy[direction] ?? []) {
        if (rule.peers !== 'everybody') for (const peer of rule.peers) peers.add(peer)
        // Names of our own pods' ports are looked up in those pods.
        if (direction === 'egress' && rule.ports !== 'all')
          for (const port of rule.ports) if ('name' in port) names.add(port.name)
      }
  return { peers, names, nodes: [...peers].some(({ kind }) => kind === 'nodes') }
}

/** Identities by the number of each peer that they are among; under -1 those that are told apart by something else. */
export type PeerIndex = ReadonlyMap<number, readonly Identity[]>
const byOtherThings = -1

export function indexByPeer(identities: readonly Identity[]): PeerIndex {
  const index = new Map<number, Identity[]>()
  for (const identity of identities) {
    const isSpecial = identity.isOwnNode || identity.ports.length > 0
    for (const number of isSpecial ? [byOtherThings, ...identity.peers] : identity.peers) {
      const found = index.get(number)
      if (found === undefined) index.set(number, [identity])
      else found.push(identity)
    }
  }
  return index
}

/** Looks closely only at those who are among the subject's own peers: to it all others are the same. */
export function treat(
  subject: Subject,
  { all, unknown }: Identities,
  index: PeerIndex,
  numberOf: (peer: Peer) => number,
  known: Treatment | undefined,
): Treatment {
  const peers = known?.peers ?? questionOf([subject]).peers
  const near = new Set([...peers].flatMap((peer) => index.get(numberOf(peer)) ?? []))
  if (subject.direction === 'egress') for (const identity of index.get(byOtherThings) ?? []) near.add(identity)
  const texts = new Map<string, string>()
  /** By all rules that are about somebody. */
  const judged = new Map<string, string>()
  const ids = new Map<Rule, number>()
  const idOf = (rule: Rule): number => {
    let id = ids.get(rule)
    if (id === undefined) ids.set(rule, (id = ids.size))
    return id
  }
  const textOf = (identity: Pick<Identity, 'key' | 'peers' | 'ports' | 'isOwnNode'>): string => {
    let text = texts.get(identity.key) ?? known?.texts.get(identity.key)
    if (text === undefined) {
      const matches = (peer: Peer): boolean => identity.peers.has(numberOf(peer))
      const judgement = judgePeer(subject, { ...identity, matches })
      // Rules with very many ports are walked over once for all who are among their peers.
      const rules = [...judgement.admin, ...judgement.allowing, ...judgement.baseline].map(({ rule }) => idOf(rule))
      const alike = JSON.stringify([rules, judgement.isOwnNode, subject.direction === 'egress' ? identity.ports : []])
      text = judged.get(alike)
      if (text === undefined) {
        const { otherwise, exceptions, deniers } = verdictsOf(judgement)
        const names = [...deniers].map(policyName).toSorted()
        text = JSON.stringify([otherwise, names, ...exceptions.map(({ transport, from, to }) => [transport, from, to])])
        judged.set(alike, text)
      }
    }
    texts.set(identity.key, text)
    return text
  }
  const anybody = textOf(unknown)
  // Any pod is treated as most kinds of pods are, so that few differ from it.
  const counts = new Map<string, number>()
  for (const identity of near) if (identity.isPod) counts.set(textOf(identity), (counts.get(textOf(identity)) ?? 0) + 1)
  const far = all.reduce((count, identity) => (identity.isPod && !near.has(identity) ? count + 1 : count), 0)
  if (far > 0) counts.set(anybody, (counts.get(anybody) ?? 0) + far)
  let anyPod = anybody
  for (const [text, count] of counts) {
    const most = counts.get(anyPod) ?? 0
    if (count > most || (count === most && text < anyPod)) anyPod = text
  }
  const differing = new Map<Identity, string>()
  for (const identity of near) {
    const text = textOf(identity)
    if (text !== (identity.isPod ? anyPod : anybody)) differing.set(identity, text)
  }
  if (anyPod !== anybody)
    for (const identity of all) if (identity.isPod && !near.has(identity)) differing.set(identity, anybody)
  return { anybody, anyPod, differing, peers, texts }
}
