import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import { claimsInUse, planFinalizers } from './plan.ts'

const mark = 'kubernetes.io/pvc-protection'
const deletionTimestamp = '2026-01-01T00:00:00Z'

const rows: readonly {
  readonly name: string
  readonly metadata: object
  readonly inUse: boolean
  readonly is: readonly string[] | undefined
}[] = [
  { name: 'protected', metadata: { finalizers: [mark] }, inUse: false, is: undefined },
  { name: 'made before there was protection', metadata: { finalizers: ['x'] }, inUse: false, is: ['x', mark] },
  { name: 'going, in use', metadata: { finalizers: [mark], deletionTimestamp }, inUse: true, is: undefined },
  { name: 'going, free', metadata: { finalizers: ['x', mark], deletionTimestamp }, inUse: false, is: ['x'] },
  { name: 'going, held by others', metadata: { finalizers: ['x'], deletionTimestamp }, inUse: false, is: undefined },
]

for (const { name, metadata, inUse, is } of rows) {
  test(`protection of a claim: ${name}`, () => {
    const object = { metadata } as unknown as KubeObject
    assert.deepEqual(
      planFinalizers(object, mark, () => inUse),
      is,
    )
  })
}

test('a pod uses the claims it names and those made for it, once it has a node', () => {
  const pod = (nodeName?: string): Pod =>
    ({
      metadata: { name: 'p', namespace: 'n' },
      spec: {
        ...(nodeName && { nodeName }),
        volumes: [
          { name: 'a', persistentVolumeClaim: { claimName: 'c' } },
          { name: 'b', ephemeral: {} },
          { name: 'd', emptyDir: {} },
        ],
      },
    }) as unknown as Pod
  assert.deepEqual(claimsInUse(pod('x')), ['n/c', 'n/p-b'])
  assert.deepEqual(claimsInUse(pod()), [])
})
