import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoints } from '#api/core/v1/endpoints.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { planMirror } from './plan.ts'

const endpoints = (ready: readonly string[], notReady: readonly string[] = []): Endpoints => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { name: 'e', namespace: 'a', uid: 'e' },
  subsets: [
    {
      addresses: ready.map((ip) => ({ ip })),
      notReadyAddresses: notReady.map((ip) => ({ ip })),
      ports: [{ port: 80 }],
    },
  ],
})

/** What mirrors these endpoints. */
const mirrored = (of: Endpoints): EndpointSlice[] =>
  planMirror(of, []).create.map((draft) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    ...draft,
    metadata: { ...draft.metadata, name: 'e-1' },
  }))

const before = mirrored(endpoints(['192.0.2.1', '192.0.2.2']))
const rows: readonly [name: string, Endpoints, readonly EndpointSlice[], object][] = [
  ['the first', endpoints(['192.0.2.1', '192.0.2.2']), [], { added: 2, updated: 0, removed: 0 }],
  ['the same', endpoints(['192.0.2.1', '192.0.2.2']), before, { added: 0, updated: 0, removed: 0 }],
  [
    'one that is not ready any more',
    endpoints(['192.0.2.1'], ['192.0.2.2']),
    before,
    { added: 0, updated: 1, removed: 0 },
  ],
  ['another in place of one', endpoints(['192.0.2.1', '192.0.2.3']), before, { added: 1, updated: 0, removed: 1 }],
]
for (const [name, of, present, changes] of rows) {
  test(`endpoints that are mirrored: ${name}`, () => assert.deepEqual(planMirror(of, present).changes, changes))
}

test('how the endpoints of an object are spread', () => {
  const both = endpoints(['192.0.2.1', '192.0.2.2', '2001:db8::1'])
  assert.deepEqual(planMirror(both, []).figures, { endpoints: 3, slices: 2, desired: 2 })
})
