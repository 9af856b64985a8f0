// What the tests of data planes share: backends on loopback, a plane between, and clients that say exactly what they are told.
import { createHash } from 'node:crypto'
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https'
import { connect, createServer as createNetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { after, before } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAuthority, certificatePem, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import type { Authority } from '#lib/pki/certificate.ts'
import type {
  Certificate,
  DataPlane,
  Forward,
  HostMatch,
  ListenAddresses,
  Match,
  Pool,
  Route,
  Routing,
  Rules,
  Server,
} from '#ingress/routing.ts'

/** Makes a data plane that listens. Times in milliseconds: how long a client may take for the headers of a request. */
export type MakeDataPlane = (listen: ListenAddresses, limits: { readonly headersTimeout: number }) => Promise<DataPlane>

/** Where planes may differ. */
export interface Traits {
  /** Whether headers that a client's Connection header names stay with the client's connection. */
  readonly removesNamedHeaders: boolean
  /** Requests that two parsers may read differently and that it puts right, as RFC 9112 allows, where others refuse them. */
  readonly mends: ReadonlySet<string>
}

/** A data plane that listens, and where. */
export interface Served extends AsyncDisposable {
  readonly plane: DataPlane
  readonly http: number
  readonly https: number
}

const loopback = '127.0.0.1'

export const headersTimeout = 1_500

export async function startServed(make: MakeDataPlane): Promise<Served> {
  const [http, https] = [await freePort(), await freePort()]
  const plane = await make(
    { http: [{ address: loopback, port: http }], https: [{ address: loopback, port: https }] },
    { headersTimeout },
  )
  return { plane, http, https, [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose]() }
}

type BackendsOf<Names extends readonly string[]> = { readonly [Index in keyof Names]: Backend }

/** Around the tests of a suite: a plane, and backends that answer with these names. `take` gets them before the first test. */
export function aroundSuite<const Names extends readonly string[]>(
  make: MakeDataPlane,
  names: Names,
  take: (served: Served, ...backends: BackendsOf<Names>) => void | Promise<void>,
): void {
  const started = new AsyncDisposableStack()
  before(async () => {
    const backends: Backend[] = []
    for (const name of names) backends.push(started.use(await startBackend(name)))
    // The last that starts ends first: it may keep connections to backends.
    const served = started.use(await startServed(make))
    await take(served, ...(backends as unknown as BackendsOf<Names>))
  })
  after(() => started.disposeAsync())
}

/** Below the ports that the kernel gives to whoever connects; each process of tests begins somewhere else. */
const portRange = { from: 20_000, count: 12_000 }
let portsGiven = process.pid * 101

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = portRange.from + (portsGiven++ % portRange.count)
    const server = createNetServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, loopback, () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** What a backend says it was asked. */
export interface Echo {
  readonly server: string
  readonly method: string
  readonly url: string
  /** Names in lower case; several values with `, ` between. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: number
  readonly sha256: string
}

export interface Backend extends AsyncDisposable {
  readonly name: string
  readonly port: number
  /** Requests that it had. */
  readonly requests: number
  readonly connections: number
  readonly server: Server
  /** Takes no other connections, closes idle ones, and resolves once the requests that it has are finished. */
  shutDown(): Promise<void>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server that says what it was asked, or does what `handler` does. */
export async function startBackend(
  name: string,
  handler: Handler = echo(name),
  options: {
    readonly tls?: Certificate
    /** Any free one when absent. */
    readonly port?: number
    readonly upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void
  } = {},
): Promise<Backend> {
  let requests = 0
  let connections = 0
  const serve: Handler = (request, response) => {
    requests++
    handler(request, response)
  }
  const server: HttpServer =
    options.tls === undefined
      ? createServer(serve)
      : createHttpsServer({ cert: options.tls.chain, key: options.tls.key }, serve)
  if (options.upgrade !== undefined) server.on('upgrade', options.upgrade)
  server.on('connection', () => connections++)
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, loopback, resolve))
  const { port } = server.address() as AddressInfo
  return {
    name,
    port,
    get requests() {
      return requests
    },
    get connections() {
      return connections
    },
    server: serverAt(port),
    shutDown: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function echo(name: string): Handler {
  return (request, response) => {
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      hash.update(piece)
      bytes += piece.length
    })
    request.on('end', () => {
      const headers: Record<string, string> = {}
      for (const [key, value] of Object.entries(request.headersDistinct)) headers[key] = value!.join(', ')
      const { method, url } = request
      const said = {
        server: name,
        method: method!,
        url: url!,
        headers,
        bytes,
        sha256: hash.digest('hex'),
      } satisfies Echo
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(said))
    })
  }
}

export function serverAt(port: number, draining = false): Server {
  return { id: `${loopback}:${port}`, address: loopback, port, draining }
}

export function pool(name: string, servers: readonly (Backend | Server)[], rest: Partial<Pool> = {}): Pool {
  const all = servers.map((one) => ('server' in one ? one.server : one))
  return {
    name,
    servers: all.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    protocol: 'http',
    balance: { kind: 'round-robin' },
    ...rest,
  }
}

export function to(...pools: readonly (string | readonly [string, number])[]): Forward {
  const shares = pools.map((one) =>
    typeof one === 'string' ? { pool: one, weight: 1 } : { pool: one[0], weight: one[1] },
  )
  return { kind: 'forward', overrides: [], shares, keepsPool: false }
}

let made = 0

export function route(match: Partial<Match>, action: Route['action'], rules: Rules = {}): Route {
  const whole: Match = { host: { kind: 'any' }, path: { kind: 'prefix', path: '/' }, ...match }
  return { name: `test/one/${made++}`, owner: 'Ingress test/one', match: whole, rules, action }
}

export function exactHost(name: string): HostMatch {
  return { kind: 'exact', name }
}

export function routing(routes: readonly Route[], pools: readonly Pool[], rest: Partial<Routing> = {}): Routing {
  return {
    routes,
    pools: new Map(pools.map((one) => [one.name, one])),
    certificates: new Map([['default', identity('default.test')]]),
    serverNames: [],
    defaultCertificate: 'default',
    fallback: { kind: 'respond', status: 404, contentType: 'text/plain', body: 'default backend - 404' },
    ...rest,
  }
}

const forever = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 86_400_000 }
let shared: Authority | undefined

/** Who vouches for all certificates of the tests. */
export function authority(): Authority {
  return (shared ??= createAuthority({ commonName: 'Data plane tests' }, forever))
}

export function authorityPem(): string {
  return certificatePem(authority().certificate)
}

const identities = new Map<string, Certificate>()

/** A certificate for a name; the same each time. */
export function identity(name: string): Certificate {
  let known = identities.get(name)
  if (known === undefined) identities.set(name, (known = newIdentity(name)))
  return known
}

export function newIdentity(name: string): Certificate {
  const keys = generateKey()
  const certificate = issueCertificate(authority(), {
    ...forever,
    subject: { commonName: name },
    dnsNames: [name],
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth', 'clientAuth'],
  })
  return { chain: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
}

export interface Ask {
  readonly method?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  /** By TLS; asks for this name, and shows this certificate when it is asked for one. */
  readonly tls?: { readonly serverName?: string; readonly certificate?: Certificate }
  readonly localAddress?: string
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
  /** When it came from a backend that echoes. */
  readonly echo: Echo
}

/** One request on a connection of its own. */
export function ask(port: number, path: string, options: Ask = {}): Promise<Reply> {
  const { method = 'GET', host = 'shop.test', headers = {}, body, tls, localAddress = loopback } = options
  return new Promise((resolve, reject) => {
    const request = (tls === undefined ? httpRequest : httpsRequest)({
      host: loopback,
      port,
      path,
      method,
      agent: false,
      localAddress,
      headers: { host, ...(headers as Record<string, string | string[]>) },
      ...(tls === undefined ? {} : { servername: tls.serverName ?? '', rejectUnauthorized: false }),
      ...(tls?.certificate === undefined ? {} : { cert: tls.certificate.chain, key: tls.certificate.key }),
    })
    request.once('response', (response) => void read(response).then(resolve, reject))
    request.once('error', reject)
    request.end(body)
  })
}

export async function read(response: IncomingMessage): Promise<Reply> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  const body = Buffer.concat(pieces).toString()
  return {
    status: response.statusCode!,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body,
    get echo() {
      return JSON.parse(body) as Echo
    },
  }
}

/**
 * Sends exactly these bytes and returns all that comes until the other side closes, or for `silence` milliseconds nothing more
 * does. The first of it is waited for longer than a slow and busy machine needs.
 */
export async function say(
  port: number,
  text: string,
  options: { readonly tls?: boolean; readonly silence?: number } = {},
): Promise<{ readonly text: string; readonly closed: boolean }> {
  const socket =
    options.tls === true
      ? connectTls({ host: loopback, port, rejectUnauthorized: false })
      : connect({ host: loopback, port })
  let received = ''
  let closed = false
  await new Promise<void>((resolve) => {
    socket.setTimeout(60_000, resolve)
    socket.on('data', (piece: Buffer) => {
      received += piece.toString('latin1')
      socket.setTimeout(options.silence ?? 1_000)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      closed = true
      resolve()
    })
    socket.write(text, 'latin1')
  })
  socket.destroy()
  return { text: received, closed }
}

/** Sends these texts one after the other, 50 ms apart, and returns all that comes until the other side closes or is silent for a minute. */
export async function sayInTurn(port: number, texts: readonly string[]): Promise<string> {
  const socket = connect({ host: loopback, port })
  let received = ''
  socket.on('data', (piece: Buffer) => (received += piece.toString('latin1')))
  socket.on('error', () => undefined)
  const over = new Promise<void>((resolve) => socket.once('close', () => resolve()).setTimeout(60_000, resolve))
  for (const text of texts) {
    if (!socket.writable) break
    socket.write(text, 'latin1')
    await sleep(50)
  }
  await over
  socket.destroy()
  return received
}

/** The status of a request over HTTP/2 whose body comes in pieces of these sizes and is not announced; 0 when the stream breaks. */
export async function http2Status(port: number, method: string, sizes: readonly number[]): Promise<number> {
  const session = connectHttp2(`https://${loopback}:${port}`, { rejectUnauthorized: false })
  session.on('error', () => undefined)
  try {
    const stream = session.request({ ':method': method, ':path': '/', ':authority': 'shop.test' }, { endStream: false })
    stream.on('error', () => undefined)
    const status = new Promise<number>((resolve) => {
      stream.once('response', (headers) => resolve(headers[':status'] ?? 0))
      stream.once('close', () => resolve(0))
    })
    for (const size of sizes) {
      if (stream.writable) stream.write(Buffer.alloc(size, 'x'))
      await sleep(5)
    }
    stream.end()
    stream.resume()
    return await status
  } finally {
    session.destroy()
  }
}

/** The status of the first answer in what was received; 0 when there is none. */
export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0)
}

/** Waits for something to become true, for longer than a slow and busy machine needs. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 90_000; performance.now() < end;) {
    if (await holds()) return
    await sleep(20)
  }
  throw new Error(`Waited in vain until ${what}`)
}
