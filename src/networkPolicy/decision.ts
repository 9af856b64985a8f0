/** What policies say of one pod and one peer, in one direction: pure, and the one place that knows the order of tiers. */
import { transports } from './policy.ts'
import type { Direction, Peer, Policy, PortMatch, Rule, Transport } from './policy.ts'

/** A port that a container of a pod gives a name. */
export interface NamedPort {
  readonly name: string
  readonly transport: Transport
  readonly port: number
}

/** A pod and the policies that select it. */
export interface Subject {
  readonly direction: Direction
  /** Those that say something of this direction, in the order of tiers, priorities and names. */
  readonly policies: readonly Policy[]
  readonly ports: readonly NamedPort[]
}

/** Who is at the other end. */
export interface PeerView {
  matches(peer: Peer): boolean
  /** Named ports of the peer where it is a pod. */
  readonly ports: readonly NamedPort[]
  /** It is the node that the pod runs on, with which every pod may always talk as far as NetworkPolicies go. */
  readonly isOwnNode: boolean
}

/** Traffic of a transport to a port; anything else, such as ICMP, when absent. */
export interface Target {
  readonly transport: Transport
  readonly port: number
}

export interface Decision {
  readonly allowed: boolean
  /** What decided: a rule, the isolation that no rule lifts, the node, or that no policy says anything. */
  readonly by: 'rule' | 'isolation' | 'ownNode' | 'nothing'
  /** The rule and its policy. */
  readonly rule?: { readonly policy: Policy; readonly rule: Rule }
  /** The policies that isolate the pod in this direction. */
  readonly isolating?: readonly Policy[]
}

export interface Range {
  readonly transport: Transport
  readonly from: number
  readonly to: number
}

interface MatchedRule {
  readonly policy: Policy
  readonly rule: Rule
  readonly ports: readonly Range[] | 'all'
}

/** The rules for one peer; what is left to ask is the port. */
export interface Judgement {
  readonly admin: readonly MatchedRule[]
  readonly isolating: readonly Policy[]
  readonly allowing: readonly MatchedRule[]
  readonly baseline: readonly MatchedRule[]
  readonly isOwnNode: boolean
}

/** Finds the rules that are about a peer. */
export function judgePeer(subject: Subject, peer: PeerView): Judgement {
  const named = subject.direction === 'ingress' ? subject.ports : peer.ports
  const matched = (tier: Policy['tier']): MatchedRule[] =>
    subject.policies.flatMap((policy) =>
      policy.tier !== tier
        ? []
        : (policy[subject.direction] ?? [])
            .filter(({ peers }) => peers === 'everybody' || peers.some((each) => peer.matches(each)))
            .map((rule) => ({ policy, rule, ports: resolvePorts(rule.ports, named) })),
    )
  return {
    admin: matched('admin'),
    isolating: subject.policies.filter(({ tier }) => tier === 'namespace'),
    allowing: matched('namespace'),
    baseline: matched('baseline'),
    isOwnNode: peer.isOwnNode,
  }
}

function resolvePorts(ports: readonly PortMatch[] | 'all', named: readonly NamedPort[]): readonly Range[] | 'all' {
  if (ports === 'all') return ports
  return ports.flatMap((match) =>
    'from' in match
      ? [match]
      : named
          .filter(
            ({ name, transport }) =>
              name === match.name && (match.transport === undefined || match.transport === transport),
          )
          .map(({ transport, port }) => ({ transport, from: port, to: port })),
  )
}

function isFor({ ports }: MatchedRule, target: Target | undefined): boolean {
  if (ports === 'all') return true
  if (target === undefined) return false
  return ports.some(
    ({ transport, from, to }) => transport === target.transport && from <= target.port && target.port <= to,
  )
}

/** Asks the tiers in their order. */
export function decide(judgement: Judgement, target: Target | undefined): Decision {
  return decideBy(judgement, (rule) => isFor(rule, target))
}

function decideBy(
  { admin, isolating, allowing, baseline, isOwnNode }: Judgement,
  isMeant: (rule: MatchedRule) => boolean,
): Decision {
  const by = (found: MatchedRule): Decision => ({
    allowed: found.rule.action === 'allow',
    by: 'rule',
    rule: { policy: found.policy, rule: found.rule },
  })
  const first = admin.find(isMeant)
  if (first !== undefined && first.rule.action !== 'pass') return by(first)
  if (isolating.length > 0) {
    if (isOwnNode) return { allowed: true, by: 'ownNode' }
    const allows = allowing.find(isMeant)
    return allows === undefined ? { allowed: false, by: 'isolation', isolating } : by(allows)
  }
  const last = baseline.find(isMeant)
  if (last !== undefined && last.rule.action !== 'pass') return by(last)
  return { allowed: true, by: 'nothing' }
}

/** What one pod may have to do with one peer: other traffic, and the ports for which it is different. */
export interface Verdicts {
  /** Of traffic without ports, and of all ports that are not listed. */
  readonly otherwise: boolean
  /** Disjoint, by transport and number; the opposite of `otherwise` holds for them. */
  readonly exceptions: readonly Range[]
  /** The policies by which some of it is dropped: with a rule of theirs, or because they isolate the pod and nothing allows it. */
  readonly deniers: ReadonlySet<Policy>
}

/** All decisions about one peer at once. One walk over the ends of all ranges: a rule may have tens of thousands. */
export function verdictsOf(judgement: Judgement): Verdicts {
  const deniers = new Set<Policy>()
  const isAllowed = ({ allowed, rule, isolating = [] }: Decision): boolean => {
    if (!allowed) for (const policy of rule === undefined ? isolating : [rule.policy]) deniers.add(policy)
    return allowed
  }
  const otherwise = isAllowed(decide(judgement, undefined))
  const rules = [...judgement.admin, ...judgement.allowing, ...judgement.baseline]
  const exceptions: Range[] = []
  for (const transport of transports) {
    /** By the ports where something begins or ends: how many more ranges of a rule are open from there on. */
    const changes = new Map<number, Map<MatchedRule, number>>([[0, new Map()]])
    const change = (port: number, rule: MatchedRule, by: number): void => {
      let found = changes.get(port)
      if (found === undefined) changes.set(port, (found = new Map()))
      found.set(rule, (found.get(rule) ?? 0) + by)
    }
    for (const rule of rules)
      if (rule.ports !== 'all')
        for (const range of rule.ports) {
          if (range.transport !== transport) continue
          change(range.from, rule, 1)
          change(range.to + 1, rule, -1)
        }
    const open = new Map<MatchedRule, number>()
    const isMeant = (rule: MatchedRule): boolean => rule.ports === 'all' || (open.get(rule) ?? 0) > 0
    const places = [...changes.keys()].filter((port) => port <= 65_535).toSorted((a, b) => a - b)
    for (const [at, from] of places.entries()) {
      for (const [rule, by] of changes.get(from)!) open.set(rule, (open.get(rule) ?? 0) + by)
      if (isAllowed(decideBy(judgement, isMeant)) === otherwise) continue
      const to = (places[at + 1] ?? 65_536) - 1
      const last = exceptions.at(-1)
      if (last?.transport === transport && last.to === from - 1) exceptions.splice(-1, 1, { ...last, to })
      else exceptions.push({ transport, from, to })
    }
  }
  return { otherwise, exceptions, deniers }
}
