import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withCondition } from './conditions.ts'

const old = {
  type: 'Ready',
  status: 'True',
  reason: 'Up',
  message: 'up',
  lastTransitionTime: 'before',
  observedGeneration: 1,
}
const other = { ...old, type: 'Other' }
const now = { ...old, lastTransitionTime: 'now' }

const rows: readonly (readonly [name: string, condition: typeof old, expected: readonly (typeof old)[]])[] = [
  ['the same again changes nothing', now, [other, old]],
  [
    'another status is a transition',
    { ...now, status: 'False' },
    [other, { ...old, status: 'False', lastTransitionTime: 'now' }],
  ],
  ['another message is none', { ...now, message: 'well' }, [other, { ...old, message: 'well' }]],
  ['what was observed is told', { ...now, observedGeneration: 2 }, [other, { ...old, observedGeneration: 2 }]],
  ['another type is added', { ...now, type: 'New' }, [other, old, { ...now, type: 'New' }]],
]
for (const [name, condition, expected] of rows) {
  test(`condition: ${name}`, () => assert.deepEqual(withCondition([other, old], condition), expected))
}

test('condition: callers see by identity that nothing changed', () => {
  const list = [other, old]
  assert.equal(withCondition(list, now), list)
})
