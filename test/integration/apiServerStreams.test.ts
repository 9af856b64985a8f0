import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, connect as connectTcp, type AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { pods } from '#api/core/v1/pod.ts'
import { clientOver } from '#client/client.ts'
import { Channels, channelFormat } from '#lib/http/channels.ts'
import { HttpClient } from '#lib/http/client.ts'
import { SpdySession } from '#lib/http/spdy.ts'
import { connectWebSocket, type WebSocketConnection } from '#lib/http/webSocket.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, userHeader } from './apiServerHttp.ts'
import { playKubelet, type PlayedKubelet } from './playedKubelet.ts'

async function withPod(): Promise<{
  readonly kubelet: PlayedKubelet
  readonly port: number
  readonly ask: Awaited<ReturnType<typeof listen>>['ask']
  readonly stack: AsyncDisposableStack
}> {
  const stack = new AsyncDisposableStack()
  const kubelet = stack.use(await playKubelet())
  const fixture = stack.use(await startServer({ nodes: kubelet.connector }))
  const http = stack.use(await listen(fixture.server))
  const client = clientOver(fixture.transport)
  const containers = ['c', 'broken', 'moved', 'unreachable'].map((name) => ({ name, image: 'x' }))
  await client.create(pods, { metadata: { name: 'p', namespace: 'default' }, spec: { nodeName: 'n', containers } })
  return { kubelet, port: http.port, ask: http.ask, stack }
}

const podPath = '/api/v1/namespaces/default/pods/p'
const headers = { [userHeader]: 'admin' }

async function openWebSocket(port: number, path: string, protocols: readonly string[]): Promise<WebSocketConnection> {
  const opened = await connectWebSocket(`http://127.0.0.1:${port}${path}`, protocols, { headers })
  assert.ok(!('refused' in opened), 'refused' in opened ? opened.refused.body.toString() : '')
  return opened
}

/** The bytes inside of a WebSocket's binary messages. Made by hand: `ws` takes no subprotocol whose name has a slash. */
async function openTunnel(port: number, stack: AsyncDisposableStack): Promise<Duplex> {
  const client = new HttpClient({ url: `http://127.0.0.1:${port}` })
  stack.defer(() => client.close())
  const answer = await client.upgrade({
    path: `${podPath}/portforward`,
    protocol: 'websocket',
    headers: {
      ...headers,
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
    },
  })
  assert.ok(!('refused' in answer))
  assert.equal(answer.headers['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io')
  const { socket } = answer
  let received = answer.head
  const tunnel = new Duplex({
    read: () => undefined,
    write(bytes: Buffer, _encoding, done) {
      // A binary message, masked with zeros, with its length in two bytes.
      socket.write(Buffer.concat([Buffer.of(0x82, 0xfe, bytes.length >>> 8, bytes.length & 0xff, 0, 0, 0, 0), bytes]))
      done()
    },
    destroy(_error, done) {
      socket.destroy()
      done(null)
    },
  })
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    while (received.length >= 2) {
      const short = received[1]! & 0x7f
      const begin = short === 126 ? 4 : 2
      const length = short === 126 ? received.readUInt16BE(2) : short
      if (received.length < begin + length) return
      if ((received[0]! & 0x0f) === 2) tunnel.push(received.subarray(begin, begin + length))
      received = received.subarray(begin + length)
    }
  })
  return tunnel
}

function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
    stream.on('end', () => resolve(text))
  })
}

test('a command runs over a WebSocket, with the end of its input and its exit code', async () => {
  const { kubelet, port, stack } = await withPod()
  await using _ = stack
  const path = `${podPath}/exec?container=c&command=cat&command=-n&stdin=true&stdout=true&stderr=true`
  const connection = await openWebSocket(port, path, ['v5.channel.k8s.io', 'v4.channel.k8s.io'])
  assert.equal(connection.protocol, 'v5.channel.k8s.io')
  const channels = new Channels(connection, channelFormat(connection.protocol)!, [0, 1, 2, 3, 4])
  const [stdout, stderr, error] = [1, 2, 3].map((number) => textOf(channels.channel(number)))
  channels.channel(0).end('hello')
  assert.equal(await stdout, 'cat -n\nHELLO')
  assert.equal(await stderr, 'done\n')
  assert.match((await error)!, /"reason":"ExitCode","message":"7"/)
  assert.equal(await connection.closed, 1000)
  assert.deepEqual(kubelet.asked, ['/exec/default/p/c?input=1&output=1&error=1&command=cat&command=-n'])
})

test('a command runs over SPDY, whose bytes are passed on', async () => {
  const { port, stack } = await withPod()
  await using _ = stack
  const client = new HttpClient({ url: `http://127.0.0.1:${port}` })
  stack.defer(() => client.close())
  const path = `${podPath}/exec?container=c&command=cat&stdin=true&stdout=true`
  const answer = await client.upgrade({
    method: 'POST',
    path,
    protocol: 'SPDY/3.1',
    headers: { ...headers, 'x-stream-protocol-version': ['v4.channel.k8s.io', 'v3.channel.k8s.io'] },
  })
  assert.ok(!('refused' in answer))
  assert.equal(answer.headers['x-stream-protocol-version'], 'v4.channel.k8s.io')
  const session = new SpdySession(answer.socket, { role: 'client' }, answer.head)
  const error = await session.open({ streamtype: ['error'] })
  const stdin = await session.open({ streamtype: ['stdin'] })
  const stdout = await session.open({ streamtype: ['stdout'] })
  error.end()
  const output = textOf(stdout)
  stdin.end('hello')
  assert.equal(await output, 'cat\nHELLO')
  assert.match(await textOf(error), /ExitCode/)
  session.destroy()
})

test('ports are forwarded through a tunnel, and through channels', async () => {
  const { port, stack } = await withPod()
  await using _ = stack
  const session = new SpdySession(await openTunnel(port, stack), { role: 'client' })
  const error = await session.open({ streamtype: ['error'], port: ['80'], requestid: ['0'] })
  const data = await session.open({ streamtype: ['data'], port: ['80'], requestid: ['0'] })
  error.end()
  data.end('ping')
  assert.equal(await textOf(data), 'port 80: ping')
  session.destroy()
  const plain = await openWebSocket(port, `${podPath}/portforward?ports=8080`, ['v4.channel.k8s.io'])
  const channels = new Channels(plain, channelFormat(plain.protocol)!, [0, 1])
  const channel = channels.channel(0)
  let received = Buffer.alloc(0)
  channel.on('data', (bytes: Buffer) => (received = Buffer.concat([received, bytes])))
  channel.write('ping')
  while (!received.toString('latin1').endsWith('ping')) await once(channel, 'data')
  assert.equal(received.readUInt16LE(), 8080)
  assert.equal(received.toString('utf8', 2), 'port 8080: ping')
  plain.close()
  await plain.closed
})

test('a connection of channels ends with the last of its ports', async () => {
  const { port, stack } = await withPod()
  await using _ = stack
  const connection = await openWebSocket(port, `${podPath}/portforward?ports=9&ports=9`, ['v4.channel.k8s.io'])
  const channels = new Channels(connection, channelFormat(connection.protocol)!, [0, 1, 2, 3])
  const texts = [0, 1, 2, 3].map((number) => textOf(channels.channel(number)))
  const answered = Promise.withResolvers<void>()
  let said = ''
  channels.channel(2).on('data', (bytes: Buffer) => {
    said += bytes.toString()
    if (said.endsWith('two')) answered.resolve()
  })
  channels.channel(2).write('two')
  await answered.promise
  channels.channel(0).write('one')
  assert.deepEqual(await Promise.all(texts), ['\t\0port 9: one', '\t\0', '\t\0port 9: two', '\t\0'])
  assert.equal(await connection.closed, 1000)
})

test('logs are passed on, and refusals with their words', async () => {
  const { ask, kubelet, stack } = await withPod()
  await using _ = stack
  const log = await ask('GET', `${podPath}/log?container=c&tailLines=5&follow=true`)
  assert.deepEqual([log.code, log.text, log.headers['content-type']], [200, 'tail 5\n', 'text/plain'])
  assert.equal(kubelet.asked[0], '/containerLogs/default/p/c?follow=true&tailLines=5')
  const rows: readonly [string, number, string][] = [
    ['container=c&previous=true', 400, 'previous terminated container "c" in pod "p" not found'],
    ['container=none', 400, 'container none is not valid for pod p'],
    ['', 400, 'a container name must be specified for pod p, choose one of: [c broken moved unreachable]'],
    [
      'container=c&tailLines=-1',
      422,
      'PodLogOptions "" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
  ]
  for (const [query, code, message] of rows) {
    const answer = await ask('GET', `${podPath}/log?${query}`)
    assert.deepEqual([answer.code, (JSON.parse(answer.text) as { message: string }).message], [code, message])
  }
})

test('what cannot be connected is refused before the connection changes', async () => {
  const { port, stack } = await withPod()
  await using _ = stack
  const refused = async (path: string, protocols: readonly string[]): Promise<[number, string]> => {
    const answer = await connectWebSocket(`http://127.0.0.1:${port}${path}`, protocols, { headers })
    assert.ok('refused' in answer)
    return [answer.refused.status, answer.refused.body.toString()]
  }
  const broken = `${podPath}/exec?container=broken&command=x&stdout=true`
  assert.deepEqual(await refused(broken, ['v4.channel.k8s.io']), [500, 'container not found ("broken")'])
  const rows: readonly [string, string, number, string][] = [
    [
      'exec?container=moved&command=x&stdout=true',
      'v4.channel.k8s.io',
      500,
      'invalid upgrade response: status code 302',
    ],
    ['exec?container=c&command=x', 'v5.channel.k8s.io', 400, 'you must specify at least 1 of stdin, stdout, stderr'],
  ]
  for (const [path, protocol, code, message] of rows) {
    const [status, body] = await refused(`${podPath}/${path}`, [protocol])
    assert.deepEqual([status, (JSON.parse(body) as { message: string }).message], [code, message])
  }
  assert.equal((await refused(`${podPath}/exec?container=c&command=x&stdout=true`, ['other']))[0], 403)
  const client = new HttpClient({ url: `http://127.0.0.1:${port}` })
  stack.defer(() => client.close())
  const answer = await client.upgrade({ method: 'POST', path: broken, protocol: 'SPDY/3.1', headers })
  assert.ok('refused' in answer)
  assert.deepEqual(
    [answer.refused.status, (await answer.refused.readBody(100)).toString()],
    [500, 'container not found ("broken")'],
  )
})

test('a client whose WebSocket is translated is connected first, and told by the end of the command', async () => {
  const { port, stack } = await withPod()
  await using _ = stack
  const rows: readonly [string, string][] = [
    ['broken', 'unable to upgrade connection: container not found ("broken")'],
    ['moved', 'invalid upgrade response: status code 302'],
    [
      'unreachable',
      'error sending request: Post "https://198.18.0.1:10250/exec/default/p/unreachable": dial tcp: refused',
    ],
  ]
  for (const [container, problem] of rows) {
    const path = `${podPath}/exec?container=${container}&command=x&stdout=true`
    const connection = await openWebSocket(port, path, ['v5.channel.k8s.io'])
    const said = await textOf(new Channels(connection, channelFormat(connection.protocol)!, [3]).channel(3))
    const { code, reason, message } = JSON.parse(said) as { code: number; reason?: string; message: string }
    const expected =
      container === 'moved' ? [500, undefined, problem] : [500, 'InternalError', `Internal error occurred: ${problem}`]
    assert.deepEqual([code, reason, message], expected)
    assert.equal(await connection.closed, 1000)
  }
})

test('a client that goes away ends the command', async () => {
  const { port, stack } = await withPod()
  await using _ = stack
  const path = `${podPath}/exec?container=c&command=cat&stdin=true&stdout=true`
  const connection = await openWebSocket(port, path, ['v4.channel.k8s.io'])
  connection.terminate()
  assert.equal(await connection.closed, 1006)
})

test('requests are proxied to pods', async () => {
  const backend = createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      const first = bytes.toString().split('\r\n')[0]!
      socket.end(
        `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${first.length}\r\nConnection: close\r\n\r\n${first}`,
      )
    })
  })
  backend.listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const { port } = backend.address() as AddressInfo
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const client = clientOver(fixture.transport)
  await client.create(pods, {
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  })
  await fixture.transport.send({
    method: 'PATCH',
    path: `${podPath}/status`,
    contentType: 'application/merge-patch+json',
    body: { status: { podIP: '127.0.0.1' } },
  })
  const answer = await http.ask('GET', `/api/v1/namespaces/default/pods/p:${port}/proxy/some/path?a=b`)
  assert.deepEqual([answer.code, answer.text], [200, 'GET /some/path?a=b HTTP/1.1'])
  const closed = connectTcp(port, '127.0.0.1')
  closed.destroy()
  backend.close()
  const gone = await http.ask('GET', '/api/v1/namespaces/default/services/none/proxy/')
  assert.equal(gone.code, 404)
})
