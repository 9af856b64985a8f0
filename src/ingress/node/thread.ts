/**
 * The data plane in a thread of its own: a request is not held up by what else the process does, and a flood of requests, large
 * certificates or password checks do not hold up the node agent (docs/decisions/ingress-thread.md has the figures).
 */
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Worker } from 'node:worker_threads'
import { exponentialDelay } from '#lib/async/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { LogFields, Logger, LogLevel } from '#lib/log.ts'
import type { Applied, DataPlane, ListenAddresses, Routing } from '#ingress/routing.ts'
import { routingDelta } from './delta.ts'
import type { RoutingDelta } from './delta.ts'
import { defaultLimits } from './limits.ts'
import type { Limits } from './limits.ts'

export interface ThreadOptions {
  readonly listen: ListenAddresses
  readonly limits?: Partial<Limits>
  readonly clock: Clock
  readonly log: Logger
  /** Finds the addresses of servers of external authentication. */
  readonly lookup: LookupFunction
}

/** What the thread is started with. */
export interface ThreadSettings {
  readonly listen: ListenAddresses
  readonly limits: Limits
  readonly logLevel: LogLevel
}

export type ToThread =
  | { readonly do: 'apply'; readonly delta: RoutingDelta }
  | { readonly do: 'close' }
  /** The addresses of a name that it asked for; none when there are none. */
  | { readonly do: 'resolve'; readonly question: number; readonly addresses: readonly LookupAddress[] }

export type FromThread =
  | { readonly is: 'ready' }
  | { readonly is: 'unable'; readonly problem: string }
  | { readonly is: 'applied'; readonly applied: Applied }
  | { readonly is: 'refused'; readonly problem: string }
  | { readonly is: 'asking'; readonly question: number; readonly name: string }
  | { readonly is: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }

/** Starts the thread; resolves when it listens. Rejects when an address cannot be listened on. */
export async function startThread(options: ThreadOptions): Promise<DataPlane> {
  const thread = new Thread(options)
  await thread.ready
  return new ThreadedDataPlane(options, thread)
}

/** Keeps a thread running: one that ends is followed by another, which serves the same. */
class ThreadedDataPlane implements DataPlane {
  readonly kind = 'node'
  readonly #options: ThreadOptions
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #thread: Promise<Thread>
  #routing: Routing | undefined

  constructor(options: ThreadOptions, thread: Thread) {
    this.#options = options
    this.#thread = Promise.resolve(thread)
    this.#running = this.#keepRunning(thread)
  }

  async apply(routing: Routing): Promise<Applied> {
    const thread = await this.#thread
    const applied = await thread.apply(routing)
    this.#routing = routing
    return applied
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the data plane was closed'))
    const thread = await this.#thread.catch(() => undefined)
    thread?.close()
    await this.#running
  }

  async #keepRunning(first: Thread): Promise<void> {
    const { signal } = this.#closing
    const { clock } = this.#options
    let thread = first
    let failures = 0
    for (;;) {
      const started = clock.now()
      const death = await thread.ended
      if (signal.aborted) return
      failures = clock.now() - started > longestDelay ? 0 : failures + 1
      this.#options.log.error('The thread that serves ingresses ended; starting another', { error: death })
      const next = Promise.withResolvers<Thread>()
      next.promise.catch(() => undefined)
      this.#thread = next.promise
      try {
        thread = await this.#restart(failures, signal)
        next.resolve(thread)
      } catch (error) {
        return next.reject(error)
      }
    }
  }

  /** Rejects only when the data plane is closed. */
  async #restart(failures: number, signal: AbortSignal): Promise<Thread> {
    for (; ; failures++) {
      await this.#options.clock.sleep(exponentialDelay(failures, { first: 50, most: longestDelay }), signal)
      const thread = new Thread(this.#options)
      try {
        await thread.ready
        if (this.#routing !== undefined) await thread.apply(this.#routing)
        return thread
      } catch (error) {
        this.#options.log.error('Failed to start the thread that serves ingresses', { error })
        thread.close()
        await thread.ended
      }
    }
  }
}

/** Between two starts, in milliseconds. */
const longestDelay = 10_000

class Thread {
  readonly ready: Promise<void>
  /** Why it ended. */
  readonly ended: Promise<Error>
  readonly #options: ThreadOptions
  readonly #worker: Worker
  #routing: Routing | undefined
  #left: Applied['left'] = new Map()
  #waiting: PromiseWithResolvers<Applied> | undefined

  constructor(options: ThreadOptions) {
    this.#options = options
    const worker = new Worker(workerFile(import.meta.url), {
      name: 'ingress',
      workerData: {
        listen: options.listen,
        limits: { ...defaultLimits, ...options.limits },
        logLevel: options.log.enabled('debug') ? 'debug' : 'info',
      } satisfies ThreadSettings,
      execArgv: [],
    })
    this.#worker = worker
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    let death = new Error('the thread of the data plane has ended')
    worker.on('message', (message: FromThread) => {
      if (message.is === 'ready') ready.resolve()
      else if (message.is === 'unable') ready.reject(new Error(message.problem))
      else this.#receive(message)
    })
    worker.on('error', (error) => {
      death = error instanceof Error ? error : new Error(String(error))
    })
    this.ended = new Promise((resolve) => {
      worker.once('exit', () => {
        ready.reject(death)
        this.#waiting?.reject(death)
        resolve(death)
      })
    })
  }

  async apply(routing: Routing): Promise<Applied> {
    const delta = routingDelta(this.#routing, routing)
    if (delta === undefined) return { how: 'nothing', left: this.#left }
    this.#waiting = Promise.withResolvers<Applied>()
    this.#send({ do: 'apply', delta })
    const applied = await Promise.race([
      this.#waiting.promise,
      // It may have ended before it was asked.
      this.ended.then((death) => Promise.reject(death)),
    ])
    this.#routing = routing
    this.#left = applied.left
    return applied
  }

  /** Lets what is under way end, for some seconds. */
  close(): void {
    this.#send({ do: 'close' })
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #receive(message: Exclude<FromThread, { is: 'ready' } | { is: 'unable' }>): void {
    switch (message.is) {
      case 'log':
        return this.#options.log[message.level](message.message, message.fields)
      case 'applied':
        return this.#waiting?.resolve(message.applied)
      case 'refused':
        return this.#waiting?.reject(new Error(message.problem))
      case 'asking':
        return this.#options.lookup(message.name, { all: true }, (error, addresses) => {
          const found = error === null && typeof addresses !== 'string' ? addresses : []
          this.#send({ do: 'resolve', question: message.question, addresses: found })
        })
    }
  }
}

/** Beside this file among the sources, and beside the bundle's entry point in a bundle. */
function workerFile(module: string): URL {
  return new URL(module.endsWith('.ts') ? './dataPlaneWorker.ts' : './dataPlaneWorker.js', module)
}
