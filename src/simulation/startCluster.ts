import { runComponents } from '#lib/component.ts'
import type { Clock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { openMemoryStore } from '#storage/memory.ts'
import type { Store } from '#storage/store.ts'
import { clusterParts, type ClusterParts, type ClusterPartsOptions } from './clusterParts.ts'

export interface StartOptions extends ClusterPartsOptions {
  readonly clock: Clock
  /** The same seed gives the same names, uids and orders; 1 unless told. */
  readonly seed?: number
  /** Lets so many milliseconds pass: moves time on, or waits. */
  readonly pass: (milliseconds: number) => Promise<void>
}

/** A cluster that runs in this process. */
export interface StartedCluster {
  readonly parts: ClusterParts
  readonly store: Store
  /** What components reported and tried again. */
  readonly problems: readonly string[]
  /** Errors of the API server that are bugs. */
  readonly bugs: readonly unknown[]
  /** Throws what a component failed with, if one did. */
  throwIfFailed(): void
  /** Ends everything. Rejects when a component failed or the server had a bug. */
  stop(): Promise<void>
}

/** Components that are not ready after so much time will never be. */
const longestStart = 30_000
const startStep = 100

/** Starts a cluster over a store in memory; resolves once every component is ready. */
export async function startCluster(options: StartOptions): Promise<StartedCluster> {
  const { clock, pass } = options
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
  const throwIfFailed = (): void => {
    if (failure !== undefined) throw failure.error
  }
  const stop = async (): Promise<void> => {
    abort.abort()
    await ended
    await store[Symbol.asyncDispose]()
    await pass(0)
    throwIfFailed()
    if (bugs.length > 0) throw new AggregateError(bugs, `The API server had bugs: ${bugs.map(String).join('; ')}`)
  }

  const began = clock.now()
  await pass(0)
  while (ready.size < parts.components.length) {
    if (failure !== undefined || clock.now() - began > longestStart) {
      const late = parts.components.map(({ name }) => name).filter((name) => !ready.has(name))
      await stop()
      throw new Error(`The cluster does not start: ${late.join(', ')} not ready; ${problems.join('; ')}`)
    }
    await pass(startStep)
  }
  return { parts, store, problems, bugs, throwIfFailed, stop }
}
