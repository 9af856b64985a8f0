import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  addressProblems,
  blockProblems,
  noAddress,
  olderAddressProblems,
  olderBlockProblems,
  olderBlockWarnings,
} from './addresses.ts'

const noBlock = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

describe('an address in its one form', () => {
  const rows: readonly [string, readonly string[]][] = [
    ['10.0.0.1', []],
    ['2001:db8::1', []],
    ['10.0.0', ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['010.0.0.1', ['must not have leading 0s']],
    ['::ffff:10.0.0.1', ['must not be an IPv4-mapped IPv6 address']],
    ['2001:DB8:0::1', ['must be in canonical form ("2001:db8::1")']],
  ]
  for (const [text, expected] of rows) test(text, () => assert.deepEqual(addressProblems(text), expected))
})

describe('an address in an older field', () => {
  const rows: readonly [string, readonly string[]][] = [
    ['10.0.0.1', []],
    ['010.0.0.01', []],
    ['2001:DB8:0::1', []],
    ['::ffff:10.0.0.1', []],
    ['10.0.0', [noAddress]],
    ['10.0.0.1/8', [noAddress]],
    ['fe80::1%eth0', [noAddress]],
    ['', [noAddress]],
  ]
  for (const [text, expected] of rows) test(`"${text}"`, () => assert.deepEqual(olderAddressProblems(text), expected))
})

describe('a block in its one form', () => {
  const rows: readonly [string, readonly string[]][] = [
    ['10.0.0.0/8', []],
    ['0.0.0.0/0', []],
    ['2001:db8::/64', []],
    ['10.0.0.0', [noBlock]],
    ['10.0.0.0/33', [noBlock]],
    ['10.0.0.0/8/8', [noBlock]],
    ['10.000.0.0/8', ['must not have leading 0s in IP or prefix length']],
    ['10.0.0.0/08', ['must not have leading 0s in IP or prefix length']],
    ['::ffff:10.0.0.0/104', ['must not have an IPv4-mapped IPv6 address']],
    ['10.0.0.1/8', ['must not have bits set beyond the prefix length']],
    ['2001:DB8::/64', ['must be in canonical form ("2001:db8::/64")']],
  ]
  for (const [text, expected] of rows) test(text, () => assert.deepEqual(blockProblems(text), expected))
})

describe('a block in an older field', () => {
  const rows: readonly [string, readonly string[], readonly string[]][] = [
    ['10.0.0.0/8', [], []],
    ['x', [noBlock], []],
    [
      '10.0.0.1/8',
      [],
      ['f: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)'],
    ],
    [
      '010.0.0.0/8',
      [],
      [
        'f: non-standard CIDR value "010.0.0.0/8" will be considered invalid in a future Kubernetes release: use "10.0.0.0/8"',
      ],
    ],
    [
      '2001:DB8::/64',
      [],
      ['f: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")'],
    ],
  ]
  for (const [text, problems, warnings] of rows) {
    test(text, () => {
      assert.deepEqual(olderBlockProblems(text), problems)
      assert.deepEqual(olderBlockWarnings(text, 'f'), warnings)
    })
  }
})
