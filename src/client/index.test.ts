import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap } from '#api/core/v1/configMap.ts'
import { IndexedStore, keyOf } from './index.ts'

/** A config map in a place, of a colour. */
function mapOf(name: string, place: string, colour: string): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'n' }, data: { place, colour } }
}

function storeOf(maps: readonly ConfigMap[], likeness?: (map: ConfigMap) => string): IndexedStore<ConfigMap> {
  const store = new IndexedStore<ConfigMap>()
  store.addIndex('place', ({ data }) => [data!['place']!], likeness)
  for (const map of maps) store.set(keyOf(map.metadata), map)
  return store
}

function namesOf(groups: readonly (readonly ConfigMap[])[]): readonly (readonly string[])[] {
  return groups.map((group) => group.map(({ metadata }) => metadata.name))
}

const colourOf = ({ data }: ConfigMap): string => data!['colour']!
const maps = [mapOf('a', 'x', 'red'), mapOf('b', 'x', 'blue'), mapOf('c', 'x', 'red'), mapOf('d', 'y', 'red')]

test('an index groups what is alike', () => {
  const store = storeOf(maps, colourOf)
  assert.deepEqual(
    { x: namesOf(store.groups('place', 'x')), y: namesOf(store.groups('place', 'y')), z: store.groups('place', 'z') },
    { x: [['a', 'c'], ['b']], y: [['d']], z: [] },
  )
  assert.deepEqual(namesOf([store.byIndex('place', 'x')]), [['a', 'c', 'b']])
})

test('an object that changes leaves its group, and an empty group goes', () => {
  const store = storeOf(maps, colourOf)
  const before = store.groups('place', 'x')
  store.set('n/b', mapOf('b', 'x', 'red'))
  store.set('n/a', mapOf('a', 'y', 'blue'))
  store.delete('n/d')
  assert.deepEqual(
    { x: namesOf(store.groups('place', 'x')), y: namesOf(store.groups('place', 'y')), before: namesOf(before) },
    { x: [['c', 'b']], y: [['a']], before: [['a', 'c'], ['b']] },
  )
})

test('the same index again changes nothing, another of the same name is refused', () => {
  const placeOf = ({ data }: ConfigMap): readonly string[] => [data!['place']!]
  const store = new IndexedStore<ConfigMap>()
  store.addIndex('place', placeOf, colourOf)
  for (const map of maps) store.set(keyOf(map.metadata), map)
  store.addIndex('place', placeOf, colourOf)
  assert.deepEqual(namesOf(store.groups('place', 'x')), [['a', 'c'], ['b']])
  const refused = /There is another index "place" already; give one of the two another name, or both the same functions/
  assert.throws(() => store.addIndex('place', ({ data }) => [data!['colour']!], colourOf), refused)
  assert.throws(() => store.addIndex('place', placeOf), refused)
})

test('without a likeness every object is a group by itself', () => {
  const store = storeOf(maps)
  assert.deepEqual(namesOf(store.groups('place', 'x')), [['a'], ['b'], ['c']])
  assert.throws(() => store.groups('colour', 'red'), /There is no index "colour"/)
})
