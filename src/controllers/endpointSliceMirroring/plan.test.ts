import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoints, EndpointSubset } from '#api/core/v1/endpoints.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { isMirrored, planMirror } from './plan.ts'

const http = [{ name: 'http', port: 80, protocol: 'TCP' as const }]

function endpoints(subsets: EndpointSubset[], metadata: Partial<Endpoints['metadata']> = {}): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 's', namespace: 'a', uid: 'u', ...metadata },
    subsets,
  }
}

/** What was planned to be made, as it is once the server has it. */
function made(of: Endpoints, present: readonly EndpointSlice[] = []): EndpointSlice[] {
  return planMirror(of, present).create.map((slice, index) => ({
    ...slice,
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...slice.metadata, name: `s-${index}`, resourceVersion: '1' },
  }))
}

const counts = ({ create, update, remove }: ReturnType<typeof planMirror>): readonly number[] => [
  create.length,
  update.length,
  remove.length,
]

test('each address family and set of ports has a slice', () => {
  const addresses = [{ ip: '10.0.0.1', nodeName: 'n' }, { ip: 'fd00::0001' }]
  const annotations = {
    'endpoints.kubernetes.io/last-change-trigger-time': 't',
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
    kept: 'yes',
  }
  const subset = { addresses, notReadyAddresses: [{ ip: '10.0.0.2' }], ports: http }
  const own = { labels: { a: 'b' }, annotations }
  const slices = planMirror(endpoints([subset, { addresses: [{ ip: '10.0.0.1' }], ports: [] }], own), []).create
  assert.deepEqual(
    slices.map(({ addressType, endpoints: list, ports }) => [
      addressType,
      ports!.map(({ port }) => port),
      list!.map((each) => `${each.addresses.join()} ${each.conditions?.ready} ${each.nodeName ?? ''}`.trim()),
    ]),
    [
      ['IPv4', [80], ['10.0.0.1 true n', '10.0.0.2 false']],
      ['IPv6', [80], ['fd00::1 true']],
      ['IPv4', [], ['10.0.0.1 true n']],
    ],
  )
  assert.deepEqual(slices[0]?.metadata, {
    generateName: 's-',
    namespace: 'a',
    labels: {
      a: 'b',
      'kubernetes.io/service-name': 's',
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    },
    annotations: { kept: 'yes' },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Endpoints', name: 's', uid: 'u', controller: true, blockOwnerDeletion: true },
    ],
  })
})

test('what is right already is not written; what changed is, in its place', () => {
  const first = endpoints([{ addresses: [{ ip: '10.0.0.1' }], ports: http }], { annotations: { old: 'yes' } })
  const present = made(first)
  assert.deepEqual(counts(planMirror(first, present)), [0, 0, 0])
  const moved = endpoints([{ addresses: [{ ip: '10.0.0.2' }], ports: http }])
  const plan = planMirror(moved, present)
  assert.deepEqual(counts(plan), [0, 1, 0])
  assert.deepEqual(
    [plan.update[0]?.metadata.name, plan.update[0]?.metadata.annotations, plan.update[0]?.endpoints?.[0]?.addresses],
    ['s-0', undefined, ['10.0.0.2']],
  )
  const other = endpoints([{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 81 }] }])
  const recycled = planMirror(other, present)
  assert.deepEqual(counts(recycled), [0, 1, 0])
  assert.deepEqual([recycled.update[0]?.metadata.name, recycled.update[0]?.ports?.[0]?.port], ['s-0', 81])
  const six = endpoints([{ addresses: [{ ip: 'fd00::1' }], ports: http }])
  assert.deepEqual(counts(planMirror(six, present)), [1, 0, 1])
  const going = { ...six, metadata: { ...six.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  assert.deepEqual(counts(planMirror(going, present)), [0, 0, 1])
  assert.deepEqual(counts(planMirror(endpoints([]), present)), [0, 0, 1])
})

test('no more than a thousand addresses of a set of ports are mirrored', () => {
  const addresses = Array.from({ length: 1500 }, (_, index) => ({ ip: `10.0.${index >> 8}.${index & 255}` }))
  const { create, skipped } = planMirror(
    endpoints([{ addresses: addresses.slice(0, 900), notReadyAddresses: addresses.slice(900), ports: http }]),
    [],
  )
  assert.deepEqual([create[0]?.endpoints?.length, skipped], [1000, 500])
  assert.equal(create[0]?.endpoints?.filter(({ conditions }) => conditions?.ready).length, 900)
})

test('subsets are put together: ports of the same addresses, and an address that is not ready somewhere is not', () => {
  const subsets = [
    { addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: [{ port: 80 }] },
    { addresses: [{ ip: '10.0.0.2' }], notReadyAddresses: [{ ip: '10.0.0.1' }], ports: [{ port: 81 }] },
    { addresses: [{ ip: '10.0.0.2' }, { ip: '10.0.0.1' }], ports: [{ port: 82 }] },
    { notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [{ port: 81 }] },
  ]
  assert.deepEqual(
    planMirror(endpoints(subsets), []).create.map(({ ports, endpoints: list }) => [
      ports!.map(({ port }) => port),
      list!.map(({ addresses, conditions }) => `${addresses.join()} ${conditions?.ready}`),
    ]),
    [
      [
        [80, 82],
        ['10.0.0.1 true', '10.0.0.2 true'],
      ],
      [[81], ['10.0.0.2 false', '10.0.0.1 false']],
    ],
  )
})

test('what controllers keep or somebody excludes is not mirrored', () => {
  const service = (selector?: Record<string, string>): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'a' },
    spec: selector === undefined ? {} : { selector },
  })
  const rows: [Endpoints, Service, boolean][] = [
    [endpoints([]), service(), true],
    [endpoints([]), service({ app: 'a' }), false],
    [endpoints([], { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }), service(), false],
    [endpoints([], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }), service(), false],
  ]
  for (const [of, by, expected] of rows) assert.equal(isMirrored(of, by), expected)
})
