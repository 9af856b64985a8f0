/** Pools of servers with their connections. They outlive routings: what did not change keeps its connections and counts. */
import { Agent as HttpAgent } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { Agent as HttpsAgent } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import type { Clock } from '#lib/clock.ts'
import type { Certificate, Pool, Server } from '#ingress/routing.ts'
import type { Candidate } from './balance.ts'
import { eligible, pick } from './balance.ts'
import { affinityValue } from './cookies.ts'

/** Idle connections that are kept to each server, and for how long: less than servers commonly keep theirs (Node 5 s). */
const mostIdle = 64
const idleMilliseconds = 4_000
/** How long a server that refused a connection is left out when there are others. */
const failingMilliseconds = 1_000
/** HTTP/2 connections that nobody uses end after this. */
const idleSessionMilliseconds = 60_000

/** One server of a pool. */
export class UpstreamServer implements Candidate {
  readonly id: string
  readonly address: string
  readonly port: number
  /** What a cookie says for it. */
  readonly cookie: string
  draining: boolean
  active = 0
  #failingUntil = 0
  readonly #clock: Clock
  readonly #tls: ConnectionOptions | undefined
  #agent: HttpAgent | undefined
  readonly #sessions = new Set<ClientHttp2Session>()
  readonly #streams = new WeakMap<ClientHttp2Session, number>()
  #left = false

  constructor(pool: string, server: Server, tls: ConnectionOptions | undefined, clock: Clock) {
    this.id = server.id
    this.address = server.address
    this.port = server.port
    this.draining = server.draining
    this.cookie = affinityValue(pool, server.id)
    this.#tls = tls
    this.#clock = clock
  }

  get failing(): boolean {
    return this.#failingUntil > 0 && this.#clock.now() < this.#failingUntil
  }

  noteConnected(): void {
    this.#failingUntil = 0
  }

  noteFailed(): void {
    this.#failingUntil = this.#clock.now() + failingMilliseconds
  }

  /** HTTP/1 connections to it, kept and reused. */
  get agent(): HttpAgent {
    this.#agent ??= this.#makeAgent()
    return this.#agent
  }

  #makeAgent(): HttpAgent {
    const options = {
      keepAlive: true,
      maxFreeSockets: mostIdle,
      timeout: idleMilliseconds,
      scheduling: 'lifo' as const,
    }
    const tls = this.#tls
    return tls === undefined
      ? new HttpAgent(options)
      : new HttpsAgent({ ...options, ...tls, ALPNProtocols: ['http/1.1'] })
  }

  /** An HTTP/2 connection that takes another stream. It may still be connecting. */
  session(): ClientHttp2Session {
    for (const session of this.#sessions) {
      const most = session.connecting ? 100 : (session.remoteSettings.maxConcurrentStreams ?? 100)
      if ((this.#streams.get(session) ?? 0) < most) return session
    }
    const host = this.address.includes(':') ? `[${this.address}]` : this.address
    const session = connectHttp2(`${this.#tls === undefined ? 'http' : 'https'}://${host}:${this.port}`, {
      ...this.#tls,
      ALPNProtocols: ['h2'],
      settings: { enablePush: false, initialWindowSize: 1024 * 1024 },
    })
    this.#sessions.add(session)
    const forget = (): void => {
      this.#sessions.delete(session)
    }
    session.once('close', forget)
    session.once('goaway', forget)
    // The streams of it tell the same to those who wait.
    session.on('error', forget)
    session.setTimeout(idleSessionMilliseconds, () => {
      if ((this.#streams.get(session) ?? 0) === 0) session.close()
    })
    return session
  }

  /** Counts a stream of a session until it is closed. */
  countStream(session: ClientHttp2Session, stream: NodeJS.EventEmitter): void {
    this.#streams.set(session, (this.#streams.get(session) ?? 0) + 1)
    stream.once('close', () => {
      this.#streams.set(session, this.#streams.get(session)! - 1)
      if (this.#left && this.#streams.get(session) === 0) session.close()
    })
  }

  /** Closes connections that are not in use. */
  dropIdle(): void {
    for (const sockets of Object.values(this.#agent?.freeSockets ?? {}))
      for (const socket of sockets ?? []) socket.destroy()
  }

  /** Closes what is idle, and what is in use as soon as it is not. */
  leave(): void {
    this.#left = true
    if (this.#agent !== undefined) this.#agent.maxFreeSockets = 0
    this.dropIdle()
    for (const session of this.#sessions) session.close()
    this.#sessions.clear()
  }
}

export class UpstreamPool {
  readonly #clock: Clock
  #pool: Pool
  #tls: ConnectionOptions | undefined
  #servers: readonly UpstreamServer[] = []
  #turn = 0

  /** `tls` as `backendTls` made it for the pool. */
  constructor(pool: Pool, tls: ConnectionOptions | undefined, clock: Clock) {
    this.#clock = clock
    this.#pool = pool
    this.#tls = tls
    this.update(pool)
  }

  get pool(): Pool {
    return this.#pool
  }

  /** Takes over a pool of the same name, protocol and TLS. */
  update(pool: Pool): void {
    const known = new Map(this.#servers.map((server) => [server.id, server]))
    this.#pool = pool
    this.#servers = pool.servers.map((server) => {
      const same = known.get(server.id)
      if (same === undefined || same.address !== server.address || same.port !== server.port)
        return new UpstreamServer(pool.name, server, this.#tls, this.#clock)
      known.delete(server.id)
      same.draining = server.draining
      return same
    })
    for (const gone of known.values()) gone.leave()
  }

  leave(): void {
    for (const server of this.#servers) server.leave()
    this.#servers = []
  }

  /** The server that a cookie's value names; not one that ends. */
  stickyServer(cookie: string | undefined): UpstreamServer | undefined {
    if (cookie === undefined) return undefined
    return this.#servers.find((server) => server.cookie === cookie && !server.draining)
  }

  /** Another server for a request; nothing when all were tried. */
  next(tried: ReadonlySet<UpstreamServer>, key: string): UpstreamServer | undefined {
    const servers = eligible(this.#servers, tried)
    return servers.length === 0 ? undefined : pick(servers, this.#pool.balance, this.#turn++, key)
  }
}

/** How a pool's servers are connected to with TLS; nothing for those without. */
export function backendTls(pool: Pool, certificates: ReadonlyMap<string, Certificate>): ConnectionOptions | undefined {
  if (pool.protocol !== 'https' && pool.protocol !== 'grpcs') return undefined
  const { serverName, authority, certificate } = pool.tls ?? {}
  const own = certificate === undefined ? undefined : certificates.get(certificate)
  if (certificate !== undefined && own === undefined)
    throw new Error(`Cannot find certificate ${certificate}, which pool ${pool.name} shows to its servers`)
  return {
    rejectUnauthorized: authority !== undefined,
    ...(authority === undefined ? {} : { ca: authority }),
    ...(own === undefined ? {} : { cert: own.chain, key: own.key }),
    // Without a name the authority alone counts: servers are connected to by addresses that certificates do not carry.
    ...(serverName === undefined
      ? { servername: '', checkServerIdentity: () => undefined }
      : { servername: serverName }),
  }
}
