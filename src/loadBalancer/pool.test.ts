import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ipBytes } from '#lib/net/ip.ts'
import { firstFree, formatPool, parsePool, poolBlocks, poolFamilies, poolHas, type Pool } from './pool.ts'

const pool = (text: string): Pool => {
  const read = parsePool(text)
  assert.ok(typeof read !== 'string', String(read))
  return read
}

describe('a pool is read', () => {
  const shape = 'it must be ranges such as 192.0.2.200-192.0.2.250 or 192.0.2.0/28, separated by commas'
  const rows: readonly [string, string][] = [
    ['192.0.2.200-192.0.2.250', '192.0.2.200-192.0.2.250'],
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.0/28', '192.0.2.1-192.0.2.14'],
    ['192.0.2.8/31', '192.0.2.8-192.0.2.9'],
    ['192.0.2.8/32', '192.0.2.8'],
    ['192.0.2.8 - 192.0.2.9, 2001:DB8::10-2001:db8::1f', '192.0.2.8-192.0.2.9,2001:db8::10-2001:db8::1f'],
    ['2001:db8::/126', '2001:db8::1-2001:db8::3'],
  ]
  for (const [text, expected] of rows) test(text, () => assert.equal(formatPool(pool(text)), expected))
  const wrong: readonly [string, string][] = [
    ['', shape],
    ['192.0.2.1-', shape],
    ['192.0.2.1-2', shape],
    ['192.0.2.1-2001:db8::1', shape],
    ['192.0.2.1-192.0.2.2-192.0.2.3', shape],
    ['192.0.2.9-192.0.2.8', 'the range 192.0.2.9-192.0.2.8 ends before it begins'],
    ['192.0.2.0/28,192.0.2.14', 'the range 192.0.2.14 overlaps 192.0.2.1-192.0.2.14'],
    [Array.from({ length: 17 }, (_, index) => `192.0.2.${index}`).join(), 'it must be no more than 16 ranges'],
    ['1'.repeat(1025), 'it must be no longer than 1024 characters'],
  ]
  for (const [text, problem] of wrong) test(`not ${text.slice(0, 40)}`, () => assert.equal(parsePool(text), problem))
})

test('addresses are handed out in order, by family', () => {
  const both = pool('192.0.2.8-192.0.2.9,192.0.2.20,2001:db8::5-2001:db8::6')
  const used = new Set<string>()
  const take = (family: 4 | 6): string | undefined => {
    const address = firstFree(both, family, (one) => used.has(one))
    if (address !== undefined) used.add(address)
    return address
  }
  assert.deepEqual([take(4), take(4), take(4), take(4)], ['192.0.2.8', '192.0.2.9', '192.0.2.20', undefined])
  assert.deepEqual([take(6), take(6), take(6)], ['2001:db8::5', '2001:db8::6', undefined])
  assert.deepEqual([...poolFamilies(both)], [4, 6])
  assert.equal(poolHas(both, ipBytes('192.0.2.9')), true)
  assert.equal(poolHas(both, ipBytes('192.0.2.10')), false)
  assert.equal(poolHas(both, ipBytes('2001:db8::6')), true)
})

test('a pool is told as blocks that are exactly it', () => {
  assert.deepEqual(poolBlocks(pool('192.0.2.200-192.0.2.250')), [
    '192.0.2.200/29',
    '192.0.2.208/28',
    '192.0.2.224/28',
    '192.0.2.240/29',
    '192.0.2.248/31',
    '192.0.2.250/32',
  ])
  assert.deepEqual(poolBlocks(pool('2001:db8::4-2001:db8::7')), ['2001:db8::4/126'])
})
