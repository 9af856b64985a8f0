import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPlaces, renderPlaces, replaceTable, usedResources } from './whereIs.ts'

test('a value that is imported is used, a type is not', () => {
  const text = `import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Node } from '#api/core/v1/node.ts'
import {
  events as groupEvents,
  type Event,
} from '#api/events/v1/event.ts'
import { keyOf } from '#client/index.ts'
`
  assert.deepEqual(usedResources(text), ['api/core/v1/pod.ts pods', 'api/events/v1/event.ts events'])
})

test('kinds are found where they are', async () => {
  const places = await findPlaces()
  const placeOf = (kind: string): unknown => {
    const { usedBy, ...place } = places.find((each) => each.kind === kind)!
    return { ...place, usedBy: usedBy.filter((folder) => ['controllers/replicaSet/', 'dns/'].includes(folder)) }
  }
  assert.deepEqual(
    [placeOf('ReplicaSet'), placeOf('Service')],
    [
      {
        kind: 'ReplicaSet',
        apiVersion: 'apps/v1',
        shape: 'api/apps/v1/replicaSet.ts',
        servedBy: 'resources/apps/replicaSet.ts',
        usedBy: ['controllers/replicaSet/'],
      },
      {
        kind: 'Service',
        apiVersion: 'v1',
        shape: 'api/core/v1/service.ts',
        servedBy: 'resources/core/service/',
        usedBy: ['dns/'],
      },
    ],
  )
})

test('a table replaces the one before it', () => {
  const document = 'a\n<!-- kinds: written by "npm run generate" -->\nold\n<!-- end of kinds -->\nb\n'
  const place = { kind: 'Pod', apiVersion: 'v1', shape: 'x.ts', servedBy: 'y/', usedBy: [] }
  assert.equal(
    replaceTable(document, renderPlaces([place])),
    'a\n<!-- kinds: written by "npm run generate" -->\n' +
      '| kind | shape | served by | used by |\n| --- | --- | --- | --- |\n| Pod (v1) | `x.ts` | `y/` | – |\n' +
      '<!-- end of kinds -->\nb\n',
  )
  assert.throws(() => replaceTable('a\n', ''), /has no "<!-- kinds/)
})
