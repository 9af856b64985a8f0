/**
 * The data plane in a thread of its own: a request is not held up by what else the process does, and a flood of requests, large
 * certificates or password checks do not hold up the node agent (docs/decisions/ingress-thread.md has the figures).
 */
import { Worker } from 'node:worker_threads'
import type { LogFields, Logger, LogLevel } from '#lib/log.ts'
import type { Applied, DataPlane, ListenAddresses, Routing } from '#ingress/routing.ts'
import { routingDelta } from './delta.ts'
import type { RoutingDelta } from './delta.ts'
import { defaultLimits } from './limits.ts'
import type { Limits } from './limits.ts'

export interface NodeDataPlaneOptions {
  readonly listen: ListenAddresses
  readonly limits?: Partial<Limits>
  readonly logger: Logger
  /** Name servers (`10.96.0.10`) that know the servers of external authentication; the machine's own when absent. */
  readonly nameServers?: readonly string[]
  /** Told when the thread ended although nobody closed it; what it served is served no more. */
  readonly onDeath?: (error: Error) => void
}

export interface ThreadSettings {
  readonly listen: ListenAddresses
  readonly limits: Limits
  readonly nameServers: readonly string[]
  readonly logLevel: LogLevel
}

export type ToThread = { readonly do: 'apply'; readonly delta: RoutingDelta } | { readonly do: 'close' }

export type FromThread =
  | { readonly is: 'ready' }
  | { readonly is: 'unable'; readonly problem: string }
  | { readonly is: 'applied'; readonly applied: Applied }
  | { readonly is: 'refused'; readonly problem: string }
  | { readonly is: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }

/** Starts the thread; resolves when it listens. Rejects when an address cannot be listened on. */
export async function startNodeDataPlane(options: NodeDataPlaneOptions): Promise<DataPlane> {
  const plane = new ThreadedDataPlane(options)
  await plane.ready
  return plane
}

/** Beside this file among the sources, and beside the bundle's entry point in a bundle. */
function workerFile(module: string): URL {
  return new URL(module.endsWith('.ts') ? './dataPlaneWorker.ts' : './dataPlaneWorker.js', module)
}

class ThreadedDataPlane implements DataPlane {
  readonly kind = 'node'
  readonly ready: Promise<void>
  readonly #options: NodeDataPlaneOptions
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #routing: Routing | undefined
  #left: Applied['left'] = new Map()
  #waiting: { readonly resolve: (applied: Applied) => void; readonly reject: (error: Error) => void } | undefined
  #death: Error | undefined
  #closing = false

  constructor(options: NodeDataPlaneOptions) {
    this.#options = options
    this.#worker = new Worker(workerFile(import.meta.url), {
      name: 'ingress',
      workerData: {
        listen: options.listen,
        limits: { ...defaultLimits, ...options.limits },
        nameServers: options.nameServers ?? [],
        logLevel: options.logger.enabled('debug') ? 'debug' : 'info',
      } satisfies ThreadSettings,
      execArgv: [],
    })
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    this.#worker.on('message', (message: FromThread) => {
      if (message.is === 'ready') ready.resolve()
      else if (message.is === 'unable') ready.reject(new Error(message.problem))
      else this.#receive(message)
    })
    this.#worker.on('error', (error) => {
      this.#death = error instanceof Error ? error : new Error(String(error))
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        const death = (this.#death ??= new Error('the thread of the data plane has ended'))
        ready.reject(death)
        this.#waiting?.reject(death)
        if (!this.#closing) options.onDeath?.(death)
        resolve()
      })
    })
  }

  async apply(routing: Routing): Promise<Applied> {
    if (this.#death !== undefined) throw this.#death
    const delta = routingDelta(this.#routing, routing)
    if (delta === undefined) {
      this.#routing = routing
      return { how: 'nothing', left: this.#left }
    }
    const { promise, resolve, reject } = Promise.withResolvers<Applied>()
    this.#waiting = { resolve, reject }
    this.#worker.postMessage({ do: 'apply', delta } satisfies ToThread)
    const applied = await promise
    this.#routing = routing
    this.#left = applied.left
    return applied
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    this.#worker.postMessage({ do: 'close' } satisfies ToThread)
    await this.#ended
  }

  #receive(message: Exclude<FromThread, { is: 'ready' } | { is: 'unable' }>): void {
    if (message.is === 'log') return this.#options.logger[message.level](message.message, message.fields)
    const waiting = this.#waiting
    this.#waiting = undefined
    if (message.is === 'applied') waiting?.resolve(message.applied)
    else waiting?.reject(new Error(message.problem))
  }
}
