import assert from 'node:assert/strict'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { channelFormat, Channels, decodeMessage, encodeMessage } from './channels.ts'
import { HttpClient } from './client.ts'
import { HttpServer } from './server.ts'
import {
  acceptWebSocket,
  chooseProtocol,
  connectWebSocket,
  offeredProtocols,
  WebSocketConnection,
} from './webSocket.ts'
import type { WebSocketOptions } from './webSocket.ts'

const supported = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io']

async function serve(options: WebSocketOptions = {}) {
  const accepted = Promise.withResolvers<WebSocketConnection>()
  const server = new HttpServer({
    async handler(request, reply) {
      if (request.upgrade?.protocol !== 'websocket') return reply.send(400, {}, 'upgrade required')
      const offered = offeredProtocols(request)
      const protocol = chooseProtocol(offered, supported)
      if (protocol === undefined && offered.length > 0) return reply.send(403, {}, 'no common protocol')
      accepted.resolve(await acceptWebSocket(request.upgrade, protocol ?? '', options))
    },
  })
  const clients: WebSocketConnection[] = []
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    url: `http://127.0.0.1:${port}/`,
    accepted: accepted.promise,
    async connect(...protocols: string[]): Promise<WebSocketConnection> {
      const connection = await connectWebSocket(this.url, protocols, {})
      assert.ok(connection instanceof WebSocketConnection)
      clients.push(connection)
      return connection
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.terminate()
      await server.close(AbortSignal.abort())
    },
  }
}

describe('the handshake', () => {
  test('takes the first offered protocol that is supported', async () => {
    await using at = await serve()
    const client = await at.connect('v9.channel.k8s.io', 'v4.channel.k8s.io', 'v5.channel.k8s.io')
    assert.deepEqual([client.protocol, (await at.accepted).protocol], ['v4.channel.k8s.io', 'v4.channel.k8s.io'])
  })

  test('refusals reach the client whole', async () => {
    await using at = await serve()
    const refused = await connectWebSocket(at.url, ['v9.channel.k8s.io'], {})
    assert.ok('refused' in refused)
    assert.deepEqual([refused.refused.status, refused.refused.body.toString()], [403, 'no common protocol'])
  })

  test('a protocol name with a slash is agreed on', async () => {
    await using at = await serve()
    const client = new HttpClient({ url: at.url })
    const upgraded = await client.upgrade({
      path: '/',
      protocol: 'websocket',
      headers: {
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
        'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
      },
    })
    assert.ok('socket' in upgraded)
    assert.equal(upgraded.headers['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io')
    assert.equal(upgraded.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    upgraded.socket.destroy()
  })

  test('a broken handshake is answered', async () => {
    await using at = await serve()
    const client = new HttpClient({ url: at.url })
    const upgraded = await client.upgrade({
      path: '/',
      protocol: 'websocket',
      headers: { 'sec-websocket-version': '13' },
    })
    assert.ok('refused' in upgraded)
    assert.equal(upgraded.refused.status, 400)
    upgraded.refused.discard()
  })

  test('a refused connection is named', async () => {
    await assert.rejects(connectWebSocket('http://127.0.0.1:1/', [], {}), {
      name: 'HttpClientError',
      problem: 'refused',
    })
  })
})

describe('channels', () => {
  test('formats of all subprotocols', () => {
    const rows = [
      'v5.channel.k8s.io',
      'v4.channel.k8s.io',
      'v4.base64.channel.k8s.io',
      'channel.k8s.io',
      'base64.channel.k8s.io',
      '',
      'v5.base64.channel.k8s.io',
      'other',
    ]
    assert.deepEqual(
      rows.map((protocol) => {
        const format = channelFormat(protocol)
        return format && [format.base64, format.closeSignal].map(Number).join('')
      }),
      ['01', '00', '10', '00', '10', '00', undefined, undefined],
    )
  })

  test('messages', () => {
    const binary = { base64: false, closeSignal: true }
    const text = { base64: true, closeSignal: false }
    assert.deepEqual(encodeMessage(binary, 1, Buffer.from('hi')), Buffer.from('\x01hi'))
    assert.equal(encodeMessage(text, 1, Buffer.from('hi')), '1aGk=')
    assert.deepEqual(decodeMessage(text, Buffer.from('0aGk='), false), {
      channel: 0,
      bytes: Buffer.from('hi'),
      end: false,
    })
    assert.deepEqual(decodeMessage(binary, Buffer.of(255, 0), true), { channel: 0, bytes: Buffer.alloc(0), end: true })
    assert.deepEqual(decodeMessage({ ...binary, closeSignal: false }, Buffer.of(255, 0), true), {
      channel: 255,
      bytes: Buffer.of(0),
      end: false,
    })
    assert.equal(decodeMessage(binary, Buffer.alloc(0), true), undefined)
    assert.equal(decodeMessage(text, Buffer.from('x'), false), undefined)
  })

  for (const protocol of ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    test(`bytes flow both ways over ${protocol}`, async () => {
      await using at = await serve()
      const format = channelFormat(protocol)!
      const client = new Channels(await at.connect(protocol), format, [0, 1, 3])
      const server = new Channels(await at.accepted, format, [0, 1, 3])
      const sent = Buffer.alloc(3_000_000, 'abcdefg')
      client.channel(0).end(sent)
      server.channel(0).pipe(server.channel(1))
      if (!format.closeSignal) {
        // The end of a channel cannot be said: whoever sent enough closes the connection.
        let echoed = 0
        const pieces: Buffer[] = []
        for await (const piece of client.channel(1)) {
          pieces.push(piece as Buffer)
          if ((echoed += (piece as Buffer).length) === sent.length) client.close()
        }
        assert.ok(Buffer.concat(pieces).equals(sent))
      } else {
        assert.ok((await buffer(client.channel(1))).equals(sent))
        server.channel(3).end('{"status":"Success"}')
        assert.equal((await buffer(client.channel(3))).toString(), '{"status":"Success"}')
      }
    })
  }

  test('a channel that nobody reads holds the sender back', async () => {
    await using at = await serve()
    const format = channelFormat('v5.channel.k8s.io')!
    const client = new Channels(await at.connect('v5.channel.k8s.io'), format, [0])
    const server = new Channels(await at.accepted, format, [0])
    const writer = client.channel(0)
    const piece = Buffer.alloc(256 * 1024)
    let sent = 0
    let taken = 0
    // Without back-pressure all 120 pieces (30 MB) would be taken; sockets and buffers hold far less.
    for (; sent < 120; sent++) writer.write(piece, () => taken++)
    const readable = server.channel(0)
    await once(readable, 'readable')
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(taken < 80, `${taken} pieces were taken`)
    writer.end()
    assert.equal((await buffer(readable)).length, 120 * piece.length)
  })

  test('channels end with the connection', async () => {
    await using at = await serve()
    const format = channelFormat('v4.channel.k8s.io')!
    const client = await at.connect('v4.channel.k8s.io')
    const server = new Channels(await at.accepted, format, [0])
    const read = buffer(server.channel(0))
    client.send(Buffer.from('\0last'))
    client.send(Buffer.from('\x07dropped'))
    client.close()
    assert.equal((await read).toString(), 'last')
  })
})

test('a connection that answers no pings is cut', async () => {
  const clock = new SimulatedClock()
  await using at = await serve({ clock, pingEvery: 1_000 })
  const client = await at.connect()
  const server = await at.accepted
  server.onMessage(() => undefined)
  // The client does not read, so it cannot answer.
  client.pause()
  await clock.advance(1_000)
  await clock.advance(1_000)
  assert.equal(await server.closed, 1006)
  assert.equal(clock.pending, 0)
})

test('a connection as a stream', async () => {
  await using at = await serve()
  const client = (await at.connect()).toStream()
  const server = (await at.accepted).toStream()
  server.pipe(server)
  client.write('one')
  assert.equal(String((await once(client, 'data'))[0]), 'one')
  client.destroy()
})
