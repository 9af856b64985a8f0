/** Why a connection is let through or dropped, and what would change that: from the same decisions as the tables, without a kernel. */
import type { Cause, CauseSubject } from '#client/causes.ts'
import type { Ip } from '#lib/net/ip.ts'

import { decide, judgePeer } from './decision.ts'
import type { Decision, Target } from './decision.ts'
import { comparePolicies, holdersOf, matchesPeer, policiesOf } from './facts.ts'
import type { Address, ClusterFacts, NodeFacts, PodFacts } from './facts.ts'
import { policyName } from './policy.ts'
import type { Direction, Peer, Policy } from './policy.ts'

/** One end of a connection: an address, with whoever has it. */
export interface Endpoint {
  readonly address: Address
  readonly pod?: PodFacts
  readonly node?: NodeFacts
}

/** What policies say of one end of a connection. */
export interface DirectionVerdict {
  readonly direction: Direction
  readonly allowed: boolean
  readonly cause: Cause
}

export interface ConnectionVerdict {
  readonly allowed: boolean
  /** Of the sender first; only for ends that are pods. Both must allow. */
  readonly verdicts: readonly DirectionVerdict[]
}

/** Finds who has an address. */
export function endpointOf(facts: ClusterFacts, address: Address): Endpoint {
  const pod = holdersOf(facts.pods).byAddress.get(address.text)
  if (pod !== undefined) return { address, pod }
  for (const node of facts.nodes) if (node.addresses.some(({ text }) => text === address.text)) return { address, node }
  return { address }
}

/** Judges the first packet of a connection; `target` is absent for traffic without ports, such as ICMP. */
export function explainConnection(
  facts: ClusterFacts,
  { from, to, target }: { readonly from: Endpoint; readonly to: Endpoint; readonly target?: Target },
): ConnectionVerdict {
  const verdicts = [
    explainDirection(facts, 'egress', from, to, target),
    explainDirection(facts, 'ingress', to, from, target),
  ].filter((verdict) => verdict !== undefined)
  return { allowed: verdicts.every(({ allowed }) => allowed), verdicts }
}

function explainDirection(
  facts: ClusterFacts,
  direction: Direction,
  own: Endpoint,
  other: Endpoint,
  target: Target | undefined,
): DirectionVerdict | undefined {
  const { pod } = own
  if (pod === undefined) return undefined
  const subject = podSubject(pod)
  const verdict = (allowed: boolean, cause: Cause): DirectionVerdict => ({ direction, allowed, cause })
  const what = `${subjectName(pod)} ${direction === 'egress' ? 'to' : 'from'} ${describeEndpoint(other)}${describeTarget(target)}`
  if (other.pod === pod)
    return verdict(true, { reason: 'Itself', message: `${what}: a pod may always reach itself`, involves: [subject] })
  const isOwnNode = other.node !== undefined && other.node.name === pod.node
  if (isOwnNode && direction === 'ingress')
    return verdict(true, {
      reason: 'OwnNode',
      message: `${what}: the node of a pod may always reach it`,
      involves: [subject],
    })
  const policies = policiesOf(facts.policies.toSorted(comparePolicies), direction, pod, facts.namespaces)
  const view = {
    matches: (peer: Peer): boolean => matchesPeer(peer, { ip: ipOf(other), ...holderOf(other) }, facts.namespaces),
    ports: other.pod?.ports ?? [],
    isOwnNode,
  }
  const decision = decide(judgePeer({ direction, policies, ports: pod.ports }, view), target)
  return verdict(decision.allowed, {
    ...causeOf(decision, direction, what),
    involves: [subject, ...involved(decision)],
  })
}

const ipOf = ({ address }: Endpoint): Ip => address.ip
const holderOf = ({ pod, node }: Endpoint) => ({
  ...(pod === undefined ? {} : { pod }),
  ...(node === undefined ? {} : { node }),
})
const subjectName = ({ namespace, name }: PodFacts): string => `pod ${namespace}/${name}`
const podSubject = ({ namespace, name }: PodFacts): CauseSubject => ({ kind: 'Pod', namespace, name })

function describeEndpoint({ address, pod, node }: Endpoint): string {
  if (pod !== undefined) return `${subjectName(pod)} (${address.text})`
  return node === undefined ? address.text : `node ${node.name} (${address.text})`
}

const describeTarget = (target: Target | undefined): string =>
  target === undefined ? ', without a port' : `, ${target.transport.toUpperCase()} port ${target.port}`

function involved({ rule, isolating = [] }: Decision): readonly CauseSubject[] {
  return (rule === undefined ? isolating : [rule.policy]).map(({ kind, namespace, name }) => ({
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
  }))
}

const names = (policies: readonly Policy[]): string => policies.map(policyName).join(', ')

function causeOf(decision: Decision, direction: Direction, what: string): Cause {
  const { by, allowed, rule, isolating = [] } = decision
  if (by === 'nothing') return { reason: 'NoPolicy', message: `${what}: no policy says anything of it` }
  if (by === 'ownNode') return { reason: 'OwnNode', message: `${what}: a pod may always reach its node` }
  if (by === 'isolation')
    return {
      reason: 'NotAllowed',
      message: `${what}: isolated for ${direction} by ${names(isolating)}, and no rule of ${isolating.length === 1 ? 'it' : 'these'} allows it`,
      remedy: `add an ${direction} rule that allows it to ${policyName(isolating[0]!)}, or another NetworkPolicy in its namespace with such a rule`,
    }
  const { policy, rule: found } = rule!
  const title = found.name === undefined || found.name === '' ? '' : ` "${found.name}"`
  const place = `${direction} rule ${found.index}${title} of ${policyName(policy)}`
  if (allowed) return { reason: 'AllowedByRule', message: `${what}: ${place} allows it` }
  return {
    reason: 'DeniedByRule',
    message: `${what}: ${place} denies it`,
    remedy:
      policy.tier === 'baseline'
        ? `change the rule, or select the pod by a NetworkPolicy that allows it`
        : `change the rule, or allow it in a rule before it or in a policy with a priority below ${policy.priority}`,
  }
}
