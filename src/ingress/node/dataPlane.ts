/** The data plane in this thread: listeners that never close, and what they serve. */
import type { LookupFunction } from 'node:net'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { Applied, DataPlane, ListenAddresses, Pool, Routing } from '#ingress/routing.ts'
import { answerProblem } from './answers.ts'
import { prepareRoutes } from './compile.ts'
import type { Downstream } from './downstream.ts'
import { routingDelta } from './delta.ts'
import { ExternalAuthenticator } from './externalAuthentication.ts'
import { IdleWatch } from './flow.ts'
import type { Limits } from './limits.ts'
import { Listeners } from './listeners.ts'
import { RateLimiter } from './rateLimit.ts'
import { BodyBudget } from './requestBody.ts'
import { isSameData } from './sameData.ts'
import { serve } from './serve.ts'
import type { Serving, Tools } from './serve.ts'
import { SlowPasswords } from './slowPasswords.ts'
import { prepareCertificates } from './tls.ts'
import type { Certificates } from './tls.ts'
import { backendTls, UpstreamPool } from './upstream.ts'

export interface DataPlaneOptions {
  readonly listen: ListenAddresses
  readonly limits: Limits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Finds the addresses of servers of external authentication; the machine's own way when absent. */
  readonly lookup?: LookupFunction
}

/** What a routing came to. */
interface Effect {
  readonly routing: Routing
  readonly serving: Serving
  readonly certificates: Certificates
}

/** What a client may still send of a body after its answer, in bytes, and how long it may pause in that. */
const mostUnread = 16 * 1024 * 1024
const unreadPause = 5_000

/** Listens; before the first routing every answer is 503. */
export async function startDataPlane(options: DataPlaneOptions): Promise<DataPlane> {
  const plane = new LocalDataPlane(options)
  await plane.listen()
  return plane
}

class LocalDataPlane implements DataPlane {
  readonly kind = 'node'
  readonly #options: DataPlaneOptions
  readonly #listeners: Listeners
  readonly #tools: Tools
  #effect: Effect | undefined

  constructor(options: DataPlaneOptions) {
    this.#options = options
    const { limits, clock, random, logger, lookup } = options
    this.#tools = {
      limits,
      clock,
      random,
      budget: new BodyBudget(limits.bufferedBodies),
      authenticator: new ExternalAuthenticator(lookup),
      slowPasswords: new SlowPasswords(),
    }
    this.#listeners = new Listeners({
      limits,
      serve: (downstream) => this.#serve(downstream),
      findCertificate: (name) => this.#effect?.certificates.find(name),
      asksClient: (name) => {
        const { certificates } = this.#effect ?? {}
        return name === undefined ? certificates?.asksSome === true : certificates?.asks(name) === true
      },
      onConnectionError: (problem, address) => logger.debug('Refused a connection', { problem, address }),
    })
  }

  async listen(): Promise<void> {
    await this.#listeners.listen(this.#options.listen)
  }

  async apply(routing: Routing): Promise<Applied> {
    const before = this.#effect
    // All that may fail comes first; from the first change on nothing does.
    const routes = sameRoutes(before?.routing, routing) ? before!.serving.routes : prepareRoutes(routing)
    const certificates = sameCertificates(before?.routing, routing)
      ? before!.certificates
      : prepareCertificates(routing, before?.certificates.made ?? new Map())
    const pools = this.#pools(routing)
    if (before === undefined || before.certificates.default !== certificates.default)
      this.#listeners.setDefaultCertificate(certificates.default)
    this.#effect = {
      routing,
      certificates,
      serving: { routes, pools: pools.now, limiters: this.#limiters(routing, before) },
    }
    for (const gone of pools.gone) gone.leave()
    const isSame = before !== undefined && routingDelta(before.routing, routing) === undefined
    return { how: isSame ? 'nothing' : 'in place', left: routes.left }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { clock } = this.#options
    const done = new AbortController()
    await this.#listeners.close(clock.sleep(5_000, done.signal).catch(() => undefined))
    done.abort(new Error('closed'))
    for (const pool of this.#effect?.serving.pools.values() ?? []) pool.leave()
    this.#tools.authenticator[Symbol.dispose]()
    this.#tools.slowPasswords[Symbol.dispose]()
  }

  /** Pools as they will be. Those that stay are changed only after all others could be made. */
  #pools(routing: Routing): { readonly now: Map<string, UpstreamPool>; readonly gone: readonly UpstreamPool[] } {
    const known = new Map(this.#effect?.serving.pools)
    const before = this.#effect?.routing.certificates
    const now = new Map<string, UpstreamPool>()
    const updates: (() => void)[] = []
    for (const [name, pool] of routing.pools) {
      const same = known.get(name)
      if (same !== undefined && same.pool === pool && before === routing.certificates) {
        known.delete(name)
        now.set(name, same)
        continue
      }
      const tls = backendTls(pool, routing.certificates)
      const shown = pool.tls?.certificate
      const keepsIdentity = shown === undefined || isSameData(before?.get(shown), routing.certificates.get(shown))
      if (same !== undefined && keepsIdentity && isSameKind(same.pool, pool)) {
        known.delete(name)
        now.set(name, same)
        if (same.pool !== pool) updates.push(() => same.update(pool))
      } else now.set(name, new UpstreamPool(pool, tls, this.#options.clock))
    }
    for (const update of updates) update()
    return { now, gone: [...known.values()] }
  }

  /** One for each owner and limit, as ingress-nginx has it; those that stay keep their counts. */
  #limiters(routing: Routing, before: Effect | undefined): ReadonlyMap<string, RateLimiter> {
    const limiters = new Map<string, RateLimiter>()
    if (before?.routing.routes === routing.routes) return before.serving.limiters
    const shared = new Map<string, RateLimiter>()
    for (const route of before?.routing.routes ?? []) {
      const limiter = before!.serving.limiters.get(route.name)
      if (limiter !== undefined) shared.set(`${route.owner}\n${JSON.stringify(route.rules.rateLimit)}`, limiter)
    }
    for (const { name, owner, rules } of routing.routes) {
      if (rules.rateLimit === undefined) continue
      const key = `${owner}\n${JSON.stringify(rules.rateLimit)}`
      let limiter = shared.get(key)
      if (limiter === undefined) shared.set(key, (limiter = new RateLimiter(this.#options.clock, rules.rateLimit)))
      limiters.set(name, limiter)
    }
    return limiters
  }

  #serve(downstream: Downstream): void {
    const effect = this.#effect
    if (effect === undefined) return answerProblem(downstream, 503)
    serve(downstream, effect.serving, this.#tools).then(
      () => this.#discardRest(downstream),
      (error: unknown) => {
        this.#options.logger.error('Failed to serve a request', {
          method: downstream.method,
          target: downstream.target,
          error,
        })
        if (downstream.answered || downstream.isOver) downstream.abort()
        else answerProblem(downstream, 500)
      },
    )
  }

  /** Reads what a client still sends after its answer, so that it sees that; within limits. */
  #discardRest(downstream: Downstream): void {
    const { body } = downstream
    const abort = (): void => downstream.abort()
    if (body === undefined || body.readableEnded || body.destroyed) return
    let size = 0
    const watch = new IdleWatch(this.#options.clock, unreadPause, abort)
    body.on('data', (piece: Buffer) => {
      watch.touch()
      size += piece.length
      if (size > mostUnread) abort()
    })
    body.once('close', () => watch.stop())
    body.once('end', () => watch.stop())
    body.resume()
  }
}

/** Whether connections to the servers of a pool stay right. */
function isSameKind(a: Pool, b: Pool): boolean {
  return a.protocol === b.protocol && isSameData(a.tls, b.tls)
}

function sameCertificates(before: Routing | undefined, now: Routing): boolean {
  return (
    before?.certificates === now.certificates &&
    before.serverNames === now.serverNames &&
    before.defaultCertificate === now.defaultCertificate
  )
}

function sameRoutes(before: Routing | undefined, now: Routing): boolean {
  if (before === undefined || before.routes !== now.routes || before.fallback !== now.fallback) return false
  // Routes that stay still may not refer to pools that went.
  for (const name of before.pools.keys()) if (!now.pools.has(name)) return false
  return true
}
