import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { isReason } from '#machinery/status.ts'
import { clientOver, type Client } from './client.ts'
import type { Transport, WatchEvent } from './transport.ts'

/** A transport to a server of its own in which the namespace `default` exists. */
export interface TransportUnderTest extends AsyncDisposable {
  readonly transport: Transport
}

const namespace = 'default'
const map = (name: string, data: Record<string, string> = {}) => ({ metadata: { name, namespace }, data })

/** What every transport must do, whatever the objects travel through. */
export function transportContract(name: string, open: () => Promise<TransportUnderTest>): void {
  const contract = (what: string, check: (client: Client) => Promise<void>): void => {
    test(`${name} transport: ${what}`, async () => {
      await using opened = await open()
      await check(clientOver(opened.transport))
    })
  }

  contract('what was written is read', async (client) => {
    const created = await client.create(configMaps, map('a', { key: 'value with "quotes", ünïcode and\nlines' }))
    assert.deepEqual(await client.get(configMaps, { name: 'a', namespace }), created)
    assert.equal(created.data?.['key'], 'value with "quotes", ünïcode and\nlines')
  })

  contract('answers are frozen', async (client) => {
    const created = await client.create(configMaps, map('a', { k: 'v' }))
    const listed = await client.list(configMaps, { namespace })
    for (const value of [created, created.metadata, created.data, listed.items, listed.items[0]]) {
      assert.ok(Object.isFrozen(value))
    }
  })

  contract('a refusal is thrown with its reason, message and details', async (client) => {
    await assert.rejects(client.get(configMaps, { name: 'none', namespace }), (error) => {
      assert.ok(isReason(error, 'NotFound'))
      assert.equal(error.message, 'configmaps "none" not found')
      assert.deepEqual(error.status.details, { name: 'none', kind: 'configmaps' })
      return true
    })
    await client.create(configMaps, map('a'))
    await assert.rejects(client.create(configMaps, map('a')), (error) => isReason(error, 'AlreadyExists'))
  })

  contract('patches keep their type', async (client) => {
    await client.create(configMaps, map('a', { k: 'v', l: 'w' }))
    const at = { name: 'a', namespace }
    await client.patch(configMaps, at, { type: 'merge', body: { data: { k: null } } })
    const operations = [{ op: 'add', path: '/data/m', value: 'x' }] as const
    const patched = await client.patch(configMaps, at, { type: 'json', operations })
    assert.deepEqual(patched.data, { l: 'w', m: 'x' })
  })

  contract('a stale write is a conflict', async (client) => {
    const first = await client.create(configMaps, map('a'))
    await client.update(configMaps, { ...first, data: { k: '1' } })
    await assert.rejects(client.update(configMaps, { ...first, data: { k: '2' } }), (error) =>
      isReason(error, 'Conflict'),
    )
  })

  contract('pages come in order and end', async (client) => {
    for (const each of ['a', 'b', 'c', 'd', 'e']) await client.create(configMaps, map(each))
    const first = await client.list(configMaps, { namespace, limit: 2 })
    assert.deepEqual(
      [first.items.map(({ metadata }) => metadata.name), first.continue !== undefined],
      [['a', 'b'], true],
    )
    const all = await client.listAll(configMaps, { namespace, limit: 2 })
    assert.deepEqual(
      all.items.map(({ metadata }) => metadata.name),
      ['a', 'b', 'c', 'd', 'e'],
    )
  })

  contract('a watch brings changes in order from where it starts', async (client) => {
    const { resourceVersion } = await client.create(configMaps, map('a')).then(({ metadata }) => metadata)
    await client.patch(configMaps, { name: 'a', namespace }, { type: 'merge', body: { data: { k: 'v' } } })
    await client.create(configMaps, map('b'))
    await client.delete(configMaps, { name: 'a', namespace })
    const options = { namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) }
    const seen = await firstEvents(client, options, 3)
    assert.deepEqual(
      seen.map(({ type, object }) => [type, (object as ConfigMap).metadata.name, (object as ConfigMap).data]),
      [
        ['MODIFIED', 'a', { k: 'v' }],
        ['ADDED', 'b', undefined],
        ['DELETED', 'a', { k: 'v' }],
      ],
    )
    assert.ok(seen.every(({ object }) => Object.isFrozen(object)))
  })

  contract('a watch can begin with what there is', async (client) => {
    await client.create(configMaps, map('a'))
    const options = { namespace, sendInitialEvents: true, allowBookmarks: true }
    const [added, bookmark] = await firstEvents(client, options, 2)
    assert.deepEqual([added?.type, bookmark?.type], ['ADDED', 'BOOKMARK'])
    const { annotations } = (bookmark as Extract<WatchEvent, { type: 'BOOKMARK' }>).object.metadata
    assert.deepEqual(annotations, { 'k8s.io/initial-events-end': 'true' })
  })

  contract('an aborted watch ends', async (client) => {
    const stop = new AbortController()
    const watching = (async () => {
      for await (const _batch of client.watch(configMaps, { namespace }, stop.signal)) continue
    })()
    setImmediate(() => stop.abort(new Error('enough')))
    await assert.rejects(watching, /enough/)
  })

  contract('a request that is aborted before it is sent is not sent', async (client) => {
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(client.create(configMaps, map('a'), { signal }), /enough/)
    await assert.rejects(client.get(configMaps, { name: 'a', namespace }), (error) => isReason(error, 'NotFound'))
  })

  contract('bytes come as a stream', async (client) => {
    const signal = new AbortController().signal
    const stream = await client.stream({ method: 'GET', path: '/livez' }, signal)
    const text = await new Response(stream).text()
    assert.equal(text, 'ok')
  })

  contract('names that would climb the path are refused', async (client) => {
    for (const bad of ['..', 'a/b', '%2e%2e', '']) {
      await assert.rejects(
        async () => client.get(configMaps, { name: bad, namespace }),
        (error) => isReason(error, 'BadRequest'),
      )
    }
  })
}

async function firstEvents(
  client: Client,
  options: Parameters<Client['watch']>[1],
  count: number,
): Promise<readonly WatchEvent<ConfigMap>[]> {
  const stop = new AbortController()
  const seen: WatchEvent<ConfigMap>[] = []
  try {
    for await (const batch of client.watch(configMaps, options, stop.signal)) {
      seen.push(...batch)
      if (seen.length >= count) break
    }
  } finally {
    stop.abort()
  }
  return seen.slice(0, count)
}
