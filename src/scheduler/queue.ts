import type { Pod } from '#api/core/v1/pod.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import { Heap } from '#lib/collections/heap.ts'
import type { ClusterEvent, WakeChange, WakeRule } from './plugin.ts'

/** A pod on its way to a node. */
export interface QueuedPod {
  readonly pod: Pod
  /** When it came into the queue first, in milliseconds since the epoch; ties among equal priorities go by it. */
  readonly since: number
  readonly attempts: number
}

/** A change in the cluster, as told to the queue: a waiting pod is added when a rule asks about it. */
export interface ClusterChange extends ClusterEvent, Omit<WakeChange, 'pod'> {}

type Place =
  | { readonly at: 'ready' }
  | { readonly at: 'backoff'; readonly timer: Disposable }
  /** Rejected by these plugins, at this time. */
  | { readonly at: 'unschedulable'; readonly rejectedBy: ReadonlySet<string>; readonly when: number }
  | { readonly at: 'gated' }
  /** Being scheduled; what happened meanwhile is remembered. */
  | { readonly at: 'taken'; readonly changes: ClusterChange[] }

interface Waiting {
  queued: QueuedPod
  place: Place
}

const backoffDelays = { first: 1_000, most: 10_000 }
/** A pod that no event woke is tried again after this long, in case an event was not foreseen. */
const longestWait = 300_000
const flushInterval = 30_000

/** How many changes are remembered for a pod in flight; after that any change counts as one that helps. */
const mostChanges = 1_000

/**
 * Pods waiting for a node. The one with the highest priority, then the longest wait, comes first. A pod that found no
 * node waits until something happens that a plugin which rejected it said may help, and then at least its back-off.
 *
 *     add ─────────────► ready ──take──► taken ──(bound)──► gone
 *                          ▲               │
 *          back-off over   │               │ putBack(rejected by …)
 *     backoff ─────────────┘               ▼
 *        ▲──────── a change that helps ── unschedulable
 */
export class SchedulingQueue {
  readonly #clock: Clock
  readonly #rules: ReadonlyMap<string, readonly WakeRule[]>
  readonly #waiting = new Map<string, Waiting>()
  /** May hold pods that have left since; `take` passes them over. */
  readonly #ready = new Heap<Waiting>(comesBefore)
  #taker: (() => void) | undefined
  #closed = false
  #flushTimer: Disposable

  constructor(clock: Clock, rules: ReadonlyMap<string, readonly WakeRule[]>) {
    this.#clock = clock
    this.#rules = rules
    this.#flushTimer = clock.after(flushInterval, () => this.#flush())
  }

  /** Takes in a pod that has no node, or its newest state; `gated` keeps it aside until it is set again without. */
  set(pod: Pod, gated: boolean): void {
    const uid = pod.metadata.uid!
    const known = this.#waiting.get(uid)
    if (known === undefined) {
      const waiting: Waiting = {
        queued: { pod, since: this.#clock.now(), attempts: 0 },
        place: { at: 'gated' },
      }
      this.#waiting.set(uid, waiting)
      if (!gated) this.#makeReady(waiting)
      return
    }
    const before = known.queued.pod
    known.queued = { ...known.queued, pod }
    switch (known.place.at) {
      case 'gated':
        if (!gated) this.#makeReady(known)
        break
      case 'unschedulable':
        if (asksForOther(before, pod)) this.#wake(known)
        break
      case 'taken':
        if (asksForOther(before, pod)) known.place.changes.push({ resource: 'pods', action: 'update' })
        break
      case 'ready':
      case 'backoff':
        break
    }
  }

  /** Drops a pod that is gone or has a node. */
  remove(pod: Pod): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known === undefined) return
    if (known.place.at === 'backoff') known.place.timer[Symbol.dispose]()
    this.#waiting.delete(pod.metadata.uid!)
  }

  /** The next pod, as soon as there is one; undefined once the queue is closed. One taker at a time. */
  async take(): Promise<QueuedPod | undefined> {
    for (;;) {
      if (this.#closed) return undefined
      const next = this.#ready.pop()
      if (next === undefined) {
        await new Promise<void>((resolve) => (this.#taker = resolve))
        continue
      }
      if (next.place.at !== 'ready' || this.#waiting.get(next.queued.pod.metadata.uid!) !== next) continue
      next.place = { at: 'taken', changes: [] }
      next.queued = { ...next.queued, attempts: next.queued.attempts + 1 }
      return next.queued
    }
  }

  /** Gives back a pod that found no node; without `rejectedBy` it failed for another cause and is tried after its back-off. */
  putBack(pod: Pod, rejectedBy: ReadonlySet<string>): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known === undefined || known.place.at !== 'taken') return
    const { changes } = known.place
    const helped =
      rejectedBy.size === 0 ||
      changes.length >= mostChanges ||
      changes.some((change) => this.#helps(known.queued.pod, rejectedBy, change))
    if (helped) this.#backOff(known, this.#clock.now())
    else known.place = { at: 'unschedulable', rejectedBy, when: this.#clock.now() }
  }

  /** Looks which rejected pods a change may help, except the one that made it. */
  changed(change: ClusterChange, except?: Pod): void {
    for (const waiting of this.#waiting.values()) {
      if (except !== undefined && waiting.queued.pod.metadata.uid === except.metadata.uid) continue
      const { place } = waiting
      if (place.at === 'taken') {
        if (place.changes.length < mostChanges) place.changes.push(change)
      } else if (place.at === 'unschedulable' && this.#helps(waiting.queued.pod, place.rejectedBy, change)) {
        this.#wake(waiting)
      }
    }
  }

  /** How many pods are where, for metrics. */
  counts(): Readonly<Record<Place['at'], number>> {
    const counts = { ready: 0, backoff: 0, unschedulable: 0, gated: 0, taken: 0 }
    for (const { place } of this.#waiting.values()) counts[place.at]++
    return counts
  }

  /** Ends `take`, now and later. */
  close(): void {
    this.#closed = true
    this.#flushTimer[Symbol.dispose]()
    for (const { place } of this.#waiting.values()) if (place.at === 'backoff') place.timer[Symbol.dispose]()
    this.#waiting.clear()
    this.#taker?.()
  }

  #helps(pod: Pod, rejectedBy: ReadonlySet<string>, change: ClusterChange): boolean {
    const { resource, action, ...rest } = change
    for (const name of rejectedBy) {
      for (const { event, helps } of this.#rules.get(name) ?? []) {
        if (event.resource !== resource || event.action !== action) continue
        if (helps === undefined || helps({ pod, ...rest })) return true
      }
    }
    return false
  }

  #wake(waiting: Waiting): void {
    const rejected = waiting.place.at === 'unschedulable' ? waiting.place.when : this.#clock.now()
    this.#backOff(waiting, rejected)
  }

  /** Makes a pod ready once its back-off, counted from `from`, is over. */
  #backOff(waiting: Waiting, from: number): void {
    const delay = exponentialDelay(Math.max(0, waiting.queued.attempts - 1), backoffDelays)
    const left = from + delay - this.#clock.now()
    if (left <= 0) return this.#makeReady(waiting)
    waiting.place = { at: 'backoff', timer: this.#clock.after(left, () => this.#makeReady(waiting)) }
  }

  #makeReady(waiting: Waiting): void {
    waiting.place = { at: 'ready' }
    this.#ready.push(waiting)
    const taker = this.#taker
    this.#taker = undefined
    taker?.()
  }

  #flush(): void {
    const now = this.#clock.now()
    for (const waiting of this.#waiting.values()) {
      if (waiting.place.at === 'unschedulable' && now - waiting.place.when > longestWait) this.#wake(waiting)
    }
    this.#flushTimer = this.#clock.after(flushInterval, () => this.#flush())
  }
}

function comesBefore(a: Waiting, b: Waiting): boolean {
  const [left, right] = [a.queued.pod.spec.priority ?? 0, b.queued.pod.spec.priority ?? 0]
  return left !== right ? left > right : a.queued.since < b.queued.since
}

/** Whether a pod changed in a way that may matter to a plugin; its status alone does not. */
function asksForOther(before: Pod, after: Pod): boolean {
  const told = ({ metadata, spec }: Pod): string => JSON.stringify([metadata.labels, spec])
  return told(before) !== told(after)
}
