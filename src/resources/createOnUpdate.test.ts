import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allStrategies } from './index.ts'

/** Source: `AllowCreateOnUpdate` of upstream's strategies, v1.34. */
const expected = [
  'clusterrolebindings',
  'clusterroles',
  'endpoints',
  'events',
  'leasecandidates',
  'leases',
  'limitranges',
  'rolebindings',
  'roles',
  'runtimeclasses',
  'services',
]

test('the kinds of which an update creates what is not there', () => {
  const strategies = allStrategies({ addresses: '10.96.0.0/16', nodePorts: [30_000, 32_767], eventSeconds: 3600 })
  const found = strategies
    .filter(({ createOnUpdate }) => createOnUpdate === true)
    .map(({ resource }) => resource.plural)
  assert.deepEqual([...new Set(found)].toSorted(), expected)
})
