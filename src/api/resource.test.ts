import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allResources } from './index.ts'
import { apiVersionOf, resource } from './resource.ts'

test('the singular is the kind in lower case unless given', () => {
  const names = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', scope: 'Namespaced' } as const
  assert.equal(resource(names).singular, 'configmap')
  assert.equal(resource({ ...names, singular: 'cm' }).singular, 'cm')
})

test('the core group has no name in apiVersion', () => {
  assert.equal(apiVersionOf({ group: '', version: 'v1' }), 'v1')
  assert.equal(apiVersionOf({ group: 'apps', version: 'v1' }), 'apps/v1')
})

test('no two resources share an address, and every name is one that paths and commands can carry', () => {
  const addresses = allResources.map((one) => `${apiVersionOf(one)}/${one.plural}`)
  assert.deepEqual(
    addresses.filter((address, index) => addresses.indexOf(address) !== index),
    [],
  )
  for (const { plural, singular, kind } of allResources) {
    assert.match(plural, /^[a-z]+$/)
    assert.equal(singular, kind.toLowerCase())
  }
})

test('short names are unique within what users type; versions of a kind and both event groups share theirs', () => {
  const owners = new Map<string, Set<string>>()
  for (const { shortNames = [], plural } of allResources) {
    for (const name of shortNames) owners.set(name, (owners.get(name) ?? new Set()).add(plural))
  }
  assert.deepEqual(
    [...owners].filter(([, plurals]) => plurals.size > 1),
    [],
  )
})

test('a resource cannot be changed by those who share it', () => {
  for (const one of allResources) assert.ok(Object.isFrozen(one))
})
