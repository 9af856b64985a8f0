import assert from 'node:assert/strict'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import type { Client } from '#client/client.ts'
import { conformance } from './conformance.ts'
import { namespace, watching, withServer } from './lifeCycle.ts'

const at = (name: string) => ({ name, namespace })

function create(client: Client, name: string, label = 'a'): Promise<ConfigMap> {
  return client.create(configMaps, { metadata: { ...at(name), labels: { watched: label } } })
}

function mutate(client: Client, name: string, mutation: number): Promise<ConfigMap> {
  return client.patch(configMaps, at(name), { type: 'merge', body: { data: { mutation: String(mutation) } } })
}

function relabel(client: Client, name: string, watched: string): Promise<ConfigMap> {
  return client.patch(configMaps, at(name), { type: 'merge', body: { metadata: { labels: { watched } } } })
}

conformance(
  '[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps',
  () =>
    withServer(async (client) => {
      await using a = watching(client, configMaps, { namespace, labelSelector: 'watched=a' })
      await using b = watching(client, configMaps, { namespace, labelSelector: 'watched=b' })
      await using both = watching(client, configMaps, { namespace, labelSelector: 'watched in (a,b)' })
      await create(client, 'of-a')
      await mutate(client, 'of-a', 1)
      await mutate(client, 'of-a', 2)
      await client.delete(configMaps, at('of-a'))
      await create(client, 'of-b', 'b')
      await client.delete(configMaps, at('of-b'))
      const ofA = ['ADDED of-a', 'MODIFIED of-a', 'MODIFIED of-a', 'DELETED of-a']
      const ofB = ['ADDED of-b', 'DELETED of-b']
      assert.deepEqual(await both.until((events) => events.length >= 6), [...ofA, ...ofB])
      assert.deepEqual(await a.until((events) => events.length >= 4), ofA)
      assert.deepEqual(await b.until((events) => events.length >= 2), ofB)
      const last = a.events.at(-1)
      assert.deepEqual(last?.type === 'DELETED' && last.object.data, { mutation: '2' })
    }),
)

conformance('[sig-api-machinery] Watchers should be able to start watching from a specific resource version', () =>
  withServer(async (client) => {
    await create(client, 'one')
    const first = await mutate(client, 'one', 1)
    await mutate(client, 'one', 2)
    await client.delete(configMaps, at('one'))
    await using seen = watching(client, configMaps, { namespace }, first.metadata.resourceVersion)
    assert.deepEqual(await seen.until((events) => events.length >= 2), ['MODIFIED one', 'DELETED one'])
  }),
)

conformance(
  '[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch',
  () =>
    withServer(async (client) => {
      let last = ''
      {
        await using seen = watching(client, configMaps, { namespace, labelSelector: 'watched=a' })
        await create(client, 'one')
        await mutate(client, 'one', 1)
        await seen.until((events) => events.length === 2)
        last = seen.events.at(-1)!.object.metadata.resourceVersion!
      }
      await mutate(client, 'one', 2)
      await using again = watching(client, configMaps, { namespace, labelSelector: 'watched=a' }, last)
      await client.delete(configMaps, at('one'))
      assert.deepEqual(await again.until((events) => events.length >= 2), ['MODIFIED one', 'DELETED one'])
    }),
)

conformance(
  '[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector',
  () =>
    withServer(async (client) => {
      await using seen = watching(client, configMaps, { namespace, labelSelector: 'watched=a' })
      await create(client, 'one')
      await mutate(client, 'one', 1)
      await relabel(client, 'one', 'wrong')
      await mutate(client, 'one', 2)
      await relabel(client, 'one', 'a')
      await mutate(client, 'one', 3)
      await client.delete(configMaps, at('one'))
      const changes = ['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'MODIFIED', 'DELETED']
      assert.deepEqual(
        await seen.until((events) => events.length >= changes.length),
        changes.map((type) => `${type} one`),
      )
      const back = seen.events[3]
      assert.deepEqual(back?.type === 'ADDED' && back.object.data, { mutation: '2' })
    }),
)

conformance('[sig-api-machinery] Watchers should receive events on concurrent watches in same order', () =>
  withServer(async (client) => {
    const first = await create(client, 'first')
    const writes: (() => Promise<unknown>)[] = []
    for (let index = 0; index < 30; index++) {
      writes.push(
        () => create(client, `m${index}`),
        () => mutate(client, `m${index}`, index),
      )
      if (index % 3 === 0) writes.push(() => client.delete(configMaps, at(`m${index}`)))
    }
    for (const write of writes) await write()
    await using whole = watching(client, configMaps, { namespace }, first.metadata.resourceVersion)
    await whole.until((events) => events.length === writes.length)
    const versions = whole.events.map((event) => event.object.metadata.resourceVersion)
    const later: Promise<void>[] = versions.slice(0, -1).map(async (version, index) => {
      await using seen = watching(client, configMaps, { namespace }, version)
      await seen.until((events) => events.length === versions.length - index - 1)
      assert.deepEqual(
        seen.events.map((event) => event.object.metadata.resourceVersion),
        versions.slice(index + 1),
      )
    })
    await Promise.all(later)
  }),
)
