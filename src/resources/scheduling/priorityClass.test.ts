import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PriorityClass } from '#api/scheduling/v1/priorityClass.ts'
import { refusals } from '#resources/testReport.ts'
import { priorityClassStrategy } from './priorityClass.ts'

describe('a priority class of the system', () => {
  const reserved =
    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error:"
  const rows: readonly [string, string, Partial<PriorityClass>, readonly string[]][] = [
    ['as it is known', 'system-node-critical', { value: 2_000_001_000 }, []],
    ['unknown', 'system-x', { value: 1 }, [`${reserved} system-x is not a known system priority class`]],
    [
      'of another value',
      'system-node-critical',
      { value: 1 },
      [`${reserved} value of system-node-critical PriorityClass must be 2000001000`],
    ],
    [
      'as the default',
      'system-node-critical',
      { value: 2_000_001_000, globalDefault: true },
      [`${reserved} globalDefault of system-node-critical PriorityClass must be false`],
    ],
  ]
  for (const [name, called, own, expected] of rows) {
    test(name, () => {
      const object = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: called }, value: 0 }
      assert.deepEqual(
        refusals((report) => priorityClassStrategy.validate?.({ ...object, ...own }, undefined, report)),
        expected,
      )
    })
  }
})
