import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationOf, durationText } from './durationText.ts'

for (const [milliseconds, text] of [
  [0, '0s'],
  [250, '250ms'],
  [15_000, '15s'],
  [15_021, '15.021s'],
  [75_500, '1m15.5s'],
  [60_000, '1m0s'],
  [7_200_000, '2h0m0s'],
] as const) {
  test(`${milliseconds} ms is ${text}, and back`, () => {
    assert.equal(durationText(milliseconds), text)
    assert.equal(durationOf(text), milliseconds)
  })
}

test('finer spans are read too', () => {
  assert.equal(durationOf('1.5ms250us'), 1.75)
  assert.equal(durationOf('14.8s'), 14_800)
})
