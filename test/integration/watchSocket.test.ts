// Watches over WebSockets, as browsers open them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectWebSocket, WebSocketConnection } from '#lib/http/webSocket.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, userHeader } from './apiServerHttp.ts'
import { path } from './readFixture.ts'

test('a browser gets the protocol that it offers, but for its token, and a goodbye when the time is up', async () => {
  const clock = new SimulatedClock()
  const tokens = staticTokens('secret,jane,1,"system:masters"\n', ['https://kubernetes.default.svc.cluster.local'])
  await using fixture = await startServer({ clock, tokenAuthenticators: [tokens] })
  await using http = await listen(fixture.server)
  await http.ask('POST', path, { body: { metadata: { name: 'a' } } })
  const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('secret').toString('base64url')}`
  for (const [offered, headers] of [
    [['base64.binary.k8s.io'], { [userHeader]: 'admin' }],
    [[token, 'base64.binary.k8s.io'], {}],
  ] as const) {
    const url = `http://127.0.0.1:${http.port}${path}?watch=true&timeoutSeconds=60`
    const socket = await connectWebSocket(url, offered, { headers })
    assert.ok(socket instanceof WebSocketConnection)
    assert.equal(socket.protocol, 'base64.binary.k8s.io')
    const first = await new Promise<Buffer>((resolve) => socket.onMessage(resolve))
    assert.match(first.toString(), /^\{"type":"ADDED","object":\{"kind":"ConfigMap",.*"name":"a"/)
    await clock.advance('60s')
    assert.equal(await socket.closed, 1000)
  }
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
