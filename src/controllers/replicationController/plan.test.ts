import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReplicationController } from '#api/core/v1/replicationController.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import { selectorOf } from './plan.ts'

const rows: readonly {
  name: string
  selector?: Record<string, string>
  labels: Record<string, string>
  selects: LabelSelector | undefined
}[] = [
  {
    name: 'all labels must match',
    selector: { app: 'a', tier: 'b' },
    labels: {},
    selects: { matchLabels: { app: 'a', tier: 'b' } },
  },
  { name: 'an empty selector selects nothing', selector: {}, labels: { app: 'a' }, selects: undefined },
  { name: 'no selector selects nothing', labels: { app: 'a' }, selects: undefined },
]

for (const { name, selector, labels, selects } of rows) {
  test(`selector: ${name}`, () => {
    const controller: ReplicationController = {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'web' },
      spec: {
        template: { metadata: { labels }, spec: { containers: [] } },
        ...(selector === undefined ? {} : { selector }),
      },
    }
    assert.deepEqual(selectorOf(controller), selects)
  })
}
