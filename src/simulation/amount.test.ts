import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { averageOf, readAmount, type Amount } from './amount.ts'

const read = (text: string): Amount => {
  const amount = readAmount(text)
  if ('problem' in amount) throw new Error(amount.problem)
  return amount
}
const hour = 3_600_000

describe('amounts', () => {
  for (const [text, ...values] of [
    ['250m', [0, 250], [hour, 250]],
    ['64Mi', [0, 64 * 2 ** 20 * 1000]],
    ['0s=100m, 5m=900m, 10m=0', [0, 100], [150_000, 500], [300_000, 900], [600_000, 0], [hour, 0]],
    ['1m=2, 1m=3', [0, 2000], [59_999, 2000], [60_000, 3000]],
    ['100m..900m every 24h', [0, 100], [6 * hour, 500], [12 * hour, 900], [24 * hour, 100]],
  ] as const) {
    test(text, () => {
      for (const [at, is] of values) assert.equal(Math.round(read(text).at(at, at)), is)
    })
  }
  for (const text of [
    '',
    'much',
    '-1',
    '5m',
    '5m=',
    '10m=1, 5m=2',
    '1=2=3',
    '1..2 every 0',
    '1..2 every day',
    'x'.repeat(20_000),
  ]) {
    test(`not ${JSON.stringify(text.slice(0, 20))}`, () => {
      const found = readAmount(text)
      // 5m is five thousandths.
      assert.equal('problem' in found, text !== '5m')
    })
  }
})

test('an average is exact where it goes straight', () => {
  assert.equal(averageOf(read('0s=0, 10m=1'), 0, 0, 600_000), 500)
  assert.equal(averageOf(read('3'), 1_000, 2_000, 5_000), 3_000)
})
