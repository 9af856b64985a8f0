import assert from 'node:assert/strict'
import { test } from 'node:test'
import { usualEviction } from './eviction/thresholds.ts'
import { completeSettings, type KubeletSettings } from './settings.ts'

const usual: KubeletSettings = { evictionHard: { 'memory.available': '100Mi' }, imageGCHighThresholdPercent: 100 }
const disk = { 'nodefs.available': '5%' }

const rows: readonly (readonly [string, KubeletSettings | undefined, KubeletSettings])[] = [
  ['nothing is said', undefined, usual],
  ['thresholds replace the usual ones', { evictionHard: disk }, { ...usual, evictionHard: disk }],
  [
    'thresholds go with the usual ones',
    { evictionHard: disk, mergeDefaultEvictionSettings: true },
    { ...usual, evictionHard: { 'memory.available': '100Mi', ...disk } },
  ],
  [
    'soft thresholds leave the hard ones as usual',
    { evictionSoft: disk, evictionSoftGracePeriod: { 'nodefs.available': '1m' } },
    { ...usual, evictionSoft: disk, evictionSoftGracePeriod: { 'nodefs.available': '1m' } },
  ],
]
for (const [name, said, expected] of rows) {
  test(`completeSettings: ${name}`, () => assert.deepEqual(completeSettings(said, usual), expected))
}

test('completeSettings: as the kubelet of v1.34 unless told', () => assert.deepEqual(completeSettings(), usualEviction))
