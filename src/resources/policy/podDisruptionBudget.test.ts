import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/policy/v1/podDisruptionBudget.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { podDisruptionBudgetStrategy } from './podDisruptionBudget.ts'

const counts = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
const rows: readonly [string, PodDisruptionBudgetStatus, readonly string[]][] = [
  ['as it should be', counts, []],
  [
    'below nought',
    { ...counts, disruptionsAllowed: -1, expectedPods: -1 },
    [
      'status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0',
      'status.expectedPods: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'a fact without a reason',
    {
      ...counts,
      conditions: [{ type: 'A', status: 'True', reason: '', message: '', lastTransitionTime: '2025-01-01T00:00:00Z' }],
    },
    ['status.conditions[0].reason: Required value'],
  ],
]
for (const [name, status, expected] of rows) {
  test(`the status of a budget: ${name}`, () => {
    const budget: PodDisruptionBudget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec: {},
      status,
    }
    const { validate } = podDisruptionBudgetStrategy.subresources!['status']!
    assert.deepEqual(
      refusals((report) => validate!(budget, budget, report, servingContext)),
      expected,
    )
  })
}
