import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { isBudgetFor } from './disruptionBudget.ts'

const rows: readonly [string, LabelSelector | undefined, Record<string, string> | undefined, boolean][] = [
  ['pods with its labels', { matchLabels: { app: 'a' } }, { app: 'a', tier: 'b' }, true],
  ['no others', { matchLabels: { app: 'a' } }, { app: 'b' }, false],
  ['all pods when its selector is empty', {}, undefined, true],
  ['no pods without a selector', undefined, { app: 'a' }, false],
]

for (const [name, selector, labels, expected] of rows) {
  test(`a disruption budget is about ${name}`, () => {
    const budget = { metadata: { name: 'b' }, spec: selector === undefined ? {} : { selector } } as PodDisruptionBudget
    assert.equal(isBudgetFor(budget, labels), expected)
  })
}
