import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  amountText,
  evictionProblems,
  thresholdsOf,
  unitsOf,
  usualEviction,
  type EvictionSettings,
} from './thresholds.ts'

test('thresholds: hard ones first, each with what must be reclaimed, without those that say nothing', () => {
  const settings: EvictionSettings = {
    evictionHard: { 'nodefs.available': '5%', 'memory.available': '1024Mi', 'imagefs.available': '0%' },
    evictionSoft: { 'memory.available': '2Gi' },
    evictionSoftGracePeriod: { 'memory.available': '1m30s' },
    evictionMinimumReclaim: { 'memory.available': '0', 'nodefs.available': '500Mi' },
  }
  const nothing = { minimumReclaim: { quantity: '0' } }
  assert.deepEqual(thresholdsOf(settings), [
    { signal: 'memory.available', value: { quantity: '1024Mi' }, grace: 0, ...nothing },
    {
      signal: 'nodefs.available',
      value: { part: Math.fround(0.05) },
      grace: 0,
      minimumReclaim: { quantity: '500Mi' },
    },
    { signal: 'memory.available', value: { quantity: '2Gi' }, grace: 90_000, ...nothing },
  ])
})

test('amounts: parts are read in single precision, and quantities are told as they were written', () => {
  const amounts = thresholdsOf({ evictionHard: { 'nodefs.available': '15%', 'memory.available': '1024Mi' } })
  assert.deepEqual(
    amounts.map(({ value }) => [unitsOf(value, 100e9), amountText(value, 100e9)]),
    [
      [2 ** 30, '1024Mi'],
      [15_000_000_596, '15000000596'],
    ],
  )
})

const quantity = 'it must be a quantity such as 100Mi or a part such as 10%'
const rows: readonly [string, EvictionSettings, readonly string[]][] = [
  ['what is usual', usualEviction, []],
  [
    'no amount',
    { evictionHard: { 'memory.available': 'much' } },
    [`evictionHard memory.available is "much"; ${quantity}`],
  ],
  [
    'less than nothing',
    { evictionHard: { 'memory.available': '-1' } },
    [`evictionHard memory.available is "-1"; ${quantity}`],
  ],
  [
    'nothing',
    { evictionHard: { 'memory.available': '0' } },
    ['evictionHard memory.available is "0"; it must be more than 0'],
  ],
  [
    'more than all',
    { evictionHard: { 'pid.available': '101%' } },
    ['evictionHard pid.available is "101%"; it must be at most 100%'],
  ],
  [
    'a soft one without its grace',
    { evictionSoft: { 'memory.available': '1Gi' } },
    ['evictionSoft memory.available needs a grace period: it must stand in evictionSoftGracePeriod too'],
  ],
  [
    'a grace that is none',
    { evictionSoft: { 'memory.available': '1Gi' }, evictionSoftGracePeriod: { 'memory.available': 'soon' } },
    ['evictionSoftGracePeriod memory.available is "soon"; it must be a duration such as 90s or 1h30m'],
  ],
]
for (const [name, settings, expected] of rows) {
  test(`evictionProblems: ${name}`, () => {
    assert.deepEqual(
      evictionProblems(settings).map(({ path, text }) => `${path.join(' ')} ${text}`),
      expected,
    )
  })
}
