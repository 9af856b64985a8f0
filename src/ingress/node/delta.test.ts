import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pool, Route, Routing } from '#ingress/routing.ts'
import { applyDelta, routingDelta } from './delta.ts'

const pool = (name: string, ...addresses: readonly string[]): Pool => ({
  name,
  servers: addresses.map((address) => ({ id: address, address, port: 80, draining: false })),
  protocol: 'http',
  balance: { kind: 'round-robin' },
})
const route = (name: string): Route => ({
  name,
  owner: 'Ingress test/one',
  match: { host: { kind: 'any' }, path: { kind: 'prefix', path: '/' } },
  rules: {},
  action: { kind: 'respond', status: 200, body: '' },
})
const pools = (...list: readonly Pool[]): Routing['pools'] => new Map(list.map((one) => [one.name, one]))
const base: Routing = {
  routes: [route('one'), route('two')],
  pools: pools(pool('a', '10.0.0.1'), pool('b', '10.0.0.2')),
  certificates: new Map([['c', { chain: 'chain', key: 'key' }]]),
  serverNames: [],
  defaultCertificate: 'c',
  fallback: { kind: 'respond', status: 404, body: '' },
}

test('the first routing goes as a whole', () => {
  assert.deepEqual(applyDelta(undefined, routingDelta(undefined, base)!), base)
})

test('nothing goes when nothing changed, whatever objects say it', () => {
  assert.equal(routingDelta(base, base), undefined)
  assert.equal(routingDelta(base, structuredClone(base)), undefined)
})

test('a changed pool goes alone, and what stays stays the same object', () => {
  const now: Routing = { ...base, pools: pools(pool('a', '10.0.0.1'), pool('b', '10.0.0.3'), pool('d')) }
  const delta = routingDelta(base, now)!
  assert.deepEqual([...delta.pools.set.keys()], ['b', 'd'])
  assert.deepEqual(
    [delta.routes, delta.certificates.set.size, delta.serverNames, delta.fallback],
    [undefined, 0, undefined, undefined],
  )
  const applied = applyDelta(base, structuredClone(delta))
  assert.deepEqual(applied, now)
  assert.equal(applied.routes, base.routes)
  assert.equal(applied.pools.get('a'), base.pools.get('a'))
  assert.equal(applied.certificates, base.certificates)
})

const changes: Readonly<Record<string, Partial<Routing>>> = {
  'a pool less': { pools: pools(pool('b', '10.0.0.2')) },
  'one pool in the place of another': { pools: pools(pool('a', '10.0.0.1'), pool('z')) },
  'a route less': { routes: [route('one')] },
  'a route more, at the beginning': { routes: [route('zero'), route('one'), route('two')] },
  'a route more, in the middle': { routes: [route('one'), route('more'), route('two')] },
  'the same route twice': { routes: [route('one'), route('two'), route('two')] },
  'no routes': { routes: [] },
  'another order of routes': { routes: [route('two'), route('one')] },
  'another certificate': { certificates: new Map([['c', { chain: 'chain', key: 'other' }]]) },
  'another default': { defaultCertificate: 'd' },
  'another fallback': { fallback: { kind: 'respond', status: 503, body: '' } },
  'a name': { serverNames: [{ host: { kind: 'exact', name: 'a.test' }, certificate: 'c' }] },
}
test('a changed route goes alone', () => {
  const many = Array.from({ length: 9 }, (_, at) => route(`r${at}`))
  const before = { ...base, routes: many }
  const now = { ...base, routes: structuredClone(many).with(4, { ...route('r4'), rules: { largestBody: 1 } }) }
  const delta = routingDelta(before, now)!
  assert.deepEqual([delta.routes?.start, delta.routes?.gone, delta.routes?.added.length], [4, 1, 1])
  assert.equal(applyDelta(before, delta).routes[8], many[8])
})

for (const [name, change] of Object.entries(changes)) {
  test(`${name} goes over`, () => {
    const now = { ...base, ...change }
    assert.deepEqual(applyDelta(base, structuredClone(routingDelta(base, now)!)), now)
  })
}
