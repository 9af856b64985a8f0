import type { Namespace, NamespaceCondition, NamespaceStatus } from '#api/core/v1/namespace.ts'
import { timeText } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'

/** What an attempt to empty a namespace found. */
export interface Emptying {
  /** Resources as `plural.group` (a core resource ends in a dot) with how many objects are left. */
  readonly remaining: ReadonlyMap<string, number>
  /** Finalizers with how many objects wait for them. */
  readonly finalizers: ReadonlyMap<string, number>
  /** Why resources could not be found out about. */
  readonly discoveryErrors: readonly string[]
  /** Why objects could not be deleted. */
  readonly deletionErrors: readonly string[]
  /** Seconds that pods were given to end. */
  readonly graceSeconds: number
}

export interface NamespacePlan {
  readonly status: NamespaceStatus
  /** Nothing is left: the namespace may go. */
  readonly finished: boolean
  /** Otherwise, when to try again. */
  readonly after: number
}

/** Seconds to wait for finalizers of others. */
const finalizerSeconds = 15

/** Decides what a namespace that is being deleted says of itself, and whether it is empty. */
export function planNamespace(namespace: Namespace, emptying: Emptying, now: number): NamespacePlan {
  const { remaining, discoveryErrors, deletionErrors, graceSeconds } = emptying
  const failures = failuresOf(emptying)
  const before = namespace.status?.conditions ?? []
  const conditions = before.map((condition) => updated(condition, failures.get(condition.type), now))
  for (const type of Object.keys(successes)) {
    if (conditionOf(before, type) === undefined) conditions.push(conditionFor(type, failures.get(type), now))
  }
  const failed = discoveryErrors.length > 0 || deletionErrors.length > 0
  const finished = !failed && remaining.size === 0
  const seconds = graceSeconds > 0 ? graceSeconds : finalizerSeconds
  return {
    status: { ...namespace.status, phase: 'Terminating', conditions },
    finished,
    after: (Math.trunc(seconds / 2) + 1) * 1000,
  }
}

interface Words {
  readonly reason: string
  readonly message: string
}

/** The conditions of a namespace that is being deleted, in their order, with what they say when all is well. */
const successes: Readonly<Record<string, Words>> = {
  NamespaceDeletionDiscoveryFailure: {
    reason: 'ResourcesDiscovered',
    message: 'All resources successfully discovered',
  },
  NamespaceDeletionGroupVersionParsingFailure: {
    reason: 'ParsedGroupVersions',
    message: 'All legacy kube types successfully parsed',
  },
  NamespaceDeletionContentFailure: {
    reason: 'ContentDeleted',
    message: 'All content successfully deleted, may be waiting on finalization',
  },
  NamespaceContentRemaining: { reason: 'ContentRemoved', message: 'All content successfully removed' },
  NamespaceFinalizersRemaining: {
    reason: 'ContentHasNoFinalizers',
    message: 'All content-preserving finalizers finished',
  },
}

function failuresOf({ remaining, finalizers, discoveryErrors, deletionErrors }: Emptying): Map<string, Words> {
  const failures = new Map<string, Words>()
  if (discoveryErrors.length > 0) {
    const message = `Discovery failed for some groups, ${discoveryErrors.length} failing: ${discoveryErrors.join(', ')}`
    failures.set('NamespaceDeletionDiscoveryFailure', { reason: 'DiscoveryFailed', message })
  }
  if (deletionErrors.length > 0) {
    const message = `Failed to delete all resource types, ${deletionErrors.length} remaining: ${deletionErrors.join(', ')}`
    failures.set('NamespaceDeletionContentFailure', { reason: 'ContentDeletionFailed', message })
  }
  if (remaining.size > 0) {
    const list = [...remaining].map(([resource, count]) => `${resource} has ${count} resource instances`)
    const message = `Some resources are remaining: ${list.toSorted().join(', ')}`
    failures.set('NamespaceContentRemaining', { reason: 'SomeResourcesRemain', message })
  }
  if (finalizers.size > 0) {
    const list = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
    const message = `Some content in the namespace has finalizers remaining: ${list.toSorted().join(', ')}`
    failures.set('NamespaceFinalizersRemaining', { reason: 'SomeFinalizersRemain', message })
  }
  return failures
}

function conditionFor(type: string, failure: Words | undefined, now: number): NamespaceCondition {
  const words = failure ?? successes[type]!
  return { type, status: failure === undefined ? 'False' : 'True', lastTransitionTime: timeText(now), ...words }
}

function updated(condition: NamespaceCondition, failure: Words | undefined, now: number): NamespaceCondition {
  if (successes[condition.type] === undefined) return condition
  const fresh = conditionFor(condition.type, failure, now)
  const { status, lastTransitionTime } = condition
  return fresh.status === status && lastTransitionTime !== undefined ? { ...fresh, lastTransitionTime } : fresh
}
