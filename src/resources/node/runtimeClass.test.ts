import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RuntimeClass } from '#api/node/v1/runtimeClass.ts'
import { refusals } from '#resources/testReport.ts'
import { runtimeClassStrategy } from './runtimeClass.ts'

test('a runtime class has each toleration once, in upstream’s words', () => {
  const toleration = { key: 'k', operator: 'Exists', effect: 'NoExecute' } as const
  const runtimeClass: RuntimeClass = {
    apiVersion: '',
    kind: '',
    metadata: { name: 'a' },
    handler: 'a.b',
    scheduling: { tolerations: [toleration, { ...toleration, tolerationSeconds: 1 }, { key: '/' }] },
  }
  const found = refusals((report) => runtimeClassStrategy.validate!(runtimeClass, undefined, report))
  assert.deepEqual(
    found.map((line) => line.replace(/name part.*/, '…')).filter((line) => !line.endsWith('…')),
    [
      'handler: Invalid value: "a.b": must not contain dots',
      'scheduling.tolerations.tolerations[2].key: Invalid value: "/": prefix part must be non-empty',
      'scheduling.tolerations[1]: Duplicate value: {"Key":"k","Operator":"Exists","Value":"","Effect":"NoExecute","TolerationSeconds":1}',
    ],
  )
})
