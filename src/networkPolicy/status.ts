/**
 * What nodes say in the status of admin policies. The API asks for conditions and names none; the implementation that writes
 * any has one of each zone, `Ready-In-Zone-ZONE` with the reason `SetupSucceeded` or `SetupFailed`. Here each node is a zone.
 */
import type { Condition } from '#api/meta/v1/condition.ts'

import { findProblems } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'

const prefix = 'Ready-In-Zone-'

/** What became of one generation of a policy on a node. */
export interface Outcome {
  readonly generation: number
  /** Whether the node's kernel has been told of it. */
  readonly isApplied: boolean
}

export interface StatusInput {
  readonly node: string
  readonly outcome: Outcome
  /** RFC 3339, in seconds. */
  readonly now: string
  /** Whether there is such a node no more, so that what it said is to be removed; never when absent. */
  readonly isGone?: (node: string) => boolean
}

/** All conditions of a policy as they should be; nothing when they are. */
export function planConditions(policy: AdminPolicy, input: StatusInput): readonly Condition[] | undefined {
  const { node, outcome, now, isGone } = input
  const before = policy.status?.conditions ?? []
  const type = `${prefix}${node}`
  const own = before.find((each) => each.type === type)
  const next = conditionOf(policy, type, outcome, now)
  const isSame =
    own?.status === next.status &&
    own.reason === next.reason &&
    own.message === next.message &&
    own.observedGeneration === next.observedGeneration
  const said = isSame
    ? own
    : own?.status === next.status
      ? { ...next, lastTransitionTime: own.lastTransitionTime }
      : next
  const kept = before.filter(
    (each) => !each.type.startsWith(prefix) || isGone?.(each.type.slice(prefix.length)) !== true,
  )
  if (isSame && kept.length === before.length) return undefined
  return own === undefined ? [...kept, said] : kept.map((each) => (each === own ? said : each))
}

function conditionOf(policy: AdminPolicy, type: string, { generation, isApplied }: Outcome, now: string): Condition {
  const problems = findProblems(policy)
  const isReady = isApplied && problems.length === 0
  return {
    type,
    status: isReady ? 'True' : 'False',
    observedGeneration: generation,
    lastTransitionTime: now,
    reason: isReady ? 'SetupSucceeded' : 'SetupFailed',
    message: !isApplied
      ? 'The kernel of the node did not take the rules; what was in force before still is. The log of the node says why'
      : isReady
        ? 'The rules of the policy are in force on the node'
        : `In force on the node, but for what it does not understand: ${problems.slice(0, 5).join('; ')}`,
  }
}
