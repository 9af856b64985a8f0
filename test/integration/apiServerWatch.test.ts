import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { clientOver } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'
import type { KubeObject } from '#api/resource.ts'
import { connectWebSocket } from '#lib/http/webSocket.ts'
import { decodeWatchFrame } from '#machinery/codec/protobuf.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listen, userHeader } from './apiServerHttp.ts'
import { testAudience, testUsers } from './secureServer.ts'

const namespace = 'default'
const path = '/api/v1/namespaces/default/configmaps'

interface Seen {
  readonly type: string
  readonly name: string
  readonly revision: string
}

/** Collects what a watch delivers until it is disposed of. */
class Watching implements Disposable {
  readonly seen: Seen[] = []
  error: unknown
  ended = false
  readonly #stop = new AbortController()

  constructor(fixture: ServerFixture, query: Record<string, string>, where = path) {
    const run = async (): Promise<void> => {
      for await (const batch of fixture.transport.watch({ method: 'GET', path: where, query }, this.#stop.signal)) {
        for (const { type, object } of batch) {
          const { name = '', resourceVersion = '' } = object.metadata as { name?: string; resourceVersion?: string }
          this.seen.push({ type, name, revision: resourceVersion })
        }
      }
      this.ended = true
    }
    run().catch((error: unknown) => {
      this.error = error
    })
  }

  get types(): string[] {
    return this.seen.map(({ type, name }) => `${type} ${name}`.trim())
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
  }
}

test('entering a selection is an addition, leaving it a deletion', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  const client = clientOver(fixture.transport)
  using watching = new Watching(fixture, { labelSelector: 'color=red' })
  const at = { name: 'a', namespace }
  const paint = (color: string | null): Promise<ConfigMap> =>
    client.patch(configMaps, at, { type: 'merge', body: { metadata: { labels: { color } } } as never })
  await client.create(configMaps, { metadata: { ...at, labels: { color: 'blue' } } })
  await paint('red')
  await client.patch(configMaps, at, { type: 'merge', body: { data: { k: 'v' } } })
  const left = await paint('blue')
  await client.patch(configMaps, at, { type: 'merge', body: { data: { k: 'w' } } })
  await paint('red')
  await client.delete(configMaps, at)
  await clock.advance(0)
  assert.deepEqual(watching.types, ['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a'])
  assert.equal(watching.seen[2]?.revision, left.metadata.resourceVersion, 'a deletion has the revision of the change')
})

test('a watch sees its namespace, its name and nothing else', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  const client = clientOver(fixture.transport)
  using inNamespace = new Watching(fixture, {})
  using byName = new Watching(fixture, { fieldSelector: 'metadata.name=b' }, '/api/v1/configmaps')
  for (const each of ['default', 'kube-system']) {
    for (const name of ['a', 'b']) await client.create(configMaps, { metadata: { name, namespace: each } })
  }
  await clock.advance(0)
  assert.deepEqual(inNamespace.types, ['ADDED a', 'ADDED b'])
  assert.deepEqual(byName.types, ['ADDED b', 'ADDED b'])
})

test('bookmarks come every minute and before the end, and only to those who asked', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  const client = clientOver(fixture.transport)
  const start = String(await fixture.store.revision())
  using asked = new Watching(fixture, { allowWatchBookmarks: 'true', timeoutSeconds: '200', resourceVersion: start })
  using silent = new Watching(fixture, { timeoutSeconds: '200' })
  await clock.advance('1s')
  await client.create(configMaps, { metadata: { name: 'elsewhere', namespace: 'kube-system' } })
  await clock.advance('80s')
  const revision = String(await fixture.store.revision())
  assert.deepEqual(asked.seen, [{ type: 'BOOKMARK', name: '', revision }])
  await clock.advance('5m')
  assert.ok(asked.ended && silent.ended)
  // Also when nothing has changed since: they are a sign of life.
  assert.deepEqual(asked.types, ['BOOKMARK', 'BOOKMARK', 'BOOKMARK', 'BOOKMARK'])
  assert.deepEqual(silent.seen, [])
  assert.equal(clock.pending, 0)
})

test('a watch from a revision that is no longer kept is refused', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock, windowEvents: 8 })
  const client = clientOver(fixture.transport)
  const first = await client.create(configMaps, { metadata: { name: 'first', namespace } })
  for (let i = 0; i < 40; i++) await client.create(configMaps, { metadata: { name: `m${i}`, namespace } })
  using watching = new Watching(fixture, { resourceVersion: first.metadata.resourceVersion! })
  await clock.advance(0)
  assert.ok(isReason(watching.error, 'Expired'), String(watching.error))
  assert.match((watching.error as Error).message, /^too old resource version: \d+ \(\d+\)$/)
})

test('a watcher that does not read is cut off and holds nobody up', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock, windowEvents: 8 })
  const client = clientOver(fixture.transport)
  const stop = new AbortController()
  const slow = fixture.transport
    .watch({ method: 'GET', path, query: { resourceVersion: '1' } }, stop.signal)
    [Symbol.asyncIterator]()
  const revision = String(await fixture.store.revision())
  const fromNow = fixture.transport
    .watch({ method: 'GET', path, query: { resourceVersion: revision } }, stop.signal)
    [Symbol.asyncIterator]()
  const pending = fromNow.next()
  await client.create(configMaps, { metadata: { name: 'first', namespace } })
  await pending
  for (let i = 0; i < 40; i++) await client.create(configMaps, { metadata: { name: `m${i}`, namespace } })
  await assert.rejects(fromNow.next(), (error) => isReason(error, 'Expired'))
  await assert.rejects(slow.next(), (error) => isReason(error, 'Expired'))
  stop.abort()
})

test('every watcher sees every change once, in order, wherever it starts', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  const client = clientOver(fixture.transport)
  const start = String(await fixture.store.revision())
  const watchers: Watching[] = []
  for (let i = 0; i < 30; i++) {
    await Promise.all([
      client.create(configMaps, { metadata: { name: `a${i}`, namespace } }),
      client.create(configMaps, { metadata: { name: `b${i}`, namespace } }),
    ])
    watchers.push(new Watching(fixture, { resourceVersion: start }))
  }
  await clock.advance(0)
  const expected = watchers[0]!.seen
  assert.equal(expected.length, 60)
  const revisions = expected.map(({ revision }) => Number(revision))
  assert.deepEqual(
    revisions,
    revisions.toSorted((a, b) => a - b),
  )
  for (const watcher of watchers) {
    assert.deepEqual(watcher.seen, expected)
    watcher[Symbol.dispose]()
  }
})

test('a watch over WebSocket has a message for each event, and ends with its connection', async () => {
  await using fixture = await startServer({ tokenAuthenticators: [staticTokens(testUsers, [testAudience])] })
  await using http = await listen(fixture.server)
  const watch = async (accept: string, protocols: readonly string[] = []) => {
    const url = `http://127.0.0.1:${http.port}/api/v1/namespaces?watch=true`
    const connection = await connectWebSocket(url, protocols, {
      headers: protocols.length > 0 ? {} : { [userHeader]: 'admin', accept },
    })
    assert.ok(!('refused' in connection))
    const messages: { readonly data: Buffer; readonly binary: boolean }[] = []
    const third = Promise.withResolvers<void>()
    connection.onMessage((data, binary) => {
      if (messages.push({ data, binary }) === 3) third.resolve()
    })
    await third.promise
    return { connection, messages }
  }
  const watching = (): boolean =>
    /longrunning_requests\{[^}]*namespaces[^}]*\} [1-9]/.test(fixture.server.metrics.render())
  const json = await watch('application/json')
  assert.deepEqual(
    json.messages.map(({ data, binary }) => {
      const { type, object } = JSON.parse(data.toString()) as { type: string; object: KubeObject }
      return [binary, type, object.metadata.name]
    }),
    [
      [false, 'ADDED', 'default'],
      [false, 'ADDED', 'kube-public'],
      [false, 'ADDED', 'kube-system'],
    ],
  )
  const protobuf = await watch('application/vnd.kubernetes.protobuf')
  assert.deepEqual(
    protobuf.messages.map(({ data, binary }) => [binary, decodeWatchFrame(data).type]),
    Array.from({ length: 3 }, () => [true, 'ADDED']),
  )
  // Browsers send their token as a subprotocol; it is not told to them again.
  const browser = await watch('', ['base64url.bearer.authorization.k8s.io.cm9vdA', 'anything'])
  assert.deepEqual([browser.connection.protocol, browser.messages[0]!.binary], ['anything', false])
  browser.connection.terminate()
  assert.equal(watching(), true)
  json.connection.terminate()
  protobuf.connection.close()
  assert.equal(await protobuf.connection.closed, 1000)
  while (watching()) await new Promise((resolve) => setImmediate(resolve))
})
