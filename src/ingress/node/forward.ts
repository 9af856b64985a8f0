/** Passing a request on to a server of a pool, and its answer back. */
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Header, Rules } from '#ingress/routing.ts'
import { answerProblem } from './answers.ts'
import { announcesTrailers, ask, bodyHeaders } from './attempt.ts'
import type { Answer, Attempt } from './attempt.ts'
import { drawShare } from './balance.ts'
import type { ReadyForward } from './compile.ts'
import { affinityCookie, readCookie } from './cookies.ts'
import type { Downstream } from './downstream.ts'
import { askForPage } from './errorPages.ts'
import { flow } from './flow.ts'
import { answerHeaders, changeHeaders, headerValue, setHeaders } from './headers.ts'
import type { RawHeaders } from './headers.ts'
import type { Limits } from './limits.ts'
import { RequestBody } from './requestBody.ts'
import type { BodyBudget } from './requestBody.ts'
import { defaultRetry, isSafe, isTriedAgain } from './retry.ts'
import type { Failure } from './retry.ts'
import { tunnel } from './tunnel.ts'
import type { UpstreamPool, UpstreamServer } from './upstream.ts'

/** What serving needs beside the request. */
export interface ServingTools {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly budget: BodyBudget
}

/** A request that is to be passed on. */
export interface Forwarding {
  readonly downstream: Downstream
  readonly action: ReadyForward
  readonly rules: Rules
  readonly pools: ReadonlyMap<string, UpstreamPool>
  /** Path and query for the server. */
  readonly target: string
  /** Without those of the body. */
  readonly headers: RawHeaders
  /** What hashes are taken of. */
  readonly path: string
  readonly host: string
  /** For the answer. */
  readonly cors: readonly Header[]
  readonly cookies: readonly string[]
}

/** As ingress-nginx has them without annotations. */
const defaultTimeouts = { connect: 5_000, read: 60_000, send: 60_000 }

const timeoutsOf = ({ timeouts }: Rules): typeof defaultTimeouts => ({ ...defaultTimeouts, ...timeouts })

export async function forward(forwarding: Forwarding, tools: ServingTools): Promise<void> {
  const { downstream, rules } = forwarding
  const pool = choosePool(forwarding, tools.random)
  if (pool === undefined) return await answerFailure(forwarding, 503, tools)
  using body = new RequestBody(downstream, rules.largestBody ?? 0, tools.clock, tools.limits)
  if (rules.buffersRequests === true && !(await body.keep(tools.budget)))
    return body.problem === undefined ? undefined : await answerFailure(forwarding, body.problem, tools)
  await new Passage(forwarding, pool, body, tools).run()
}

/** The pool by overrides, by the affinity that a client has, or by lot. */
function choosePool({ action, pools, headers, ...rest }: Forwarding, random: Random): UpstreamPool | undefined {
  const cookies = headerValue(headers, 'cookie')
  for (const { on, name, test, pool } of action.tests) {
    const value = on === 'cookie' ? readCookie(cookies, name) : headerValue(rest.downstream.headers, name)
    if (test(value)) return pools.get(pool)
  }
  if (action.keepsPool && cookies !== undefined) {
    for (const { pool } of action.shares) {
      const candidate = pools.get(pool)
      if (candidate !== undefined && stickyServer(candidate, cookies) !== undefined) return candidate
    }
  }
  const share = drawShare(action.shares, random)
  return share === undefined ? undefined : pools.get(share)
}

function stickyServer(pool: UpstreamPool, cookies: string | undefined): UpstreamServer | undefined {
  const { affinity } = pool.pool
  return affinity === undefined ? undefined : pool.stickyServer(readCookie(cookies, affinity.name))
}

/** Ours in the place of the backend's; by what else the answer varies, it still does. */
function addCors(headers: string[], cors: readonly Header[]): string[] {
  const added = cors.filter(({ name }) => name === 'Vary').flatMap(({ name, value }) => [name, value])
  return [
    ...setHeaders(
      headers,
      cors.filter(({ name }) => name !== 'Vary'),
    ),
    ...added,
  ]
}

/** The headers of an answer as the client gets them. */
function headersFor({ rules, cookies, cors }: Forwarding, answer: Answer): string[] {
  const headers = addCors(changeHeaders(answerHeaders(answer.headers), rules.responseHeaders), cors)
  for (const cookie of cookies) headers.push('Set-Cookie', cookie)
  return headers
}

/** Sends an answer to the client; resolves when it is over. */
async function passOn(
  answer: Answer,
  headers: string[],
  trailers: boolean,
  { downstream, rules }: Forwarding,
  tools: ServingTools,
): Promise<void> {
  const source = answer.body
  const output = downstream.answer(answer.status, headers, { empty: source === undefined, trailers })
  if (source === undefined) return downstream.finish()
  const { promise, resolve } = Promise.withResolvers<void>()
  const cut = (): void => {
    answer.cancel()
    downstream.abort()
  }
  const stop = flow(source, output, {
    clock: tools.clock,
    silence: timeoutsOf(rules).read,
    stall: tools.limits.clientTimeout,
    onEnd: () => {
      downstream.finish(answer.trailers())
      resolve()
    },
    onTimeout: cut,
  })
  source.once('close', () => {
    stop()
    if (!source.readableEnded) cut()
    resolve()
  })
  return promise
}

/** Answers with the page for a status; false when there is none. */
async function answerPage(forwarding: Forwarding, status: number, tools: ServingTools): Promise<boolean> {
  const { downstream, rules, pools, headers } = forwarding
  const { errorPages } = rules
  const pool = errorPages?.statuses.includes(status) === true ? pools.get(errorPages.pool) : undefined
  if (errorPages === undefined || pool === undefined) return false
  const request = { downstream, headers, status, timeouts: timeoutsOf(rules) }
  const page = await askForPage(errorPages, pool, request, tools.clock)
  if (page === undefined) return false
  await passOn(
    page.answer,
    headersFor(forwarding, page.answer),
    announcesTrailers(page.answer.headers),
    forwarding,
    tools,
  )
  page.release()
  return true
}

/** Answers when no server has, with a page where there is one for it. */
async function answerFailure(forwarding: Forwarding, status: number, tools: ServingTools): Promise<void> {
  if (!(await answerPage(forwarding, status, tools)) && !forwarding.downstream.isOver)
    answerProblem(forwarding.downstream, status)
}

/** One request on its way through a pool. */
class Passage {
  readonly #forwarding: Forwarding
  readonly #pool: UpstreamPool
  readonly #body: RequestBody
  readonly #tools: ServingTools
  readonly #timeouts: typeof defaultTimeouts
  #attempt: Attempt | undefined
  #clientIsGone = false

  constructor(forwarding: Forwarding, pool: UpstreamPool, body: RequestBody, tools: ServingTools) {
    this.#forwarding = forwarding
    this.#pool = pool
    this.#body = body
    this.#tools = tools
    this.#timeouts = timeoutsOf(forwarding.rules)
  }

  async run(): Promise<void> {
    const { downstream, rules, headers } = this.#forwarding
    const { clock } = this.#tools
    const { method } = downstream
    if (downstream.isOver) return
    downstream.onClose((whole) => {
      this.#clientIsGone = !whole
      if (!whole) this.#attempt?.cancel()
    })
    const sticky = stickyServer(this.#pool, headerValue(headers, 'cookie'))
    const retry = rules.retry ?? defaultRetry
    const started = clock.now()
    const tried = new Set<UpstreamServer>()
    /** Those that were asked again on a new connection, as the kept one was closed meanwhile. */
    const renewed = new Set<UpstreamServer>()
    let failure: Failure | undefined
    let server = sticky ?? this.#pool.next(tried, this.#hashKey())
    while (server !== undefined) {
      // A server may be about to close the connection that we would use. What can be known of that by now is known after a turn.
      if (!isSafe(method)) await setImmediate()
      server.active++
      const attempt = this.#ask(server)
      const result = await attempt.result
      if (this.#clientIsGone) {
        server.active--
        return attempt.cancel()
      }
      if (result.kind === 'answer') {
        const attempts = { method, made: tried.size + 1, elapsed: clock.now() - started, bodyIsGone: this.#body.isGone }
        const bad: Failure = { kind: 'status', status: result.status, sent: true }
        const other = isTriedAgain(bad, attempts, retry)
          ? this.#pool.next(new Set([...tried, server]), this.#hashKey())
          : undefined
        if (other === undefined) {
          if (rules.errorPages?.statuses.includes(result.status) !== true || !(await this.#replace(result)))
            await this.#passBack(result, server, sticky)
          server.active--
          return
        }
        result.cancel()
        server.active--
        tried.add(server)
        server = other
        continue
      }
      server.active--
      failure = result.failure
      if (this.#body.problem !== undefined) break
      if (result.stale && !renewed.has(server) && (!failure.sent || (isSafe(method) && !this.#body.isGone))) {
        renewed.add(server)
        server.dropIdle()
        continue
      }
      if (!failure.sent) server.noteFailed()
      tried.add(server)
      const attempts = { method, made: tried.size, elapsed: clock.now() - started, bodyIsGone: this.#body.isGone }
      server = isTriedAgain(failure, attempts, retry) ? this.#pool.next(tried, this.#hashKey()) : undefined
    }
    this.#body.stop()
    await answerFailure(
      this.#forwarding,
      this.#body.problem ?? (failure === undefined ? 503 : failure.kind === 'timeout' ? 504 : 502),
      this.#tools,
    )
  }

  /** Gives a page in the place of an answer; false when there is none, and the answer is to be passed on after all. */
  async #replace(answer: Answer): Promise<boolean> {
    if (answer.upgraded !== undefined) return false
    const isReplaced = await answerPage(this.#forwarding, answer.status, this.#tools)
    if (isReplaced || this.#clientIsGone) answer.cancel()
    return isReplaced || this.#clientIsGone
  }

  #ask(server: UpstreamServer): Attempt {
    const { downstream, target, headers } = this.#forwarding
    const { protocol } = this.#pool.pool
    const overHttp1 = protocol === 'http' || protocol === 'https'
    const hasBody = downstream.body !== undefined
    const own = overHttp1
      ? bodyHeaders(downstream.method, hasBody, downstream.bodyBytes)
      : hasBody && downstream.bodyBytes !== undefined
        ? ['Content-Length', String(downstream.bodyBytes)]
        : []
    const attempt = ask(
      server,
      {
        method: downstream.method,
        target,
        headers: [...headers, ...own],
        protocol,
        connectTimeout: this.#timeouts.connect,
        readTimeout: this.#timeouts.read,
        ...(hasBody
          ? {
              sendBody: (to, end) =>
                this.#body.send(to, {
                  end,
                  fail: () => this.#attempt?.cancel(),
                  touch: () => this.#attempt?.touch(),
                  stall: this.#timeouts.send,
                }),
            }
          : {}),
        ...(downstream.upgrade !== undefined && overHttp1 ? { upgrade: downstream.upgrade.protocol } : {}),
      },
      this.#tools.clock,
    )
    this.#attempt = attempt
    return attempt
  }

  /** Resolves when the answer is over. */
  async #passBack(answer: Answer, server: UpstreamServer, sticky: UpstreamServer | undefined): Promise<void> {
    const { downstream } = this.#forwarding
    const headers = headersFor(this.#forwarding, answer)
    const { affinity } = this.#pool.pool
    if (affinity !== undefined && server !== sticky && (sticky === undefined || affinity.changeOnFailure)) {
      const userAgent = headerValue(downstream.headers, 'user-agent')
      headers.push('Set-Cookie', affinityCookie(affinity, server.cookie, this.#tools.clock.now(), userAgent))
    }
    if (answer.upgraded !== undefined)
      return tunnel(downstream, answer.upgraded, headers, this.#timeouts.read, this.#tools.clock)
    const trailers = announcesTrailers(answer.headers) || this.#pool.pool.protocol.startsWith('grpc')
    await passOn(answer, headers, trailers, this.#forwarding, this.#tools)
  }

  #hashKey(): string {
    const { balance } = this.#pool.pool
    if (balance.kind !== 'hash') return ''
    const { downstream, path, host } = this.#forwarding
    switch (balance.by) {
      case 'source':
        return downstream.address
      case 'path':
        return path
      case 'host':
        return host
      default:
        return headerValue(downstream.headers, balance.by.header.toLowerCase()) ?? ''
    }
  }
}
