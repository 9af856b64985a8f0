import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { decode, encode } from 'dns-packet'

import { SimulatedClock } from '#lib/clock.ts'

import { AnswerCache } from './answerCache.ts'
import type { Zone } from './answer.ts'
import { readCorefile, usualCorefile } from './corefile/corefile.ts'
import { socketExchange } from './exchange.ts'
import type { Forwarder } from './forward.ts'
import type { Query } from './message.ts'
import { nameServer } from './nameServer.ts'
import type { Records } from './records.ts'
import { responder } from './respond.ts'
import { listenDns } from './server.ts'

const local = '127.0.0.1'
const many = Array.from({ length: 60 }, (_, i) => `10.244.0.${i}`)
const records: Records = {
  hasNamespace: () => true,
  service: (_namespace, name) =>
    ({
      web: { kind: 'address' as const, addresses: ['10.96.0.7'], ports: [] },
      many: { kind: 'address' as const, addresses: many, ports: [] },
      alias: { kind: 'alias' as const, target: 'www.example.com' },
      lost: { kind: 'alias' as const, target: 'gone.example.com' },
    })[name],
  endpoints: () => {
    throw new Error('a bug')
  },
  namesOf: () => [],
  hasPod: () => false,
}
/** Knows one name; another does not exist and for the rest there is no reply. */
const upstream: Forwarder = {
  waiting: 0,
  ask: async (query: Query) => {
    const name = query.labels.join('.')
    const reply = { type: 'response', id: query.id, questions: [{ name, type: query.type }] }
    const stranger = { name: 'other.example.com', type: 'A', ttl: 9, data: '192.0.2.66' }
    if (name === 'www.example.com')
      return encode({
        ...reply,
        answers: [
          ...Array.from({ length: 40 }, (_, i) => ({ name, type: 'A', ttl: 9, data: `192.0.2.${i}` })),
          stranger,
        ],
      })
    return name === 'gone.example.com' ? encode({ ...reply, flags: 3 }) : undefined
  },
}

const usual = readCorefile(usualCorefile('cluster.local'))[0]!
const zone: Zone = {
  domain: 'cluster.local',
  serverAddresses: ['10.96.0.10'],
  ranges: [],
  reverseZones: ['in-addr.arpa', 'ip6.arpa'],
  pods: 'insecure',
  ttl: 30,
  fallthrough: [],
}

async function start(isUpstream: (address: string) => boolean = () => false) {
  const problems: string[] = []
  const seen: string[] = []
  const clock = new SimulatedClock()
  const blocks = [{ settings: usual, zones: [zone], forwards: [{ settings: usual.forwards[0]!, forwarder: upstream }] }]
  const names = nameServer({ blocks, records, isUpstream, searchListOf: () => undefined })
  const { respond } = responder({
    nameServer: () => names,
    answers: new AnswerCache(),
    observer: {
      seriesOf: (query, client, code, plugin) => ({
        replied: () => void seen.push(`${client.transport} ${query?.type} ${code} ${plugin}`),
      }),
      logs: () => false,
      log: () => {},
    },
    report: (problem, error) => void problems.push(`${problem}: ${(error as Error).message}`),
    now: () => clock.now() / 1000,
  })
  const server = await listenDns({
    address: local,
    port: 0,
    respond,
    clock,
    report: (problem) => void problems.push(problem),
  })
  const send = (message: Buffer, transport: 'udp' | 'tcp') =>
    socketExchange(message, { address: local, port: server.port }, transport, () => true, AbortSignal.timeout(2000))
  return {
    problems,
    seen,
    clock,
    server,
    send,
    async ask(name: string, transport: 'udp' | 'tcp' = 'udp', rest: object = {}) {
      const message = encode({ type: 'query', id: 5, flags: 0x0100, questions: [{ name, type: 'A' }], ...rest })
      const reply = decode(await send(message, transport))
      assert.equal(reply.id, 5)
      return [reply.rcode, reply.answers.length, ...(reply.flag_tc ? ['cut'] : [])].join(' ')
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

describe('the DNS server', () => {
  it('answers over UDP and TCP', async () => {
    await using server = await start()
    assert.equal(await server.ask('web.default.svc.cluster.local'), 'NOERROR 1')
    assert.equal(await server.ask('web.default.svc.cluster.local', 'tcp'), 'NOERROR 1')
    assert.deepEqual(server.seen, ['udp A 0 kubernetes', 'tcp A 0 kubernetes'])
  })
  it('cuts over UDP what the client cannot take, and sends all over TCP', async () => {
    await using server = await start()
    const edns = { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232 }] }
    assert.equal(await server.ask('many.default.svc.cluster.local'), 'NOERROR 29 cut')
    assert.equal(await server.ask('many.default.svc.cluster.local', 'udp', edns), 'NOERROR 60')
    assert.equal(await server.ask('many.default.svc.cluster.local', 'tcp'), 'NOERROR 60')
    assert.equal(await server.ask('www.example.com'), 'NOERROR 0 cut')
    assert.equal(await server.ask('www.example.com', 'tcp'), 'NOERROR 41')
  })
  it('passes other names on', async () => {
    await using server = await start()
    assert.equal(await server.ask('gone.example.com'), 'NXDOMAIN 0')
    assert.equal(await server.ask('silent.example.com'), 'SERVFAIL 0')
  })
  it('follows aliases that lead out of the cluster', async () => {
    await using server = await start()
    assert.equal(await server.ask('alias.default.svc.cluster.local', 'tcp'), 'NOERROR 41')
    assert.equal(await server.ask('lost.default.svc.cluster.local'), 'NXDOMAIN 1')
  })
  it('passes nothing on to those who ask, where they are those whom it would ask', async () => {
    await using server = await start((address) => address === local)
    assert.equal(await server.ask('www.example.com'), 'REFUSED 0')
    assert.equal(await server.ask('alias.default.svc.cluster.local'), 'SERVFAIL 1')
    assert.equal(await server.ask('web.default.svc.cluster.local'), 'NOERROR 1')
  })
  it('answers SERVFAIL when it has a bug, and says which', async () => {
    await using server = await start()
    assert.equal(await server.ask('pod.web.default.svc.cluster.local'), 'SERVFAIL 0')
    assert.deepEqual(server.problems, ['Cannot answer a DNS question: a bug'])
  })
  it('drops noise and goes on', async () => {
    await using server = await start()
    const socket = createSocket('udp4')
    socket.send('noise', server.server.port, local)
    assert.equal(await server.ask('web.default.svc.cluster.local'), 'NOERROR 1')
    socket.close()
    assert.equal(decode(await server.send(Buffer.alloc(12), 'udp')).rcode, 'FORMERR')
    await assert.rejects(server.send(Buffer.from('noise'), 'tcp'), /closed the connection/)
    await assert.rejects(server.send(Buffer.alloc(5000), 'tcp'), /closed the connection|ECONNRESET|EPIPE/)
  })
  it('answers several questions of one connection in order, however they are cut', async () => {
    await using server = await start()
    const socket = connect(server.server.port, local)
    const messages = [1, 2, 3].map((id) => {
      const message = encode({ type: 'query', id, questions: [{ name: 'web.default.svc.cluster.local', type: 'A' }] })
      return Buffer.concat([Buffer.from([0, message.length]), message])
    })
    const bytes = Buffer.concat(messages)
    socket.write(bytes.subarray(0, 50))
    await once(socket, 'connect')
    socket.write(bytes.subarray(50))
    const ids: number[] = []
    let received = Buffer.alloc(0)
    for await (const part of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, part])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        ids.push(received.readUInt16BE(2))
        received = received.subarray(2 + received.readUInt16BE(0))
      }
      if (ids.length === 3) break
    }
    assert.deepEqual(ids, [1, 2, 3])
  })
  it('closes connections that are idle', async () => {
    await using server = await start()
    const socket = connect(server.server.port, local)
    await once(socket, 'connect')
    // The server knows of the connection at the latest when it has answered over a later one.
    await server.ask('web.default.svc.cluster.local', 'tcp')
    const closed = once(socket, 'close')
    await server.clock.advance('10s')
    await closed
  })
  it('says when an address cannot be had', async () => {
    await using server = await start()
    const respond = () => undefined
    const clock = new SimulatedClock()
    const options = { address: local, port: server.server.port, respond, clock, report: () => {} }
    await assert.rejects(listenDns(options), /EADDRINUSE/)
    await assert.rejects(listenDns({ ...options, address: '192.0.2.1', port: 0 }), /EADDRNOTAVAIL/)
  })
})

describe('socketExchange', () => {
  const message = Buffer.from('question')
  it('waits for a reply that is one', async () => {
    const server = createSocket('udp4')
    server.on('message', (_, from) => {
      server.send('forged', from.port, from.address)
      server.send('right', from.port, from.address)
    })
    server.bind(0, local)
    await once(server, 'listening')
    const to = { address: local, port: server.address().port }
    const reply = await socketExchange(
      message,
      to,
      'udp',
      (bytes) => String(bytes) === 'right',
      AbortSignal.timeout(2000),
    )
    assert.equal(String(reply), 'right')
    server.close()
  })
  it('fails at once when nobody listens, and when it is told to', async () => {
    const closed = createSocket('udp4')
    closed.bind(0, local)
    await once(closed, 'listening')
    const to = { address: local, port: closed.address().port }
    const stop = new AbortController()
    const waiting = socketExchange(message, to, 'udp', () => true, stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    closed.close()
    await once(closed, 'close')
    await assert.rejects(
      socketExchange(message, to, 'udp', () => true, AbortSignal.timeout(2000)),
      /ECONNREFUSED/,
    )
    await assert.rejects(
      socketExchange(message, to, 'tcp', () => true, AbortSignal.timeout(2000)),
      /ECONNREFUSED/,
    )
  })
})
