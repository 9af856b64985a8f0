import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectMeta, OwnerReference } from '#api/meta/v1/objectMeta.ts'
import { resource, type KubeObject } from '#api/resource.ts'
import { OwnershipGraph } from './graph.ts'
import { planItem, type ItemPlan, type OwnerState } from './plan.ts'

const things = resource({ group: 'example.com', version: 'v1', kind: 'Thing', plural: 'things', scope: 'Namespaced' })

function thing(uid: string, owners: readonly string[] = [], metadata: Partial<ObjectMeta> = {}): KubeObject {
  const ownerReferences = owners.map((owner): OwnerReference => {
    const blockOwnerDeletion = !owner.startsWith('-')
    const name = owner.replace('-', '')
    return {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      name,
      uid: name,
      ...(blockOwnerDeletion ? { blockOwnerDeletion } : {}),
    }
  })
  return {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: uid, namespace: 'a', uid, ...(owners.length === 0 ? {} : { ownerReferences }), ...metadata },
  }
}

const ending = (finalizer: string): Partial<ObjectMeta> => ({ deletionTimestamp: 'x', finalizers: [finalizer] })

const rows: readonly {
  name: string
  object: KubeObject
  dependents?: readonly KubeObject[]
  owners?: Readonly<Record<string, OwnerState>>
  plan: ItemPlan
}[] = [
  { name: 'without owners', object: thing('a'), plan: { do: 'nothing' } },
  { name: 'its owner is there', object: thing('a', ['o']), owners: { o: 'there' }, plan: { do: 'nothing' } },
  {
    name: 'its owner is gone',
    object: thing('a', ['o']),
    owners: { o: 'gone' },
    plan: { do: 'delete', policy: 'Background', unblock: false },
  },
  {
    name: 'one of two owners is gone',
    object: thing('a', ['o', 'p']),
    owners: { o: 'gone', p: 'there' },
    plan: { do: 'dropOwners', uids: ['o'] },
  },
  {
    name: 'one of two owners waits',
    object: thing('a', ['o', 'p']),
    owners: { o: 'waiting', p: 'there' },
    plan: { do: 'dropOwners', uids: ['o'] },
  },
  {
    name: 'its owner waits',
    object: thing('a', ['o']),
    owners: { o: 'waiting' },
    plan: { do: 'delete', policy: 'Background', unblock: false },
  },
  {
    name: 'its owner waits and it has dependents',
    object: thing('a', ['o']),
    dependents: [thing('d', ['a'])],
    owners: { o: 'waiting' },
    plan: { do: 'delete', policy: 'Foreground', unblock: false },
  },
  {
    name: 'its owner waits, and its dependents wait in a circle',
    object: thing('a', ['d']),
    dependents: [thing('d', ['a'], ending('foregroundDeletion'))],
    owners: { d: 'waiting' },
    plan: { do: 'delete', policy: 'Foreground', unblock: true },
  },
  {
    name: 'the way it was to be deleted is kept',
    object: thing('a', ['o'], { finalizers: ['orphan'] }),
    owners: { o: 'gone' },
    plan: { do: 'delete', policy: 'Orphan', unblock: false },
  },
  {
    name: 'in the foreground, with dependents that block and one that does not',
    object: thing('a', [], ending('foregroundDeletion')),
    dependents: [thing('d', ['a']), thing('e', ['a'], ending('foregroundDeletion')), thing('f', ['-a'])],
    plan: { do: 'wait', blocking: ['d', 'e'], lookAt: ['d'] },
  },
  {
    name: 'in the foreground, nothing blocks any more',
    object: thing('a', [], ending('foregroundDeletion')),
    dependents: [thing('f', ['-a'])],
    plan: { do: 'removeFinalizer', finalizer: 'foregroundDeletion' },
  },
  {
    name: 'its dependents are to stay',
    object: thing('a', [], ending('orphan')),
    dependents: [thing('d', ['a'])],
    plan: { do: 'orphan', dependents: [thing('d', ['a'])] },
  },
  { name: 'on its way out for another reason', object: thing('a', ['o'], ending('x')), plan: { do: 'nothing' } },
]

for (const row of rows) {
  test(`item: ${row.name}`, () => {
    const stateOf = ({ uid }: OwnerReference): OwnerState => row.owners![uid]!
    assert.deepEqual(planItem(row.object, row.dependents ?? [], stateOf), row.plan)
  })
}

test('graph: dependents before owners, and an owner that goes', () => {
  const graph = new OwnershipGraph()
  assert.deepEqual(graph.set(things, thing('pod', ['set'])), ['pod'])
  assert.equal(graph.get('set')?.known, undefined)
  assert.deepEqual(graph.set(things, thing('set')), [])
  assert.deepEqual([...graph.get('set')!.dependents.keys()], ['pod'])
  assert.deepEqual(graph.delete('set'), ['pod'])
  assert.deepEqual(graph.delete('pod'), [])
  assert.equal(graph.size, 0)
})

test('graph: a change that has nothing to do with ownership is no reason to look', () => {
  const graph = new OwnershipGraph()
  graph.set(things, thing('pod', ['set']))
  assert.deepEqual(graph.set(things, thing('pod', ['set'], { labels: { a: 'b' } })), [])
})

const elsewhere = { namespace: 'b' }
const references: readonly {
  name: string
  owner?: KubeObject
  named?: Partial<OwnerReference>
  look: readonly string[]
}[] = [
  { name: 'that is there', owner: thing('set'), look: [] },
  { name: 'of another version', owner: thing('set'), named: { apiVersion: 'example.com/v2' }, look: [] },
  { name: 'that is not known', look: ['pod'] },
  { name: 'by another name', owner: thing('set'), named: { name: 'other' }, look: ['pod'] },
  { name: 'of another kind', owner: thing('set'), named: { kind: 'Other' }, look: ['pod'] },
  { name: 'of another group', owner: thing('set'), named: { apiVersion: 'v1' }, look: ['pod'] },
  { name: 'in another namespace', owner: thing('set', [], elsewhere), look: ['pod'] },
  { name: 'that waits for its dependents', owner: thing('set', [], ending('foregroundDeletion')), look: ['pod'] },
]

for (const { name, owner, named, look } of references) {
  test(`graph: an object names an owner ${name}`, () => {
    const graph = new OwnershipGraph()
    if (owner !== undefined) graph.set(things, owner)
    const ownerReferences = thing('pod', ['set']).metadata.ownerReferences!.map((each) => ({ ...each, ...named }))
    assert.deepEqual(graph.set(things, thing('pod', [], { ownerReferences })), look)
  })
}

test('graph: a foreground deletion is a reason to look at it and its dependents, and each that goes at it again', () => {
  const graph = new OwnershipGraph()
  graph.set(things, thing('set'))
  graph.set(things, thing('a', ['set']))
  graph.set(things, thing('b', ['set']))
  assert.deepEqual(graph.set(things, thing('set', [], ending('foregroundDeletion'))), ['set', 'a', 'b'])
  assert.deepEqual(graph.delete('a'), ['set'])
  assert.deepEqual(graph.set(things, thing('b', ['-set'])), ['set', 'b'])
})
