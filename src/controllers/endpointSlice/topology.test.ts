import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Endpoint } from '#api/discovery/v1/endpointSlice.ts'
import { isOverloaded, planHints, zoneRatios } from './topology.ts'
import { TopologyHints } from './topologyHints.ts'

const node = (zone: string, cpu: string, own: { ready?: string; labels?: Record<string, string> } = {}): Node =>
  ({
    metadata: {
      name: `${zone}-${cpu}`,
      labels: { ...(zone === '' ? {} : { 'topology.kubernetes.io/zone': zone }), ...own.labels },
    },
    status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: own.ready ?? 'True' }] },
  }) as unknown as Node

describe('zones have parts of the CPU', () => {
  const rows: readonly [string, readonly Node[], Record<string, number> | undefined][] = [
    ['by what is allocatable', [node('a', '1'), node('b', '2'), node('a', '1000m')], { a: 0.5, b: 0.5 }],
    [
      'without nodes that are not ready',
      [node('a', '1'), node('b', '3'), node('b', '8', { ready: 'Unknown' })],
      { a: 0.25, b: 0.75 },
    ],
    [
      'without control planes, whatever they say',
      [node('a', '1'), node('b', '1'), node('', '0', { labels: { 'node-role.kubernetes.io/control-plane': '' } })],
      { a: 0.5, b: 0.5 },
    ],
    ['not when a node has no zone', [node('a', '1'), node('b', '1'), node('', '1')], undefined],
    ['not when a node has no CPU', [node('a', '1'), node('b', '0')], undefined],
    ['not when there is but one zone', [node('a', '1'), node('a', '2')], undefined],
    ['not without nodes', [], undefined],
  ]
  for (const [name, nodes, expected] of rows) {
    test(name, () => {
      const ratios = zoneRatios(nodes)
      assert.deepEqual(ratios === undefined ? undefined : Object.fromEntries(ratios), expected)
    })
  }
})

/** `a a>b b!`: an endpoint of zone a, one of a for b, one of b that is not ready. */
const endpoints = (text: string): Endpoint[] =>
  text.split(' ').flatMap((word, index) => {
    const match = /^(\w?)(?:>(\w))?(!?)$/.exec(word)
    if (match === null || word === '') return []
    const [, zone, hint, notReady] = match
    return [
      {
        addresses: [`10.0.0.${index}`],
        conditions: { ready: notReady === '' },
        ...(zone === '' ? {} : { zone: zone! }),
        ...(hint === undefined ? {} : { hints: { forZones: [{ name: hint }] } }),
      },
    ]
  })
const shown = (slice: readonly Endpoint[] | undefined): string | undefined =>
  slice
    ?.map(({ zone = '', hints, conditions }) => {
      const hint = hints?.forZones?.[0]?.name
      return `${zone}${hint === undefined ? '' : `>${hint}`}${conditions?.ready === true ? '' : '!'}`
    })
    .join(' ')

describe('endpoints are spread over zones', () => {
  const even = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ])
  const thirds = new Map(['a', 'b', 'c'].map((zone) => [zone, 1 / 3]))
  const uneven = new Map([
    ['a', 0.75],
    ['b', 0.25],
  ])
  const none = undefined
  type Row = readonly [
    string,
    ReadonlyMap<string, number> | undefined,
    string[],
    string[],
    string[] | string,
    (string | undefined)[]?,
  ]
  const rows: readonly Row[] = [
    ['each zone has its own where that is fair', even, ['a b'], [], ['a>a b>b']],
    ['a zone with more gives to one with fewer', even, ['a a a b'], [], ['a>b a>a a>a b>b']],
    ['by the CPU of zones', uneven, ['a a b b'], [], ['a>a a>a b>a b>b']],
    ['an endpoint that is not ready has no hint', even, ['a b b>b!'], [], ['a>a b>b b!']],
    ['slices whose hints will do stay', even, ['a'], ['a>a b>b', 'b>b'], ['a>a'], [undefined, undefined]],
    ['a slice without hints is written', even, [], ['a b', 'a>a b>b'], [], ['a>a b>b', undefined]],
    ['a hint for a zone that is gone is set anew', even, [], ['a>c b>b'], [], ['a>a b>b']],
    ['hints that give a zone too much are set anew', even, [], ['a>a a>a a>a b>b'], [], ['a>b a>a a>a b>b']],
    [
      'not with fewer endpoints than zones',
      thirds,
      ['a b'],
      [],
      'Insufficient number of endpoints (2 endpoints, 3 zones)',
    ],
    [
      'not when some endpoint would bear too much',
      thirds,
      ['a b c a'],
      [],
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (4 endpoints, 3 zones)',
    ],
    [
      'not without the zones of nodes',
      none,
      ['a b'],
      [],
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
  ]
  for (const [name, ratios, written, unchanged, expected, kept = unchanged.map(() => undefined)] of rows) {
    test(name, () => {
      const plan = planHints({ written: written.map(endpoints), unchanged: unchanged.map(endpoints) }, ratios)
      if ('problem' in plan) return assert.equal(plan.problem, expected)
      assert.deepEqual(plan.written.map(shown), expected)
      return assert.deepEqual(plan.unchanged.map(shown), kept)
    })
  }

  test('not when a ready endpoint has no zone', () => {
    const homeless: Endpoint = { addresses: ['10.0.0.9'], conditions: { ready: true } }
    assert.deepEqual(planHints({ written: [[...endpoints('a b a'), homeless]], unchanged: [] }, even), {
      problem: 'One or more endpoints do not have a zone specified',
    })
  })

  test('what each zone has is told, and whether it is too little', () => {
    const plan = planHints({ written: [endpoints('a a a b')], unchanged: [] }, even)
    assert.ok(!('problem' in plan))
    assert.deepEqual(Object.fromEntries(plan.byZone), { a: 2, b: 2 })
    assert.equal(isOverloaded(plan.byZone, even), false)
    assert.equal(isOverloaded(plan.byZone, uneven), true)
    assert.equal(isOverloaded(plan.byZone, undefined), true)
    assert.equal(isOverloaded(new Map(), undefined), false)
  })
})

test('people are told when hints come and go, and services are looked at again when zones change', () => {
  const hints = new TopologyHints()
  const even = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ])
  const byZone = new Map([
    ['a', 1],
    ['b', 1],
  ])
  const told = (outcomes: Parameters<TopologyHints['note']>[2]): string[] =>
    hints.note('s', ['IPv4'], outcomes).map(({ type, reason, message }) => `${type} ${reason}: ${message}`)
  assert.deepEqual(told([]), [])
  assert.deepEqual(told([{ addressType: 'IPv4', problem: 'Why not' }]), [
    'Warning TopologyAwareHintsDisabled: Why not, addressType: IPv4',
  ])
  assert.equal(hints.mustLook('s', undefined), false)
  assert.equal(hints.mustLook('s', even), true)
  assert.deepEqual(told([{ addressType: 'IPv4', byZone }]), [
    'Normal TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4',
  ])
  assert.deepEqual(told([{ addressType: 'IPv4', byZone }]), [])
  assert.equal(hints.mustLook('s', even), false)
  assert.equal(hints.mustLook('s', undefined), true)
  assert.deepEqual(told([]), [
    'Warning TopologyAwareHintsDisabled: Topology Aware Hints has been disabled, addressType: IPv4',
  ])
  assert.deepEqual(told([]), [])
})
