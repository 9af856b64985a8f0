import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from '#resources/testReport.ts'
import { controllerRevisionStrategy } from './controllerRevision.ts'

test('a revision is made of an object', () => {
  const found = (data: unknown): string[] =>
    refusals((report) =>
      controllerRevisionStrategy.validate!(
        {
          apiVersion: 'apps/v1',
          kind: 'ControllerRevision',
          metadata: { name: 'a' },
          revision: 1,
          data: data as never,
        },
        undefined,
        report,
      ),
    )
  assert.deepEqual(found({}), [])
  assert.deepEqual(found(undefined), ['data: Required value: data is mandatory'])
  assert.deepEqual(found(null), ['data: Required value: data is mandatory'])
  assert.deepEqual(found('x'), ['data: Required value: data must be a valid JSON object'])
})
