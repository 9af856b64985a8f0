/** Answers HAProxy's questions about requests that it cannot decide on itself: passwords whose hashes it does not know, and what servers of external authentication say. */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { messageOf } from '#lib/errorText.ts'
import type { Logger } from '#lib/log.ts'
import { isWithinDepth, splitCertificates } from '#ingress/node/clientCertificate.ts'
import { ExternalAuthenticator } from '#ingress/node/externalAuthentication.ts'
import { lookupThrough } from '#ingress/node/lookup.ts'
import { verifyPassword } from '#ingress/node/htpasswd.ts'
import type { ExternalAuthentication } from '#ingress/routing.ts'
import { mostCookies } from './authenticationRules.ts'
import type { AgentRule } from './authenticationRules.ts'
import { acknowledgeFrame, disconnectFrame, helloFrame, largestFrame, readFrame } from './spop.ts'
import type { SpopMessage, SpopValue } from './spop.ts'
import type { Worker } from './worker.ts'

type Variables = Readonly<Record<string, string | boolean>>

/** Variables of a transaction, and those that hold for all requests of a connection. */
interface Judgement {
  readonly variables: Variables
  readonly ofSession: Variables
}

export interface AgentOptions {
  readonly socketPath: string
  readonly log: Logger
  /** Who asks. */
  readonly worker: Pick<Worker, 'admit'>
  /** Name servers that know the servers of external authentication; the machine's own when absent. */
  readonly nameServers?: readonly string[]
}

export class Agent implements AsyncDisposable {
  readonly #options: AgentOptions
  readonly #rules = new Map<string, AgentRule>()
  readonly #authenticator: ExternalAuthenticator
  readonly #sockets = new Set<Socket>()
  /** Which passwords were right, by a digest; a hash takes a millisecond each time otherwise. */
  readonly #verified = new RecentMap<string, boolean>(1_000)
  #server: Server | undefined

  constructor(options: AgentOptions) {
    this.#options = options
    const { nameServers = [] } = options
    this.#authenticator = new ExternalAuthenticator(nameServers.length === 0 ? undefined : lookupThrough(nameServers))
  }

  /** Knows these rules, too, from now on. Listens as soon as there are any. */
  async serve(rules: ReadonlyMap<string, AgentRule>): Promise<void> {
    for (const [name, rule] of rules) this.#rules.set(name, rule)
    if (this.#server !== undefined || rules.size === 0) return
    const server = createServer((socket) => this.#take(socket))
    // What an earlier process of ours left.
    await rm(this.#options.socketPath, { force: true })
    server.listen(this.#options.socketPath)
    await once(server, 'listening')
    await this.#options.worker.admit(this.#options.socketPath)
    server.unref()
    this.#server = server
  }

  /** Requests that began before may still ask for others for a moment: they get no answer, which is a refusal. */
  forgetOthers(rules: ReadonlyMap<string, AgentRule>): void {
    for (const name of this.#rules.keys()) if (!rules.has(name)) this.#rules.delete(name)
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    let received: Buffer = Buffer.alloc(0)
    socket.on('data', (piece: Buffer) => {
      received = received.length === 0 ? piece : Buffer.concat([received, piece])
      try {
        while (received.length >= 4) {
          const length = received.readUInt32BE(0)
          if (length > largestFrame) throw new Error(`a frame of ${length} bytes`)
          if (received.length < 4 + length) break
          this.#answer(socket, received.subarray(4, 4 + length))
          received = received.subarray(4 + length)
        }
      } catch (error) {
        this.#options.log.warn('Cannot understand HAProxy', { error: messageOf(error) })
        socket.destroy()
      }
    })
  }

  #answer(socket: Socket, bytes: Buffer): void {
    const frame = readFrame(bytes)
    if (frame.kind === 'hello') {
      socket.write(helloFrame(Math.min(frame.maxFrameSize, largestFrame)))
      if (frame.isHealthCheck) socket.end()
    } else if (frame.kind === 'disconnect') socket.end(disconnectFrame())
    else
      void this.#judge(frame.messages)
        .catch((error: unknown): Judgement => {
          this.#options.log.warn('Cannot judge a request', { error: messageOf(error) })
          return { variables: {}, ofSession: {} }
        })
        .then(({ variables, ofSession }) =>
          socket.write(acknowledgeFrame(frame.stream, frame.frame, variables, ofSession)),
        )
  }

  async #judge(messages: readonly SpopMessage[]): Promise<Judgement> {
    let variables: Variables = {}
    let ofSession: Variables = {}
    for (const { name, values } of messages) {
      const ruleName = text(values.get('rule'))
      const rule = this.#rules.get(ruleName)
      if (name === 'certificate' && rule?.clients !== undefined) {
        const [leaf, chain] = [values.get('leaf'), values.get('chain')]
        const shown = { leaf: bytes(leaf), chain: splitCertificates(bytes(chain)) }
        if (isWithinDepth(rule.clients, shown)) ofSession = { ...ofSession, checked: ruleName }
      }
      if (name === 'password' && rule?.users !== undefined)
        variables = { ...variables, passed: this.#knows(rule.users, text(values.get('authorization'))) }
      if (name === 'external' && rule?.external !== undefined)
        variables = { ...variables, ...(await this.#ask(rule.external, values)) }
    }
    return { variables, ofSession }
  }

  #knows(users: ReadonlyMap<string, string>, authorization: string): boolean {
    const encoded = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization)?.[1]
    if (encoded === undefined) return false
    const credentials = Buffer.from(encoded, 'base64').toString()
    const colon = credentials.indexOf(':')
    const hash = colon < 0 ? undefined : users.get(credentials.slice(0, colon))
    if (hash === undefined) return false
    const password = credentials.slice(colon + 1)
    const digest = createHash('sha256').update(hash).update('\0').update(password).digest('base64')
    return this.#verified.getOrMake(digest, () => verifyPassword(password, hash))
  }

  async #ask(external: ExternalAuthentication, values: ReadonlyMap<string, SpopValue>): Promise<Variables> {
    const scheme = values.get('secure') === true ? 'https' : 'http'
    const target = text(values.get('raw')) || text(values.get('path'))
    const verdict = await this.#authenticator.ask(external, {
      method: text(values.get('method')),
      url: `${scheme}://${text(values.get('host'))}${target}`,
      address: text(values.get('address')),
      headers: headersOf(text(values.get('headers'))),
    })
    switch (verdict.kind) {
      case 'pass': {
        const order = external.responseHeaders.map((name) => name.toLowerCase())
        return {
          verdict: 'pass',
          ...Object.fromEntries(
            verdict.headers.map(({ name, value }) => [`header${order.indexOf(name.toLowerCase())}`, value]),
          ),
          ...Object.fromEntries(verdict.cookies.slice(0, mostCookies).map((cookie, at) => [`cookie${at}`, cookie])),
        }
      }
      case 'refuse': {
        const challenge = verdict.headers.find(({ name }) => name.toLowerCase() === 'www-authenticate')?.value
        return { verdict: String(verdict.status), ...(challenge === undefined ? {} : { challenge }) }
      }
      case 'redirect':
        return { verdict: 'redirect', location: verdict.location }
      case 'broken':
        return { verdict: 'broken' }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#authenticator[Symbol.dispose]()
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server === undefined) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

const text = (value: SpopValue | undefined): string =>
  typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString('latin1') : ''

const bytes = (value: SpopValue | undefined): Buffer => (Buffer.isBuffer(value) ? value : Buffer.alloc(0))

/** Names and values in turn, from lines. */
function headersOf(lines: string): string[] {
  return lines.split('\r\n').flatMap((line) => {
    const colon = line.indexOf(':')
    return colon <= 0 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
}
