import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PriorityClass } from '#api/scheduling/v1/priorityClass.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { priorityClassStrategy } from './priorityClass.ts'

describe('a priority class of the system', () => {
  const reserved = "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error:"
  const rows: readonly [string, string, Partial<PriorityClass>, readonly string[]][] = [
    ['as it is known', 'system-node-critical', { value: 2_000_001_000 }, []],
    ['unknown', 'system-x', { value: 1 }, [`metadata.name ${reserved} system-x is not a known system priority class`]],
    [
      'of another value',
      'system-node-critical',
      { value: 1 },
      [`metadata.name ${reserved} value of system-node-critical PriorityClass must be 2000001000`],
    ],
    [
      'as the default',
      'system-node-critical',
      { value: 2_000_001_000, globalDefault: true },
      [`metadata.name ${reserved} globalDefault of system-node-critical PriorityClass must be false`],
    ],
  ]
  for (const [name, called, own, expected] of rows) {
    test(name, () => {
      const { report, problems } = createReport()
      const object = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: called }, value: 0 }
      priorityClassStrategy.validate?.({ ...object, ...own }, undefined, report)
      assert.deepEqual(
        problems.map((problem) => `${problem.field} ${problemMessage(problem)}`),
        expected,
      )
    })
  }
})
