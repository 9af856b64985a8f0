/** Listens for DNS queries on one address, over UDP and TCP. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'

import type { Clock } from '#lib/clock.ts'

import { largestQuery } from './message.ts'
import type { Respond } from './respond.ts'

export interface DnsServerOptions {
  /** An exact address: from a socket on all addresses replies would leave with the address of the link. */
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  readonly respond: Respond
  readonly clock: Clock
  /** Told of failures that end nothing. */
  readonly report: (problem: string, error: unknown) => void
}

export interface DnsServer extends AsyncDisposable {
  readonly port: number
}

/** More TCP connections than this are closed at once; UDP needs none. */
const mostConnections = 256
/** A connection may be silent for so long. */
const idleMs = 10_000

/** Starts listening; rejects when the address or port cannot be had. */
export async function listenDns(options: DnsServerOptions): Promise<DnsServer> {
  const { address, respond, report } = options
  const udp = address.includes(':') ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4')
  const connections = new Set<Socket>()
  const tcp = createServer((socket) => {
    if (connections.size >= mostConnections) return void socket.destroy()
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    serveConnection(socket, options)
  })
  await using unfinished = new AsyncDisposableStack()
  tcp.listen({ port: options.port, host: address })
  await once(tcp, 'listening')
  unfinished.defer(() => void tcp.close())
  const { port } = tcp.address() as { port: number }
  // Also when binding failed the socket is to be closed.
  unfinished.defer(() => void udp.close())
  udp.bind({ port, address, exclusive: true })
  await once(udp, 'listening')
  unfinished.move()

  tcp.on('error', (error) => report('The DNS server lost its TCP socket', error))
  udp.on('error', (error) => report('The DNS server cannot use its UDP socket', error))
  udp.on('message', (message, from) => {
    const send = (reply: Buffer | undefined): void => {
      if (reply === undefined || isClosed) return
      // A client that has gone is its own affair.
      udp.send(reply, from.port, from.address, () => {})
    }
    const reply = respond(message, { transport: 'udp', address: from.address })
    if (reply instanceof Promise) void reply.then(send)
    else send(reply)
  })
  let isClosed = false
  return {
    port,
    async [Symbol.asyncDispose]() {
      isClosed = true
      const closed = Promise.all([once(udp, 'close'), once(tcp, 'close')])
      udp.close()
      tcp.close()
      for (const socket of connections) socket.destroy()
      await closed
    },
  }
}

/** So many questions of one connection are looked at at once. */
const mostPending = 64

/**
 * Replies to the queries of one connection as soon as each reply is there (RFC 7766, section 6.2.1.1), until it is idle or says
 * something that is no query.
 */
function serveConnection(socket: Socket, { respond, clock }: DnsServerOptions): void {
  const client = { transport: 'tcp', address: socket.remoteAddress ?? '' } as const
  let received = Buffer.alloc(0)
  let pending = 0
  let timer = clock.after(idleMs, () => socket.destroy())
  const rest = (): void => {
    timer[Symbol.dispose]()
    timer = clock.after(idleMs, () => socket.destroy())
  }
  const send = (reply: Buffer | undefined): void => {
    if (socket.destroyed) return
    if (reply === undefined) return void socket.destroy()
    rest()
    const prefix = Buffer.alloc(2)
    prefix.writeUInt16BE(reply.length)
    socket.write(Buffer.concat([prefix, reply]))
  }
  /** A client that does not read is asked for nothing more; the idle time ends the wait for it. */
  const isFull = (): boolean => pending >= mostPending || socket.writableNeedDrain
  const next = (): void => {
    while (received.length >= 2 && !socket.destroyed && !isFull()) {
      const length = received.readUInt16BE(0)
      if (length > largestQuery) return void socket.destroy()
      if (received.length < 2 + length) break
      const message = received.subarray(2, 2 + length)
      received = received.subarray(2 + length)
      const reply = respond(message, client)
      if (!(reply instanceof Promise)) {
        send(reply)
        continue
      }
      pending++
      void reply.then((late) => {
        pending--
        send(late)
        next()
      })
    }
    if (isFull() || received.length >= 2 * largestQuery) socket.pause()
    else socket.resume()
  }
  socket.on('error', () => socket.destroy())
  socket.on('close', () => timer[Symbol.dispose]())
  socket.on('drain', next)
  socket.on('data', (part: Buffer) => {
    received = Buffer.concat([received, part])
    next()
  })
}
