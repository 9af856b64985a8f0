import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderConformance, selectTests } from './conformance.ts'

test('tests of later releases and those that look into pods are left out', () => {
  const of = (name: string, tier: string, release: string) => ({ name, tier, release })
  const all = [
    of('a', 'api', 'v1.9, v1.35'),
    of('b', 'api', 'v1.35'),
    of('c', 'pods', 'v1.9'),
    of('d', 'controllers', 'v1.34'),
  ]
  assert.deepEqual(
    selectTests(all).map(({ name }) => name),
    ['a', 'd'],
  )
})

test('what is shown and what is missing are told apart, with reasons', () => {
  const tests = ['shown', 'no reason', 'reason'].map((name) => ({ name, tier: 'api', release: 'v1.9' }))
  const text = renderConformance(tests, new Map([['shown', 'a.test.ts']]), { reason: 'there is no such kind' })
  assert.deepEqual(
    text.split('\n').filter((line) => /^(Shown|\| (shown|no|reason))/.test(line)),
    [
      'Shown: 1 of 3 of tier `api`, 0 of 0 of tier `controllers`, 0 of 0 of tier `controllers+pods`, 0 of 0 of tier `scheduler+pods`, 0 of 0 of tier `pods+network`.',
      '| shown | api | v1.9 | `a.test.ts` |',
      '| no reason | api | v1.9 | no test yet |',
      '| reason | api | v1.9 | there is no such kind |',
    ],
  )
})
