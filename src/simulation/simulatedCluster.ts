import type { Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import type { Informers } from '#client/informers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { seededRandom } from '#lib/random.ts'
import type { ApiServer } from '#server/server.ts'
import { openMemoryStore } from '#storage/memory.ts'
import type { Store } from '#storage/store.ts'
import { clusterParts, type ClusterPartsOptions } from './clusterParts.ts'
import type { SimulatedNodes } from './simulatedNodes.ts'

export interface SimulatedClusterOptions extends ClusterPartsOptions {
  readonly clock?: SimulatedClock
  /** The same seed gives the same names, uids and orders; 1 unless told. */
  readonly seed?: number
}

/** A whole cluster in this process. Its time moves only by `clock.advance`; nothing in it reads or writes anything real. */
export interface SimulatedCluster extends AsyncDisposable {
  readonly clock: SimulatedClock
  /** May do everything. */
  readonly client: Client
  readonly nodes: SimulatedNodes
  readonly informers: Informers
  readonly causes: Causes
  readonly server: ApiServer
  readonly store: Store
  /** What components reported and tried again. */
  readonly problems: readonly string[]
  /** Moves time on until `is` holds, in steps of a second; throws when it does not hold within `limit` of virtual time. */
  until(is: () => unknown, limit?: string): Promise<void>
  /** Ends everything. Rejects when a component failed, the server had a bug, or a timer is left. */
  stop(): Promise<void>
}

/** Components that are not ready after so much virtual time will never be. */
const longestStart = 30_000

/** Starts a cluster under simulated time; resolves once every component is ready. */
export async function simulatedCluster(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const clock = options.clock ?? new SimulatedClock()
  const timersBefore = clock.pending
  const random = seededRandom(options.seed ?? 1)
  const problems: string[] = []
  const bugs: unknown[] = []
  const report = (problem: string, error?: unknown): void => {
    problems.push(error instanceof Error ? `${problem}: ${error.message}` : problem)
  }
  const store = openMemoryStore({ clock })
  const parts = clusterParts(options, { store, clock, random, report, onBug: (error) => bugs.push(error) })
  const abort = new AbortController()
  const ready = new Set<string>()
  let failure: { readonly error: unknown } | undefined
  const ended = runComponents(parts.components, abort.signal, (name, event) => {
    if (event === 'ready') ready.add(name)
  }).catch((error: unknown) => {
    failure = { error }
  })

  const stop = async (): Promise<void> => {
    abort.abort()
    await ended
    await store[Symbol.asyncDispose]()
    await clock.advance(0)
    if (failure !== undefined) throw failure.error
    if (bugs.length > 0) throw new AggregateError(bugs, `The API server had bugs: ${bugs.map(String).join('; ')}`)
    const left = clock.pending - timersBefore
    if (left > 0) throw new Error(`${left} timers are left after the cluster stopped`)
  }
  const until = async (is: () => unknown, limit = '10m'): Promise<void> => {
    const lapse = new SimulatedClock(0)
    await lapse.advance(limit)
    for (let waited = 0; !(await is()); waited += 1_000) {
      if (failure !== undefined) throw failure.error
      if (waited >= lapse.now()) {
        const reported = [...problems, ...bugs.map(String)].slice(-10)
        throw new Error([`It does not hold after ${limit}: ${is.toString()}`, ...reported].join('\n'))
      }
      await clock.advance(1_000)
    }
  }

  const began = clock.now()
  await clock.advance(0)
  while (ready.size < parts.components.length) {
    if (failure !== undefined || clock.now() - began > longestStart) {
      const late = parts.components.map(({ name }) => name).filter((name) => !ready.has(name))
      await stop()
      throw new Error(`The cluster does not start: ${late.join(', ')} not ready; ${problems.join('; ')}`)
    }
    await clock.advance(100)
  }
  return {
    clock,
    client: parts.client,
    nodes: parts.nodes,
    informers: parts.informers,
    causes: parts.causes,
    server: parts.server,
    store,
    problems,
    until,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
