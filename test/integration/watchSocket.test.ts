// Watches over WebSockets, as browsers open them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectWebSocket, WebSocketConnection } from '#lib/http/webSocket.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, userHeader, type HttpFixture } from './apiServerHttp.ts'
import { path, protobufEvents, type WatchEvent } from './readFixture.ts'

async function open(
  http: HttpFixture,
  query: string,
  protocols: readonly string[] = [],
  headers: Record<string, string> = {},
): Promise<WebSocketConnection> {
  const url = `http://127.0.0.1:${http.port}${path}?watch=true${query}`
  const opened = await connectWebSocket(url, protocols, { headers: { [userHeader]: 'admin', ...headers } })
  assert.ok(opened instanceof WebSocketConnection, 'the server took the connection')
  return opened
}

/** The messages of a connection as they come. */
function messages(socket: WebSocketConnection): { next(): Promise<{ data: Buffer; binary: boolean }> } {
  const waiting: { data: Buffer; binary: boolean }[] = []
  let wake: (() => void) | undefined
  socket.onMessage((data, binary) => {
    waiting.push({ data, binary })
    wake?.()
  })
  return {
    async next() {
      while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return waiting.shift()!
    },
  }
}

test('each event is one message, in JSON as text and in protobuf as bytes', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  for (const name of ['a', 'b']) await http.ask('POST', path, { body: { metadata: { name } } })
  const socket = await open(http, '&timeoutSeconds=60', ['base64.binary.k8s.io'])
  assert.equal(socket.protocol, 'base64.binary.k8s.io', 'a browser gets what it offers')
  const events = messages(socket)
  const next = async (): Promise<string> => {
    const { data, binary } = await events.next()
    assert.equal(binary, false)
    const { type, object } = JSON.parse(data.toString('utf8')) as WatchEvent
    return `${type} ${object.metadata.name}`
  }
  assert.deepEqual([await next(), await next()], ['ADDED a', 'ADDED b'])
  await http.ask('DELETE', `${path}/a`)
  assert.equal(await next(), 'DELETED a')
  await clock.advance('60s')
  assert.equal(await socket.closed, 1000, 'it ends in good order when its time is up')

  const accept = 'application/vnd.kubernetes.protobuf'
  const bytes = await open(http, '', [], { accept })
  const { data, binary } = await messages(bytes).next()
  assert.equal(binary, true)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const [event] = protobufEvents(Buffer.concat([length, data]), 'ConfigMap')
  assert.deepEqual([event?.type, event?.object.metadata.name], ['ADDED', 'b'])
  bytes.terminate()
  assert.deepEqual(fixture.bugs, [])
})

test('a watch ends when its connection does', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const gauge = async (): Promise<string | undefined> => {
    const { text } = await http.ask('GET', '/metrics')
    return /^apiserver_longrunning_requests\{.*resource="configmaps".*\} (\d+)$/m.exec(text)?.[1]
  }
  const socket = await open(http, '')
  while ((await gauge()) !== '1') await new Promise((resolve) => setImmediate(resolve))
  socket.terminate()
  while ((await gauge()) !== '0') await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(fixture.bugs, [])
})

test('who may not watch is told so before a connection is taken', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const url = `http://127.0.0.1:${http.port}${path}?watch=true`
  const refused = await connectWebSocket(url, [], { headers: { [userHeader]: 'nobody' } })
  assert.ok('refused' in refused)
  assert.equal(refused.refused.status, 403)
})
