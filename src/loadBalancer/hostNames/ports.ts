/**
 * Listens on this machine's loopback addresses for the ports that services claim, and leads each connection to the service that
 * its first bytes mean. Bytes are passed on as they are: what comes after them may be anything.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '#lib/clock.ts'
import { answer, endWith } from './answers.ts'
import { claimFor, nameOf, type Claim, type IdleClaim } from './claims.ts'
import { onOpening, patience } from './firstBytes.ts'
import { IdleAnswers, type IdleAnswer } from './idleAnswers.ts'
import type { Opening } from './opening.ts'

const addresses = ['127.0.0.1', '::1'] as const

/** A port on which nobody can be served; the text is for people. */
export interface PortProblem {
  readonly port: number
  readonly problem: string
}

interface Place {
  readonly servers: Map<string, Server>
  readonly problems: Map<string, string>
}

/** For a client that says nothing, because in its protocol the server speaks first. */
const silence = 100
const mostConnections = 2_000

/** What clusters claim of one port. */
interface PortClaims {
  readonly claims: readonly Claim[]
  readonly idle: readonly IdleClaim[]
}

/** The ports of this machine that lead to services. */
export class HostPorts {
  readonly #places = new Map<number, Place>()
  readonly #clock: Clock
  readonly #idleAnswers: IdleAnswers
  #claimed = new Map<number, PortClaims>()
  #connections = 0

  constructor(idleAnswer: IdleAnswer, clock: Clock) {
    this.#clock = clock
    this.#idleAnswers = new IdleAnswers(idleAnswer, clock)
  }

  /** Listens for exactly these claims; ports that could not be had are tried again. What is open stays open. */
  async apply(claims: readonly Claim[], idle: readonly IdleClaim[] = []): Promise<void> {
    const [claimsAt, idleAt] = [Map.groupBy(claims, ({ port }) => port), Map.groupBy(idle, ({ port }) => port)]
    this.#claimed = new Map(
      [...claimsAt.keys(), ...idleAt.keys()].map((port) => [
        port,
        { claims: claimsAt.get(port) ?? [], idle: idleAt.get(port) ?? [] },
      ]),
    )
    for (const [port, { servers }] of this.#places) {
      if (this.#claimed.has(port)) continue
      this.#places.delete(port)
      for (const server of servers.values()) server.close()
    }
    for (const port of this.#claimed.keys()) {
      let place = this.#places.get(port)
      if (place === undefined) this.#places.set(port, (place = { servers: new Map(), problems: new Map() }))
      await this.#open(place, port)
    }
  }

  /** Why ports of services are not served. */
  get problems(): readonly PortProblem[] {
    return [...this.#places]
      .filter(([port]) => !this.#isIdle(port))
      .flatMap(([port, { problems }]) => [...problems.values()].slice(0, 1).map((problem) => ({ port, problem })))
      .toSorted((a, b) => a.port - b.port)
  }

  /** Whether there is a port that could not be had, be it only for services that are not there yet. */
  get isIncomplete(): boolean {
    return [...this.#places.values()].some(({ problems }) => problems.size > 0)
  }

  close(): void {
    for (const { servers } of this.#places.values()) for (const server of servers.values()) server.close()
    this.#places.clear()
  }

  /** Whether nobody is to be led anywhere from a port. */
  #isIdle(port: number): boolean {
    return this.#claimed.get(port)?.claims.length === 0
  }

  async #open(place: Place, port: number): Promise<void> {
    for (const address of addresses) {
      if (!place.servers.has(address)) await this.#listen(place, address, port)
      if (!place.problems.has(address) || !this.#isIdle(port)) continue
      // Whoever serves on one of the addresses is who `localhost` means here, and nobody is to find us at the other one.
      for (const server of place.servers.values()) server.close()
      place.servers.clear()
      return
    }
  }

  async #listen(place: Place, address: string, port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false }, (client) =>
      this.#welcome(client, port),
    )
    const outcome = Promise.withResolvers<NodeJS.ErrnoException | undefined>()
    server.once('error', outcome.resolve).listen({ host: address, port }, () => outcome.resolve(undefined))
    const error = await outcome.promise
    if (error === undefined) {
      server.on('error', () => {})
      place.servers.set(address, server)
      place.problems.delete(address)
    } else if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') {
      // A machine without IPv6.
      place.problems.delete(address)
    } else place.problems.set(address, problemText(error, address, port))
  }

  #welcome(client: Socket, port: number): void {
    client.on('error', () => client.destroy())
    if (this.#connections >= mostConnections) return void client.destroy()
    this.#connections++
    client.on('close', () => this.#connections--)
    const claimed = (): PortClaims => this.#claimed.get(port) ?? { claims: [], idle: [] }
    onOpening(client, claimed().claims.length === 1 ? silence : patience, this.#clock, (opening, first) => {
      // A service may have come since the client has.
      const { claims, idle } = claimed()
      const name = opening.kind === 'http' ? opening.host : opening.kind === 'tls' ? opening.serverName : undefined
      const claim = claimFor(claims, idle, name)
      if (claim === undefined) refuse(client, opening, first, claims, this.#clock)
      else if ('address' in claim) passOn(client, claim, first, opening, this.#clock)
      else this.#idleAnswers.tell(client, opening, first)
    })
  }
}

function problemText(error: NodeJS.ErrnoException, address: string, port: number): string {
  const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  if (error.code === 'EADDRINUSE') return `another program listens on ${at}`
  if (error.code === 'EACCES') return `only root may listen on ${at}`
  return `cannot listen on ${at}: ${error.message}`
}

function passOn(client: Socket, claim: Claim, first: Buffer, opening: Opening, clock: Clock): void {
  const server = connect({ host: claim.address, port: claim.port, allowHalfOpen: true, noDelay: true })
  let isConnected = false
  server.once('connect', () => {
    isConnected = true
    if (first.length > 0) server.write(first)
    client.pipe(server)
    server.pipe(client)
  })
  server.on('error', (error) => {
    if (!isConnected && opening.kind === 'http')
      answer(
        client,
        first,
        { status: 502, body: `${nameOf(claim)} does not take connections: ${error.message}\n` },
        clock,
      )
    else client.resetAndDestroy()
  })
  client.on('error', () => server.destroy())
  client.on('close', () => server.destroy())
  server.on('close', () => {
    if (isConnected) client.destroySoon()
  })
}

/** Says which names there are, in the way that the client understands. */
function refuse(client: Socket, opening: Opening, first: Buffer, claims: readonly Claim[], clock: Clock): void {
  if (opening.kind === 'http') {
    const names = claims.map((claim) => `  ${nameOf(claim)}\n`).join('')
    const body =
      names === '' ? 'No service is served here.\n' : `No service of that name is served here. There are:\n${names}`
    return answer(client, first, { status: 404, body }, clock)
  }
  // Fatal, unrecognized_name (RFC 6066).
  if (opening.kind === 'tls') return endWith(client, Uint8Array.of(0x15, 3, 3, 0, 2, 2, 112), clock)
  client.resetAndDestroy()
}
