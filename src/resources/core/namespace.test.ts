import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Namespace } from '#api/core/v1/namespace.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { namespaceStrategy } from './namespace.ts'
import { secretStrategy } from './secret.ts'

const namespace = (own: Partial<Namespace>): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'a' },
  ...own,
})
const unqualified = 'name is neither a standard finalizer name nor is it fully qualified'

test('a namespace keeps who empties it, and Kubernetes is one of them', () => {
  const prepared = (finalizers?: string[]): unknown => {
    const one = namespace(finalizers === undefined ? {} : { spec: { finalizers } })
    namespaceStrategy.prepare!(one, undefined, servingContext)
    return one.spec!.finalizers
  }
  assert.deepEqual(prepared(), ['kubernetes'])
  assert.deepEqual(prepared(['kubernetes', 'x.io/y']), ['kubernetes', 'x.io/y'])
  assert.deepEqual(prepared(['x.io/y']), ['x.io/y', 'kubernetes'])
  const wrong = namespace({ spec: { finalizers: ['kubernetes', 'x'] } })
  assert.deepEqual(
    refusals((report) => namespaceStrategy.validate!(wrong, undefined, report)),
    [`spec.finalizers: Invalid value: "x": ${unqualified}`],
  )
  const { finalize } = namespaceStrategy.subresources!
  assert.deepEqual(
    refusals((report) => finalize!.validate!(wrong, wrong, report, servingContext)),
    [`spec.finalizers[1]: Invalid value: "x": ${unqualified}`],
  )
})

test('the phase of a namespace is that of its deletion', () => {
  const found = (phase: 'Active' | 'Terminating', deletionTimestamp?: string): string[] => {
    const metadata = { name: 'a', ...(deletionTimestamp !== undefined && { deletionTimestamp }) }
    const one = namespace({ metadata, status: { phase } })
    return refusals((report) => namespaceStrategy.subresources!['status']!.validate!(one, one, report, servingContext))
  }
  const time = '2026-01-01T00:00:00Z'
  assert.deepEqual([found('Active'), found('Terminating', time)], [[], []])
  assert.deepEqual(found('Terminating'), [
    'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  ])
  assert.deepEqual(found('Active', time), [
    'status.Phase: Invalid value: "Active": may only be \'Terminating\' if `deletionTimestamp` is not empty',
  ])
})

test('nothing of a secret is shown when it is refused', () => {
  const data = { '.dockerconfigjson': btoa('foo-and-a-password') }
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'a' },
    type: 'kubernetes.io/dockerconfigjson',
    data,
  }
  assert.deepEqual(
    refusals((report) => secretStrategy.validate!(secret, undefined, report)),
    [
      `data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character 'o' in literal false (expecting 'a')`,
    ],
  )
})
