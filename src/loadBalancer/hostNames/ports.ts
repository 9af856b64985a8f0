/**
 * Listens on this machine's loopback addresses for the ports that services claim, and leads each connection to the service that
 * its first bytes mean. Bytes are passed on as they are: what comes after them may be anything.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { claimFor, nameOf, type Claim } from './claims.ts'
import { longestOpening, readOpening, type Opening } from './opening.ts'

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
/** For a client that must say whom it means. */
const patience = 10_000
const mostConnections = 2_000

/** The ports of this machine that lead to services. */
export class HostPorts {
  readonly #places = new Map<number, Place>()
  #claims = new Map<number, readonly Claim[]>()
  #connections = 0

  /** Listens for exactly these claims; ports that could not be had are tried again. */
  async apply(claims: readonly Claim[]): Promise<void> {
    this.#claims = Map.groupBy(claims, ({ port }) => port)
    for (const [port, { servers }] of this.#places) {
      if (this.#claims.has(port)) continue
      this.#places.delete(port)
      for (const server of servers.values()) server.close()
    }
    for (const port of this.#claims.keys()) {
      let place = this.#places.get(port)
      if (place === undefined) this.#places.set(port, (place = { servers: new Map(), problems: new Map() }))
      for (const address of addresses) if (!place.servers.has(address)) await this.#listen(place, address, port)
    }
  }

  /** Why claimed ports are not served. */
  get problems(): readonly PortProblem[] {
    return [...this.#places]
      .flatMap(([port, { problems }]) => [...problems.values()].slice(0, 1).map((problem) => ({ port, problem })))
      .toSorted((a, b) => a.port - b.port)
  }

  close(): void {
    for (const { servers } of this.#places.values()) for (const server of servers.values()) server.close()
    this.#places.clear()
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
    const claims = this.#claims.get(port) ?? []
    const taken: Buffer[] = []
    let size = 0
    const settle = (opening: Opening): void => {
      client.off('data', onData).setTimeout(0).removeAllListeners('timeout')
      client.pause()
      const bytes = Buffer.concat(taken)
      const name = opening.kind === 'http' ? opening.host : opening.kind === 'tls' ? opening.serverName : undefined
      const claim = claimFor(claims, name)
      if (claim === undefined) refuse(client, opening, claims)
      else passOn(client, claim, bytes, opening)
    }
    const onData = (data: string | Buffer): void => {
      const bytes = Buffer.from(data as Buffer)
      taken.push(bytes)
      size += bytes.length
      const opening = readOpening(Buffer.concat(taken))
      if (opening.kind !== 'unfinished') settle(opening)
      else if (size >= longestOpening) settle({ kind: 'other' })
    }
    client.on('data', onData)
    client.setTimeout(claims.length === 1 ? silence : patience, () => settle({ kind: 'other' }))
    client.once('end', () => client.listeners('data').includes(onData) && settle({ kind: 'other' }))
  }
}

function problemText(error: NodeJS.ErrnoException, address: string, port: number): string {
  const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  if (error.code === 'EADDRINUSE') return `another program listens on ${at}`
  if (error.code === 'EACCES') return `only root may listen on ${at}`
  return `cannot listen on ${at}: ${error.message}`
}

function passOn(client: Socket, claim: Claim, first: Buffer, opening: Opening): void {
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
      answer(client, '502 Bad Gateway', `${nameOf(claim)} does not take connections: ${error.message}\n`)
    else client.resetAndDestroy()
  })
  client.on('error', () => server.destroy())
  client.on('close', () => server.destroy())
  server.on('close', () => {
    if (isConnected) client.destroySoon()
  })
}

/** Says which names there are, in the way that the client understands. */
function refuse(client: Socket, opening: Opening, claims: readonly Claim[]): void {
  if (opening.kind === 'http') {
    const names = claims.map((claim) => `  ${nameOf(claim)}\n`).join('')
    const text =
      names === '' ? 'No service is served here.\n' : `No service of that name is served here. There are:\n${names}`
    return answer(client, '404 Not Found', text)
  }
  // TLS: fatal, unrecognized_name (RFC 6066).
  if (opening.kind === 'tls') return void client.end(Uint8Array.of(0x15, 3, 3, 0, 2, 2, 112))
  client.resetAndDestroy()
}

function answer(client: Socket, status: string, text: string): void {
  const head = `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n`
  client.end(head + text)
  client.resume()
}
