import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { planAnnouncing, rankNodes, type ElectionInput, type Rankings } from './elect.ts'
import { parsePool, type Pool } from './pool.ts'

const pool = parsePool('192.0.2.0/24') as Pool
const node = (name: string, ready = 'True', more: Partial<Node['metadata']> = {}): Node =>
  ({
    metadata: { name, ...more },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready }] },
  }) as Node
const service = (ip: string, spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'a' },
  spec: { type: 'LoadBalancer', ...spec },
  status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } },
})
const names = ['n1', 'n2', 'n3', 'n4', 'n5']
const input = (more: Partial<ElectionInput> = {}): ElectionInput => ({
  self: 'n1',
  services: [service('192.0.2.7')],
  slicesOf: () => [],
  nodes: names.map((name) => node(name)),
  gone: new Set(),
  pool,
  ...more,
})
/** Which nodes take an address to be theirs. */
const announcers = (more: Partial<ElectionInput>, address = '192.0.2.7'): string[] =>
  names.filter((self) => planAnnouncing(input({ ...more, self })).addresses.has(address))
const [first, second, third, fourth, fifth] = rankNodes('192.0.2.7', names) as [string, string, string, string, string]

describe('one node answers', () => {
  const without = (...lost: string[]) => names.filter((name) => !lost.includes(name)).map((name) => node(name))
  const others = names.filter((name) => name !== first)
  const rows: readonly [string, Partial<ElectionInput>, readonly string[]][] = [
    ['the first', {}, [first]],
    ['the second when the first was removed', { nodes: without(first) }, [second]],
    ['the second when the first is not ready', { nodes: [node(first, 'Unknown'), ...without(first)] }, [second]],
    [
      'the second when the first takes no such connections',
      {
        nodes: [
          node(first, 'True', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
          ...without(first),
        ],
      },
      [second],
    ],
    ['the first when no node is ready', { nodes: names.map((name) => node(name, 'Unknown')) }, [first]],
    ['nobody for an address that is not of the pool', { pool: parsePool('198.51.100.0/24') as Pool }, []],
    ['nobody for another class', { services: [service('192.0.2.7', { loadBalancerClass: 'example.com/lb' })] }, []],
    [
      'nobody for a service that ends',
      { services: [{ ...service('192.0.2.7'), metadata: { name: 'web', deletionTimestamp: 'now' } }] },
      [],
    ],
  ]
  for (const [name, more, expected] of rows) test(name, () => assert.deepEqual(announcers(more), expected))

  test('the next one as soon as those before it do not answer', () => {
    const seenBy = (self: string, gone: readonly string[]): boolean =>
      planAnnouncing(input({ self, gone: new Set(gone) })).addresses.size > 0
    assert.equal(seenBy(second, [first]), true)
    assert.equal(seenBy(third, [first]), false)
    assert.equal(seenBy(third, [first, second]), true)
    // Whoever lost sight of everybody answers alone.
    assert.equal(
      seenBy(
        fifth,
        others.concat(first).filter((name) => name !== fifth),
      ),
      true,
    )
  })

  test('what was found out before counts for the same nodes alone', () => {
    const rankings: Rankings = new Map()
    const seen = (more: Partial<ElectionInput> = {}): boolean =>
      planAnnouncing(input({ self: second, rankings, ...more })).addresses.size > 0
    assert.deepEqual([seen(), seen(), rankings.size], [false, false, 1])
    assert.equal(seen({ nodes: without(first) }), true)
    assert.equal(seen(), false)
    assert.equal(seen({ services: [] }), false)
    assert.equal(rankings.size, 0)
  })

  test('a node watches those just before it', () => {
    const watchedBy = (self: string): string[] => [...planAnnouncing(input({ self })).watched].toSorted()
    assert.deepEqual(watchedBy(first), [])
    assert.deepEqual(watchedBy(second), [first])
    assert.deepEqual(watchedBy(fifth), [second, third, fourth].toSorted())
  })
})

describe('with local endpoints alone', () => {
  const slices = (...endpoints: readonly Endpoint[]): EndpointSlice[] => [
    { endpoints, ports: [], addressType: 'IPv4' } as unknown as EndpointSlice,
  ]
  const at = (nodeName: string, conditions: Endpoint['conditions'] = {}): Endpoint => ({
    addresses: ['10.244.0.2'],
    nodeName,
    conditions,
  })
  const local = [service('192.0.2.7', { externalTrafficPolicy: 'Local' })]
  const rows: readonly [string, readonly EndpointSlice[], readonly string[]][] = [
    ['a node with one answers', slices(at(fifth), at(fourth)), [fourth]],
    ['not one whose endpoint is not ready', slices(at(fourth, { ready: false }), at(fifth)), [fifth]],
    [
      'an endpoint that ends serves when no other does',
      slices(
        at(fourth, { ready: false, serving: true, terminating: true }),
        at(fifth, { ready: false, serving: false }),
      ),
      [fourth],
    ],
    ['nobody without any', [], []],
  ]
  for (const [name, present, expected] of rows)
    test(name, () => assert.deepEqual(announcers({ services: local, slicesOf: () => present }), expected))
})

test('addresses are spread, and a lost node moves only its own', () => {
  const addresses = Array.from({ length: 250 }, (_, index) => `192.0.2.${index}`)
  const before = new Map(addresses.map((address) => [address, rankNodes(address, names)[0]!]))
  const after = new Map(addresses.map((address) => [address, rankNodes(address, names.slice(1))[0]!]))
  for (const name of names) {
    const own = addresses.filter((address) => before.get(address) === name).length
    assert.ok(own > 25 && own < 75, `${name} has ${own} of 250`)
  }
  for (const address of addresses)
    if (before.get(address) !== 'n1') assert.equal(after.get(address), before.get(address))
})
