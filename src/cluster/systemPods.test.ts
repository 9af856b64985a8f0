import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlPlaneParts, nodeParts, partsOf } from './systemPods.ts'

test('DNS is shown as a part of nodes, unless they leave it to pods', () => {
  assert.deepEqual(partsOf({}, false), nodeParts)
  assert.deepEqual(partsOf({ dns: true }, true), [...controlPlaneParts, ...nodeParts])
  assert.deepEqual(
    partsOf({ dns: false }, false).map(({ name }) => name),
    ['kube-proxy'],
  )
})
