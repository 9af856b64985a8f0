import type { KubeObject } from '#api/resource.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { Turns } from '#lib/async/turns.ts'
import { WorkQueue, type QueueObserver } from '#lib/async/workQueue.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { isReason } from '#machinery/status.ts'
import type { Change, Informer } from './informer.ts'

/** What came of looking at a key. */
export type Outcome = void | {
  /** Look again after so many milliseconds even if nothing changes. */
  readonly after?: number
  /** Gather changes for so many milliseconds before looking again: for keys whose look is long. */
  readonly quiet?: number
}

/** What a component's service account may do; a rule of its role. */
export interface Permission {
  readonly groups: readonly string[]
  /** Plurals, and `plural/subresource`. */
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/**
 * Says which keys to look at when an object changes: those of its old and of its new state. `waitOf` says for how many
 * milliseconds other changes of a key are gathered with this one; they are counted from the first. Without it, and for 0,
 * the key is looked at at once. `see` is told of each change before that, for what is kept or counted beside keys.
 */
export type WatchFor = <T extends KubeObject>(
  informer: Informer<T>,
  keysOf: (object: T) => readonly string[],
  waitOf?: (key: string, change: Change<T>) => number,
  see?: (change: Change<T>) => void,
) => void

/** A loop that brings the world closer to what objects ask for, one key at a time. */
export interface Controller {
  readonly name: string
  /** The service account in kube-system as which it acts, where that is not called after it. */
  readonly account?: string
  /** What its queue is called in metrics; as the controller when absent. */
  readonly queue?: string
  /** What its service account may do; the bootstrap roles are made from this. */
  readonly permissions: readonly Permission[]
  /** How many keys are looked at side by side; 5 when absent. */
  readonly workers?: number
  /** When a key that failed is tried again, in milliseconds: doubling from `first`. From 5 ms to 1,000 s when absent. */
  readonly backoff?: { readonly first: number; readonly most: number }
  /** Keys to look at once at the start, for loops that are driven by time. */
  readonly initial?: readonly string[]
  /** Names the informers it reads and the keys that their changes concern. `add` asks for a key directly. */
  watch(on: WatchFor, add: (key: string) => void): void
  /**
   * Brings the world one step closer to what `key` asks for. Called again until it settles.
   * It looks at the state, never at what changed. Never runs twice at once for one key.
   */
  reconcile(key: string, signal: AbortSignal): Promise<Outcome>
}

/** One look at a key, for metrics. */
export interface Reconciliation {
  readonly controller: string
  readonly key: string
  readonly result: 'done' | 'again' | 'conflict' | 'failed'
  readonly milliseconds: number
  /** Keys still waiting. */
  readonly waiting: number
}

export interface RunControllerOptions {
  readonly clock: Clock
  readonly workers?: number
  readonly observe?: (reconciliation: Reconciliation) => void
  /** Told what the queue of a controller does. */
  readonly queueObserver?: (name: string) => QueueObserver
  /** Told of failures; the key is tried again. */
  readonly report?: (problem: string, error: unknown) => void
}

/** The least time between two looks at one key, so that a burst of changes is looked at a few times and not each time. */
const spacing = 20
/**
 * After a conflict the newer object is about to arrive, and asks for the key by itself: a short wait, not the back-off of a
 * failure. It doubles, for informers that have to find a server again.
 */
const conflictDelay = 10
/** So many conflicts in a row are a failure after all. */
const mostConflicts = 10
/** When more keys than this are remembered, those whose time is over are forgotten; looked for once in `spacing`. */
const mostQuiet = 1_000

/** Runs a controller until the signal aborts; `ready` is called once its informers have their first state. */
export async function runController(
  controller: Controller,
  options: RunControllerOptions,
  signal: AbortSignal,
  ready: () => void = () => {},
): Promise<void> {
  const observer = options.queueObserver?.(controller.queue ?? controller.name)
  const queue = new WorkQueue({
    clock: options.clock,
    ...(controller.backoff === undefined ? {} : { backoff: exponentialBackoff(controller.backoff) }),
    ...(observer === undefined ? {} : { observer }),
  })
  const turns = new Turns(options.clock)
  const conflicts = new Map<string, number>()
  /** Until when changes of a key are gathered; `undefined` while a worker has it. */
  const quiet = new Map<string, number | undefined>()
  /** When those whose time is over are looked for again. */
  let tidyAt = 0
  /** Keys that changed while a worker had them. */
  const changed = new Set<string>()
  const add = (key: string): void => {
    if (!quiet.has(key)) return queue.add(key)
    const until = quiet.get(key)
    if (until === undefined) changed.add(key)
    else queue.addAfter(key, until - options.clock.now())
  }
  using subscriptions = new DisposableStack()
  const informers: Informer<KubeObject>[] = []
  controller.watch((informer, keysOf, waitOf, see) => {
    informers.push(informer as unknown as Informer<KubeObject>)
    subscriptions.use(
      informer.onChange((change) => {
        see?.(change)
        for (const key of keysOfChange(change, keysOf)) {
          const wait = waitOf?.(key, change) ?? 0
          if (wait > 0) queue.addAfter(key, wait)
          else add(key)
        }
      }),
    )
  }, add)
  for (const key of controller.initial ?? []) add(key)

  const look = async (key: string): Promise<Reconciliation['result']> => {
    try {
      const outcome = await controller.reconcile(key, signal)
      queue.forget(key)
      conflicts.delete(key)
      if (outcome?.quiet !== undefined) quiet.set(key, options.clock.now() + outcome.quiet)
      if (outcome?.after === undefined) return 'done'
      queue.retryAfter(key, outcome.after)
      return 'again'
    } catch (error) {
      if (signal.aborted) return 'failed'
      const before = conflicts.get(key) ?? 0
      if (isReason(error, 'Conflict') && before < mostConflicts) {
        conflicts.set(key, before + 1)
        queue.retryAfter(key, conflictDelay * 2 ** before)
        return 'conflict'
      }
      conflicts.delete(key)
      options.report?.(`${controller.name}: cannot reconcile "${key}"`, error)
      queue.retry(key)
      return 'failed'
    }
  }
  const work = async (): Promise<void> => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      const turn = turns.pass()
      if (turn !== undefined) await turn
      const started = options.clock.now()
      quiet.set(key, undefined)
      const result = await look(key)
      const now = options.clock.now()
      quiet.set(key, Math.max(quiet.get(key) ?? 0, now + spacing))
      queue.done(key)
      if (changed.delete(key)) add(key)
      if (quiet.size > mostQuiet && now >= tidyAt) {
        tidyAt = now + spacing
        for (const [each, until] of quiet) if (until !== undefined && until <= now) quiet.delete(each)
      }
      options.observe?.({
        controller: controller.name,
        key,
        result,
        milliseconds: options.clock.now() - started,
        waiting: queue.length,
      })
    }
  }

  const close = (): void => queue.close()
  signal.addEventListener('abort', close, { once: true })
  try {
    await Promise.all(informers.map((informer) => informer.synced(signal)))
    ready()
    await Promise.all(Array.from({ length: options.workers ?? controller.workers ?? 5 }, work))
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', close)
    queue.close()
  }
}

/** The keys of an object's old and of its new state, each once: nearly always they are the same. */
function keysOfChange<T>(change: Change<T>, keysOf: (object: T) => readonly string[]): readonly string[] {
  const old = change.old === undefined ? none : keysOf(change.old)
  const now = change.new === undefined ? none : keysOf(change.new)
  if (old.length === 0) return now
  const fresh = now.filter((key) => !old.includes(key))
  return fresh.length === 0 ? old : [...old, ...fresh]
}

const none: readonly string[] = []

/** A controller as a part of a process. */
export function controllerComponent(
  controller: Controller,
  options: RunControllerOptions & { readonly needs?: readonly string[] },
): Component {
  return {
    name: controller.name,
    ...(options.needs === undefined ? {} : { needs: options.needs }),
    run: (ready, signal) => runController(controller, options, signal, ready),
  }
}
