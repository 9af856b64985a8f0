import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { Expectations } from './expectations.ts'
import { IndexedStore, keyOf, nameOfKey } from './index.ts'

function map(name: string, resourceVersion: string, rest: Partial<ConfigMap['metadata']> = {}): ConfigMap {
  const metadata = { name, namespace: 'a', uid: name, resourceVersion, ...rest }
  return { apiVersion: 'v1', kind: configMaps.kind, metadata }
}

class Copy {
  readonly store = new IndexedStore<ConfigMap>()
  resourceVersion = '10'
  get = (key: string): ConfigMap | undefined => this.store.get(key)
}

test('a write is expected until the copy is as new', () => {
  const copy = new Copy()
  const expectations = new Expectations(new SimulatedClock(), copy)
  assert.equal(expectations.satisfied('k'), true)
  expectations.wrote('k', map('x', '12'))
  expectations.wrote('k', map('y', '11'))
  assert.deepEqual([expectations.satisfied('k'), expectations.satisfied('other')], [false, true])
  copy.resourceVersion = '11'
  assert.equal(expectations.satisfied('k'), false)
  copy.resourceVersion = '100'
  assert.equal(expectations.satisfied('k'), true)
})

const seen: readonly { name: string; now: ConfigMap | undefined; satisfied: boolean }[] = [
  { name: 'still there', now: map('x', '5'), satisfied: false },
  { name: 'gone', now: undefined, satisfied: true },
  { name: 'on its way out', now: map('x', '12', { deletionTimestamp: 't' }), satisfied: true },
  { name: 'another of its name', now: map('x', '12', { uid: 'other' }), satisfied: true },
]

for (const row of seen) {
  test(`a deletion is expected: ${row.name}`, () => {
    const copy = new Copy()
    const expectations = new Expectations(new SimulatedClock(), copy)
    expectations.deleted('k', map('x', '5'))
    if (row.now !== undefined) copy.store.set('a/x', row.now)
    assert.equal(expectations.satisfied('k'), row.satisfied)
  })
}

test('what never comes back is given up after five minutes', async () => {
  const clock = new SimulatedClock()
  const expectations = new Expectations(clock, new Copy())
  expectations.wrote('k', map('x', '12'))
  await clock.advance('299s')
  assert.equal(expectations.satisfied('k'), false)
  await clock.advance('1s')
  assert.equal(expectations.satisfied('k'), true)
})

test('an index follows every change', () => {
  const store = new IndexedStore<ConfigMap>()
  const labelled = (name: string, tier: string): ConfigMap => map(name, '1', { labels: { tier } })
  store.set('a/x', labelled('x', 'front'))
  store.addIndex('tier', ({ metadata }) => [metadata.labels?.['tier'] ?? ''])
  store.set('a/y', labelled('y', 'front'))
  store.set('a/x', labelled('x', 'back'))
  const names = (tier: string): string[] => store.byIndex('tier', tier).map(({ metadata }) => metadata.name)
  assert.deepEqual([names('front'), names('back')], [['y'], ['x']])
  store.delete('a/y')
  assert.deepEqual([names('front'), store.list({ namespace: 'a' }).length, store.list({ namespace: 'b' })], [[], 1, []])
  assert.throws(() => store.byIndex('none', 'x'), /There is no index "none"/)
})

test('keys', () => {
  assert.deepEqual(
    [keyOf({ name: 'n' }), keyOf({ name: 'n', namespace: 'a' }), nameOfKey('a/n'), nameOfKey('n')],
    ['n', 'a/n', { namespace: 'a', name: 'n' }, { name: 'n' }],
  )
})
