import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Namespace, NamespaceCondition } from '#api/core/v1/namespace.ts'
import { planNamespace, type Emptying } from './plan.ts'

const now = Date.UTC(2026, 0, 1, 12)
const time = '2026-01-01T12:00:00Z'
const earlier = '2026-01-01T11:59:00Z'

const empty: Emptying = {
  remaining: new Map(),
  finalizers: new Map(),
  discoveryErrors: [],
  deletionErrors: [],
  graceSeconds: 0,
}

const well: readonly NamespaceCondition[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
].map(([type, reason, message]) => ({
  type: type!,
  status: 'False',
  lastTransitionTime: time,
  reason: reason!,
  message: message!,
}))

function namespace(conditions?: readonly NamespaceCondition[]): Namespace {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'a', deletionTimestamp: earlier },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Terminating', ...(conditions === undefined ? {} : { conditions: [...conditions] }) },
  }
}

/** The conditions when all is well, with these instead. */
function wellBut(changes: Readonly<Record<string, Partial<NamespaceCondition>>>, since = time): NamespaceCondition[] {
  return well.map((each) => ({ ...each, lastTransitionTime: since, ...changes[each.type] }))
}

test('an empty namespace may go', () => {
  assert.deepEqual(planNamespace(namespace(), empty, now), {
    status: { phase: 'Terminating', conditions: well },
    finished: true,
    after: 8000,
  })
})

test('what is left is named, and pods are given their time', () => {
  const emptying = {
    ...empty,
    remaining: new Map([
      ['pods.', 2],
      ['deployments.apps', 1],
    ]),
    finalizers: new Map([['example.com/keep', 1]]),
    graceSeconds: 30,
  }
  assert.deepEqual(planNamespace(namespace(wellBut({}, earlier)), emptying, now), {
    status: {
      phase: 'Terminating',
      conditions: wellBut(
        {
          NamespaceContentRemaining: {
            status: 'True',
            lastTransitionTime: time,
            reason: 'SomeResourcesRemain',
            message:
              'Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances',
          },
          NamespaceFinalizersRemaining: {
            status: 'True',
            lastTransitionTime: time,
            reason: 'SomeFinalizersRemain',
            message: 'Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances',
          },
        },
        earlier,
      ),
    },
    finished: false,
    after: 16_000,
  })
})

test('failures keep the namespace', () => {
  const emptying = { ...empty, discoveryErrors: ['metrics.k8s.io/v1beta1: away'], deletionErrors: ['no', 'nor this'] }
  const plan = planNamespace(namespace(), emptying, now)
  assert.equal(plan.finished, false)
  assert.deepEqual(
    plan.status.conditions?.filter(({ status }) => status === 'True').map(({ reason, message }) => [reason, message]),
    [
      ['DiscoveryFailed', 'Discovery failed for some groups, 1 failing: metrics.k8s.io/v1beta1: away'],
      ['ContentDeletionFailed', 'Failed to delete all resource types, 2 remaining: no, nor this'],
    ],
  )
})

test('conditions of others stay', () => {
  const other: NamespaceCondition = { type: 'Mine', status: 'True', reason: 'r', message: 'm' }
  assert.deepEqual(planNamespace(namespace([other]), empty, now).status.conditions, [other, ...well])
})
