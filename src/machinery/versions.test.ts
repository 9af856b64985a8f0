import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareVersions } from './versions.ts'

test('versions are ordered from the least to the most preferred', () => {
  const ordered = ['foo10', 'foo1', 'v11alpha2', 'v12alpha1', 'v10beta3', 'v11beta2', 'v1', 'v2', 'v10']
  assert.deepEqual(ordered.toReversed().toSorted(compareVersions), ordered)
  assert.deepEqual(ordered.toSorted(compareVersions), ordered)
})
