import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRelieved, noPressure, planPressure } from './planPressure.ts'
import type { SignalName } from './signals.ts'
import { thresholdsOf, type EvictionSettings } from './thresholds.ts'

/** One look: seconds since the beginning, what is left of each hundred, then the conditions and what is acted on. */
type Look = readonly [number, Partial<Record<SignalName, number>>, string, string]

const rows: readonly (readonly [string, EvictionSettings, readonly Look[]])[] = [
  [
    'a hard threshold is acted on at once, and its condition stays for a while',
    { evictionHard: { 'memory.available': '10' } },
    [
      [0, { 'memory.available': 10 }, '', ''],
      [10, { 'memory.available': 9 }, 'MemoryPressure', 'memory.available'],
      [20, { 'memory.available': 10 }, 'MemoryPressure', ''],
      [309, { 'memory.available': 50 }, 'MemoryPressure', ''],
      [310, { 'memory.available': 50 }, '', ''],
    ],
  ],
  [
    'a soft threshold is told at once and acted on after its grace, which begins anew after a break',
    { evictionSoft: { 'nodefs.available': '20%' }, evictionSoftGracePeriod: { 'nodefs.available': '30s' } },
    [
      [0, { 'nodefs.available': 19 }, 'DiskPressure', ''],
      [29, { 'nodefs.available': 19 }, 'DiskPressure', ''],
      [30, { 'nodefs.available': 19 }, 'DiskPressure', 'nodefs.available'],
      [40, { 'nodefs.available': 20 }, 'DiskPressure', ''],
      [50, { 'nodefs.available': 19 }, 'DiskPressure', ''],
      [80, { 'nodefs.available': 19 }, 'DiskPressure', 'nodefs.available'],
    ],
  ],
  [
    'once acted on, more than the minimum must be reclaimed',
    { evictionHard: { 'nodefs.available': '10' }, evictionMinimumReclaim: { 'nodefs.available': '20' } },
    [
      [0, { 'nodefs.available': 11 }, '', ''],
      [10, { 'nodefs.available': 9 }, 'DiskPressure', 'nodefs.available'],
      [20, { 'nodefs.available': 29 }, 'DiskPressure', 'nodefs.available'],
      [30, { 'nodefs.available': 30 }, 'DiskPressure', ''],
      [40, { 'nodefs.available': 29 }, 'DiskPressure', ''],
    ],
  ],
  [
    'memory comes before disks and processes; what cannot be seen is not short',
    {
      evictionHard: {
        'pid.available': '10',
        'nodefs.inodesFree': '10',
        'memory.available': '10',
        'imagefs.available': '9',
      },
    },
    [
      [
        0,
        { 'pid.available': 1, 'nodefs.inodesFree': 1, 'memory.available': 1 },
        'MemoryPressure DiskPressure PIDPressure',
        'memory.available nodefs.inodesFree pid.available',
      ],
    ],
  ],
]

for (const [name, settings, looks] of rows) {
  test(`planPressure: ${name}`, () => {
    const thresholds = thresholdsOf(settings)
    let memory = noPressure
    for (const [second, left, conditions, acting] of looks) {
      const seen = new Map(
        Object.entries(left).map(([signal, available]) => [signal as SignalName, { capacity: 100, available }]),
      )
      const plan = planPressure(thresholds, seen, memory, 300_000, second * 1000)
      memory = plan.memory
      const told = [second, plan.conditions.join(' '), memory.acting.map(({ signal }) => signal).join(' ')]
      assert.deepEqual(told, [second, conditions, acting])
    }
  })
}

test('isRelieved: with what must be reclaimed on top, of all thresholds', () => {
  const thresholds = thresholdsOf({
    evictionHard: { 'memory.available': '10', 'nodefs.available': '10' },
    evictionMinimumReclaim: { 'nodefs.available': '5' },
  })
  const relieved = (memory: number, disk: number): boolean =>
    isRelieved(
      thresholds,
      new Map([
        ['memory.available', { capacity: 100, available: memory }],
        ['nodefs.available', { capacity: 100, available: disk }],
      ]),
    )
  assert.deepEqual([relieved(10, 15), relieved(10, 14), relieved(9, 15)], [true, false, false])
})
