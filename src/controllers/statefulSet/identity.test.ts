import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ordinalOf, podFor } from './identity.ts'
import { pod, setOf, update, withClaims } from './testSets.ts'

test('a pod has its name, its place in the service and its claims from its number', () => {
  const template = {
    ...update.template,
    spec: {
      ...update.template.spec,
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  }
  const { metadata, spec } = podFor(withClaims, { ...update, template }, 4)
  assert.deepEqual(
    [metadata.name, metadata.generateName, metadata.labels, spec.hostname, spec.subdomain, spec.volumes],
    [
      'web-4',
      'web-',
      {
        app: 'web',
        'statefulset.kubernetes.io/pod-name': 'web-4',
        'apps.kubernetes.io/pod-index': '4',
        'controller-revision-hash': 'web-new',
      },
      'web-4',
      'web',
      [
        { name: 'data', persistentVolumeClaim: { claimName: 'data-web-4' } },
        { name: 'tmp', emptyDir: {} },
      ],
    ],
  )
})

const numbers: readonly [name: string, ordinal: number | undefined][] = [
  ['web-0', 0],
  ['web-12', 12],
  ['web', undefined],
  ['web-a', undefined],
  ['other-1', undefined],
  ['web-1-2', undefined],
  ['web-99999999999', undefined],
]
for (const [name, ordinal] of numbers) {
  test(`number of ${name}`, () => {
    assert.equal(ordinalOf(setOf(), { ...pod(0), metadata: { name } }), ordinal)
  })
}
