/** Controllers in a process of their own, whose connection to the server does what a test wants at one of its writes. */
import { Causes } from '#client/causes.ts'
import { clientOver, type Client } from '#client/client.ts'
import { runController } from '#client/controller.ts'
import { eventWriter } from '#client/events.ts'
import { sharedInformers } from '#client/informers.ts'
import type { ApiRequest, ApiResponse, Transport, WatchEvent } from '#client/transport.ts'
import type { MakeController } from '#controllers/context.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { makeControllers } from '#controllers/makeControllers.ts'
import { seededRandom } from '#lib/random.ts'
import { expired, unavailable } from '#machinery/status.ts'
import { componentCaller, controllerCaller } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { controllerMetrics } from '#controllers/metrics.ts'
import { MetricRegistry } from '#lib/metrics.ts'

/**
 * What goes wrong at a write; writes are counted from 1, those of events apart.
 *
 * - `replyLost`: the write is stored, the process ends before it knows, and starts anew a second later
 * - `replyTaken`: the process knows, and ends before its next write leaves it
 * - `timeout`: the write is stored, the process is told that the server did not answer, and lives on
 * - `refused`: the write is not stored, and the process is told so
 * - `stale`: from then on, for five seconds, nothing of one resource comes through; then all of it does
 * - `missed`: the same, but what happened meanwhile is never told: the process has to list again
 */
export type Fault =
  | { readonly kind: 'replyLost' | 'replyTaken' | 'timeout' | 'refused'; readonly at: number }
  | { readonly kind: 'stale' | 'missed'; readonly at: number; readonly plural: string }

export interface FaultyProcessOptions {
  readonly cluster: SimulatedCluster
  readonly controllers: readonly MakeController[]
  readonly fault?: Fault
  /** Told of each write before it leaves. */
  readonly onWrite?: (request: ApiRequest) => void
}

export interface FaultyProcess {
  /** Writes that left the process, without those of events, as `METHOD path`. */
  readonly writes: readonly string[]
  /** Plurals of what it follows. */
  readonly follows: ReadonlySet<string>
  /** Whether the fault has come and is over. */
  readonly isOver: boolean
  readonly causes: Causes
  stop(): Promise<void>
}

/** From the end of a process to its next start, in milliseconds. */
const downFor = 1_000
/** How long a resource is held back, in milliseconds. */
const heldFor = 5_000

/** Starts controllers beside a cluster that does not run them. */
export function startFaultyProcess(options: FaultyProcessOptions): FaultyProcess {
  const { cluster, fault } = options
  const { clock } = cluster
  const writes: string[] = []
  const follows = new Set<string>()
  let lives = 0
  let life: { readonly abort: AbortController; readonly ended: Promise<unknown>; readonly causes: Causes }
  const ended: Promise<unknown>[] = []
  let isOver = fault === undefined
  /** Settled once what is held back may come through. */
  let held: { readonly plural: string; readonly over: Promise<void> } | undefined
  const restarts = new Set<Disposable>()

  const after = (ms: number, run: () => void): void => {
    const timer = clock.after(ms, () => {
      restarts.delete(timer)
      run()
    })
    restarts.add(timer)
  }
  const crash = (): void => {
    life.abort.abort(new DOMException('The process has ended', 'AbortError'))
    after(downFor, () => {
      isOver = true
      life = begin()
    })
  }
  const hold = (plural: string): void => {
    const { promise, resolve } = Promise.withResolvers<void>()
    held = { plural, over: promise }
    after(heldFor, () => {
      held = undefined
      isOver = true
      resolve()
    })
  }

  /** Sends one write, and lets the fault happen that is due with it. */
  const write = async (direct: Transport, request: ApiRequest, signal: AbortSignal): Promise<ApiResponse> => {
    writes.push(`${request.method} ${request.path}`)
    options.onWrite?.(request)
    const number = writes.length
    if (fault === undefined || isOver) return direct.send(request, signal)
    if (fault.kind === 'replyTaken' && number === fault.at + 1) {
      crash()
      throw signal.reason
    }
    if (number !== fault.at) return direct.send(request, signal)
    switch (fault.kind) {
      case 'refused':
        isOver = true
        throw unavailable('The server is not there')
      case 'timeout':
        isOver = true
        await direct.send(request, signal)
        throw unavailable('The server did not answer')
      case 'replyLost':
        await direct.send(request)
        crash()
        throw signal.reason
      case 'stale':
      case 'missed':
        hold(fault.plural)
        return direct.send(request, signal)
      case 'replyTaken':
        return direct.send(request, signal)
    }
  }

  const connection = (direct: Transport, alive: AbortSignal): Transport => ({
    ...direct,
    async send(request, signal = alive) {
      alive.throwIfAborted()
      if (request.method === 'GET' || pluralOf(request.path) === 'events') return direct.send(request, signal)
      return write(direct, request, alive)
    },
    async *watch(request, signal) {
      const plural = pluralOf(request.path)
      follows.add(plural)
      for await (const batch of direct.watch(request, signal)) {
        if (held?.plural === plural && (await waitIn(held.over, signal)) && fault!.kind === 'missed') {
          throw expired('too old resource version')
        }
        yield batch as readonly WatchEvent[]
      }
    },
  })

  const begin = (): typeof life => {
    const abort = new AbortController()
    const { signal } = abort
    const random = seededRandom(++lives)
    const clientAs = (caller: Parameters<typeof inProcessTransport>[1]): Client =>
      clientOver(connection(inProcessTransport(cluster.server, caller) as Transport, signal))
    const client = clientAs(componentCaller('system:kube-controller-manager'))
    const report = (): void => {}
    const informers = sharedInformers({ client, clock, random, report })
    const events = eventWriter({ client, clock, random, report })
    const causes = new Causes(clock)
    const config = { rootCertificate: 'simulated', podCidrs: [] }
    const metrics = controllerMetrics(new MetricRegistry())
    const context = { informers, clock, random, events, causes, metrics, config }
    const controllers = makeControllers(options.controllers, context, (account) => clientAs(controllerCaller(account)))
    const running = [
      ...controllers.map((controller) => runController(controller, { clock, report }, signal)),
      informers.run(signal),
      events.run(signal),
    ]
    const all = Promise.allSettled(running)
    ended.push(all)
    return { abort, ended: all, causes }
  }
  life = begin()

  return {
    writes,
    follows,
    get isOver() {
      return isOver
    },
    get causes() {
      return life.causes
    },
    async stop() {
      for (const timer of restarts) timer[Symbol.dispose]()
      life.abort.abort(new DOMException('The test is over', 'AbortError'))
      await clock.advance(0)
      await Promise.all(ended)
    },
  }
}

/** Waits for a moment, unless the signal comes first; then it throws. */
async function waitIn(moment: Promise<void>, signal: AbortSignal): Promise<true> {
  await Promise.race([moment, untilAborted(signal)])
  signal.throwIfAborted()
  return true
}

/** The plural in a path of the API: `/apis/apps/v1/namespaces/default/deployments/web/status` → `deployments`. */
export function pluralOf(path: string): string {
  const [, root, ...rest] = path.split('/')
  const names = rest.slice(root === 'api' ? 1 : 2)
  return (names[0] === 'namespaces' && names.length > 2 ? names[2] : names[0]) ?? ''
}
