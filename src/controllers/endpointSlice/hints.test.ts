import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { planSlices, type ServiceSlicePlan } from './plan.ts'

const nodes = new Map<string, Node>(
  [
    ['n1', 'a'],
    ['n2', 'b'],
    ['n3', undefined],
  ].map(([name, zone]) => [
    name!,
    {
      metadata: { name, labels: zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone } },
    } as unknown as Node,
  ]),
)
const service = (trafficDistribution?: string, annotations: Record<string, string> = {}): Service =>
  ({
    metadata: { name: 's', namespace: 'x', uid: 'service', annotations },
    spec: {
      clusterIP: '10.96.0.5',
      ipFamilies: ['IPv4'],
      selector: { app: 'a' },
      ports: [{ port: 80, protocol: 'TCP' }],
      ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
    },
  }) as unknown as Service
const pod = (at: number, nodeName: string, ready = true): Pod =>
  ({
    metadata: { name: `p${at}`, namespace: 'x', uid: `u${at}` },
    spec: { nodeName, containers: [] },
    status: {
      phase: 'Running',
      podIP: `10.244.0.${at}`,
      podIPs: [{ ip: `10.244.0.${at}` }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }) as unknown as Pod
const even = new Map([
  ['a', 0.5],
  ['b', 0.5],
])

const plan = (
  of: Service,
  pods: readonly Pod[],
  present: readonly EndpointSlice[] = [],
  ratios = even,
): ServiceSlicePlan => planSlices(of, pods, present, (name) => nodes.get(name), undefined, ratios)
/** The slices as a server would have made them from a plan. */
const stored = ({ create }: ServiceSlicePlan): EndpointSlice[] =>
  create.map((slice, at) => ({ ...slice, metadata: { ...slice.metadata, name: `s-${at}` } }) as EndpointSlice)
const hintsOf = ({ create, update }: ServiceSlicePlan): unknown[] =>
  [...create, ...update].flatMap(({ endpoints = [] }) =>
    (endpoints ?? []).map(({ hints }) => {
      const zones = (hints?.forZones ?? []).map(({ name }) => name)
      return [...zones, ...(hints?.forNodes ?? []).map(({ name }) => name)].join()
    }),
  )

describe('endpoints are for those near them', () => {
  const pods = [pod(1, 'n1'), pod(2, 'n2'), pod(3, 'n3'), pod(4, 'n1', false)]
  const rows: readonly [string, Service, string[]][] = [
    ['not unless it is asked for', service(), ['', '', '', '']],
    ['PreferClose', service('PreferClose'), ['a', 'b', '', '']],
    ['PreferSameZone', service('PreferSameZone'), ['a', 'b', '', '']],
    ['PreferSameNode', service('PreferSameNode'), ['a,n1', 'b,n2', 'n3', '']],
    ['what nobody knows', service('PreferFar'), ['', '', '', '']],
  ]
  for (const [name, of, expected] of rows) test(name, () => assert.deepEqual(hintsOf(plan(of, pods)), expected))

  test('slices are written when that changes, and only then', () => {
    const before = stored(plan(service('PreferSameZone'), pods))
    assert.deepEqual(hintsOf(plan(service('PreferSameZone'), pods, before)), [])
    assert.deepEqual(hintsOf(plan(service('PreferSameNode'), pods, before)), ['a,n1', 'b,n2', 'n3', ''])
    assert.deepEqual(hintsOf(plan(service(), pods, before)), ['', '', '', ''])
  })
})

describe('endpoints are for zones by their CPU', () => {
  const auto = { 'service.kubernetes.io/topology-mode': 'Auto' }
  const pods = [pod(1, 'n1'), pod(2, 'n1'), pod(3, 'n1'), pod(4, 'n2')]

  test('whatever the distribution says', () => {
    const made = plan(service('PreferSameNode', auto), pods)
    assert.deepEqual(hintsOf(made), ['b', 'a', 'a', 'b'])
    assert.deepEqual(made.topology, [
      {
        addressType: 'IPv4',
        byZone: new Map([
          ['a', 2],
          ['b', 2],
        ]),
      },
    ])
  })

  test('slices stay while their hints will do, and are set anew when more endpoints come', () => {
    const before = stored(plan(service(undefined, auto), pods))
    assert.deepEqual(hintsOf(plan(service(undefined, auto), pods, before)), [])
    const more = [...pods, pod(5, 'n2'), pod(6, 'n2')]
    assert.deepEqual(hintsOf(plan(service(undefined, auto), more, before)), ['a', 'a', 'a', 'b', 'b', 'b'])
  })

  test('hints go when they cannot be, and when they are not asked for', () => {
    const before = stored(plan(service(undefined, auto), pods))
    const problem = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
    const without = planSlices(service(undefined, auto), pods, before, (name) => nodes.get(name), undefined, undefined)
    assert.deepEqual(hintsOf(without), ['', '', '', ''])
    assert.deepEqual(without.topology, [{ addressType: 'IPv4', problem }])
    assert.deepEqual(hintsOf(plan(service(), pods, before)), ['', '', '', ''])
    assert.deepEqual(
      hintsOf(plan(service(undefined, { 'service.kubernetes.io/topology-mode': 'Disabled' }), pods, before)),
      ['', '', '', ''],
    )
    // Taken away once, they are not looked for again.
    const bare = stored(plan(service(), pods))
    assert.deepEqual(
      hintsOf(planSlices(service(undefined, auto), pods, bare, (name) => nodes.get(name), undefined)),
      [],
    )
  })
})
