import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { failedStatus, planBudget, selectorText, staleAfter } from './plan.ts'

const start = '2026-01-01T00:00:00Z'
const now = Date.parse(start)
const before = (ms: number): string => new Date(now - ms).toISOString().replace('.000Z', 'Z')

const pod = (name: string, ready = true, metadata: object = {}): Pod =>
  ({
    metadata: { name, ...metadata },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod
const budget = (spec: object, status?: object): PodDisruptionBudget =>
  ({ metadata: { name: 'b', generation: 1 }, spec, ...(status && { status }) }) as PodDisruptionBudget
const three = [pod('a'), pod('b'), pod('c')]

const rows: readonly {
  readonly name: string
  readonly budget: PodDisruptionBudget
  readonly pods: readonly Pod[]
  readonly scale?: number
  /** Allowed, current, desired, expected. */
  readonly is: string
  readonly disrupted?: readonly string[]
  readonly after?: number
  readonly overdue?: readonly string[]
}[] = [
  { name: 'a number that must stay', budget: budget({ minAvailable: 2 }), pods: three, is: '1 3 2 3' },
  { name: 'more than there are', budget: budget({ minAvailable: 5 }), pods: three, is: '0 3 5 3' },
  {
    name: 'a share that must stay, rounded up',
    budget: budget({ minAvailable: '50%' }),
    pods: three,
    scale: 5,
    is: '0 3 3 5',
  },
  { name: 'a number that may be away', budget: budget({ maxUnavailable: 1 }), pods: three, scale: 3, is: '1 3 2 3' },
  {
    name: 'a share that may be away, rounded up',
    budget: budget({ maxUnavailable: '10%' }),
    pods: three,
    scale: 3,
    is: '1 3 2 3',
  },
  { name: 'more away than there are', budget: budget({ maxUnavailable: 9 }), pods: three, scale: 3, is: '3 3 0 3' },
  { name: 'no pods', budget: budget({ minAvailable: 0 }), pods: [], is: '0 0 0 0' },
  {
    name: 'pods that are not ready or going',
    budget: budget({ minAvailable: 1 }),
    pods: [pod('a', false), pod('b'), pod('c', true, { deletionTimestamp: start })],
    is: '0 1 1 3',
  },
  {
    name: 'evictions that were granted',
    budget: budget({ minAvailable: 1 }, { disruptedPods: { a: before(1_000), gone: start, b: before(130_000) } }),
    pods: three,
    is: '1 2 1 3',
    disrupted: ['a'],
    after: 119_000,
    overdue: ['b'],
  },
]

for (const { name, budget: given, pods, scale = 0, is, disrupted = [], after, overdue = [] } of rows) {
  test(`a budget counts ${name}`, () => {
    const plan = planBudget(given, pods, scale, now)
    const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods, ...status } = plan.status!
    assert.equal([disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods].join(' '), is)
    assert.deepEqual(Object.keys(status.disruptedPods ?? {}), disrupted)
    assert.deepEqual(
      plan.overdue.map(({ metadata }) => metadata.name),
      overdue,
    )
    assert.equal(plan.after, after)
    const isAllowed = disruptionsAllowed > 0
    assert.deepEqual(status.conditions, [
      {
        type: 'DisruptionAllowed',
        status: isAllowed ? 'True' : 'False',
        observedGeneration: 1,
        lastTransitionTime: start,
        reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
        message: '',
      },
    ])
  })
}

test('a budget that is right is not written', () => {
  const given = budget({ minAvailable: 2 })
  const { status } = planBudget(given, three, 0, now)
  assert.equal(planBudget({ ...given, status: status! }, three, 0, now + 60_000).status, undefined)
})

test('a budget that cannot be counted allows nothing and says why', () => {
  const status = failedStatus(budget({}, { disruptionsAllowed: 2, currentHealthy: 3 }), 'no owner', now)
  assert.deepEqual([status.disruptionsAllowed, status.currentHealthy], [0, 3])
  assert.deepEqual([status.conditions![0]!.reason, status.conditions![0]!.message], ['SyncFailed', 'no owner'])
})

test('what a pod says of its end is stale after two minutes, but for kubelets', () => {
  const saying = (reason: string, since: number, metadata: object = {}): Pod =>
    ({
      metadata,
      status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: before(since) }] },
    }) as unknown as Pod
  assert.equal(staleAfter(saying('EvictionByEvictionAPI', 30_000), now), 90_000)
  assert.equal(staleAfter(saying('EvictionByEvictionAPI', 300_000), now), 0)
  assert.equal(staleAfter(saying('TerminationByKubelet', 300_000), now), undefined)
  assert.equal(staleAfter(saying('EvictionByEvictionAPI', 0, { deletionTimestamp: start }), now), undefined)
})

test('selectors are written as in Go', () => {
  assert.equal(
    selectorText({
      matchLabels: { b: '2', a: '1' },
      matchExpressions: [{ key: 'k', operator: 'In', values: ['x', 'y'] }],
    }),
    '&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}',
  )
})
