import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/policy/v1/podDisruptionBudget.ts'
import { ruleOnEviction } from './disruption.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const pod = (ready: boolean, phase = 'Running', metadata: object = {}): Pod =>
  ({
    metadata: { name: 'p', namespace: 'n', labels: { app: 'a' }, ...metadata },
    spec: { containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod
const budget = (status: Partial<PodDisruptionBudgetStatus>, spec: object = {}, name = 'b'): PodDisruptionBudget =>
  ({
    metadata: { name, namespace: 'n', generation: 1 },
    spec: { selector: { matchLabels: { app: 'a' } }, ...spec },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 2,
      desiredHealthy: 2,
      expectedPods: 2,
      ...status,
    },
  }) as unknown as PodDisruptionBudget

const text = "Cannot evict pod as it would violate the pod's disruption budget."

const rows: readonly {
  readonly name: string
  readonly pod: Pod
  readonly budgets: readonly PodDisruptionBudget[]
  /** What it may do, or code and words of the refusal. */
  readonly is: string
}[] = [
  { name: 'without a budget', pod: pod(true), budgets: [], is: 'delete' },
  {
    name: 'with a budget for others',
    pod: pod(true),
    budgets: [budget({}, { selector: { matchLabels: { app: 'x' } } })],
    is: 'delete',
  },
  { name: 'with a budget for nobody', pod: pod(true), budgets: [budget({}, { selector: undefined })], is: 'delete' },
  {
    name: 'with a budget for everybody',
    pod: pod(true),
    budgets: [budget({}, { selector: {} })],
    is: `429 ${text} The disruption budget b needs 2 healthy pods and has 2 currently`,
  },
  {
    name: 'of which nothing is left',
    pod: pod(true),
    budgets: [budget({})],
    is: `429 ${text} The disruption budget b needs 2 healthy pods and has 2 currently`,
  },
  {
    name: 'that allows one',
    pod: pod(true),
    budgets: [budget({ disruptionsAllowed: 1 })],
    is: 'spend 0 InsufficientPods p',
  },
  { name: 'that allows two', pod: pod(true), budgets: [budget({ disruptionsAllowed: 2 })], is: 'spend 1  p' },
  {
    name: 'that was not counted since it changed',
    pod: pod(true),
    budgets: [budget({ disruptionsAllowed: 1, observedGeneration: 0 })],
    is: `429 ${text} The disruption budget b is still being processed by the server. retry 10`,
  },
  {
    name: 'that could not be counted',
    pod: pod(true),
    budgets: [
      budget({
        conditions: [
          { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'no', lastTransitionTime: '' },
        ],
      }),
    ],
    is: `429 ${text} The disruption budget b does not allow evicting pods currently because it failed sync: no`,
  },
  {
    name: 'with two budgets',
    pod: pod(true),
    budgets: [budget({}), budget({}, {}, 'c')],
    is: '500 This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
  },
  { name: 'that is not ready while enough others are', pod: pod(false), budgets: [budget({})], is: 'deleteUnchanged' },
  {
    name: 'that is not ready while too few are',
    pod: pod(false),
    budgets: [budget({ currentHealthy: 1 })],
    is: `429 ${text} The disruption budget b needs 2 healthy pods and has 1 currently`,
  },
  {
    name: 'that is not ready and may always go',
    pod: pod(false),
    budgets: [budget({ currentHealthy: 1 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })],
    is: 'deleteUnchanged',
  },
  { name: 'that has finished', pod: pod(false, 'Succeeded'), budgets: [budget({ currentHealthy: 0 })], is: 'delete' },
  {
    name: 'that waits for its node',
    pod: pod(false, 'Pending'),
    budgets: [budget({ currentHealthy: 0 })],
    is: 'deleteUnchanged',
  },
  {
    name: 'that is going already',
    pod: pod(true, 'Running', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    budgets: [budget({})],
    is: 'delete',
  },
]

for (const { name, pod: evicted, budgets, is } of rows) {
  test(`eviction of a pod ${name}`, () => {
    const ruling = ruleOnEviction(evicted, budgets, now)
    if ('refused' in ruling) {
      const { code, message, details } = ruling.refused.status
      const cause = details?.causes?.[0]
      const retry = details?.retryAfterSeconds === undefined ? '' : ` retry ${details.retryAfterSeconds}`
      assert.equal(`${code} ${message}${cause === undefined ? '' : ` ${cause.message}`}${retry}`, is)
    } else if (ruling.may === 'spend') {
      const { disruptionsAllowed, conditions, disruptedPods } = ruling.status
      assert.equal(`spend ${disruptionsAllowed} ${conditions?.[0]?.reason ?? ''} ${Object.keys(disruptedPods!)}`, is)
    } else assert.equal(ruling.may, is)
  })
}
