import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { scaledValue, scaledValueOrZero } from './intOrString.ts'

describe('numbers or percentages', () => {
  const rows: readonly (readonly [string | number, number, number | 'problem', number | 'problem'])[] = [
    [3, 10, 3, 3],
    ['25%', 10, 3, 2],
    ['0%', 10, 0, 0],
    ['100%', 7, 7, 7],
    ['150%', 3, 5, 4],
    ['many', 10, 'problem', 'problem'],
    ['10', 10, 'problem', 'problem'],
    ['a%', 10, 'problem', 'problem'],
  ]
  for (const [value, total, up, down] of rows) {
    it(`scales ${value} of ${total}`, () => {
      const plain = (result: ReturnType<typeof scaledValue>) => (typeof result === 'number' ? result : 'problem')
      assert.deepEqual([plain(scaledValue(value, total, 'up')), plain(scaledValue(value, total, 'down'))], [up, down])
    })
  }

  it('counts text that is no percentage as zero where asked', () => {
    assert.equal(scaledValueOrZero('x', 5, 'up'), 0)
  })
})
