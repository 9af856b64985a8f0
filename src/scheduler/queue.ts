import type { Pod } from '#api/core/v1/pod.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import { Heap } from '#lib/collections/heap.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { ChangeLog } from './changeLog.ts'
import type { ClusterEvent, WakeChange, WakeRule, WatchedResource } from './plugin.ts'

/** A pod on its way to a node. */
export interface QueuedPod {
  readonly pod: Pod
  /** When it came into the queue, or back to it, in milliseconds since the epoch; ties among equal priorities go by it. */
  readonly since: number
  readonly attempts: number
  /** When it could be taken for the first time, and when it was taken last; 0 while it never was. */
  readonly firstReady: number
  readonly taken: number
}

/** The queues by the names that Kubernetes gives them. */
export type EnteredQueue = 'active' | 'backoff' | 'unschedulable'

/** A change in the cluster, as told to the queue: a waiting pod is added when a rule asks about it. */
export interface ClusterChange extends ClusterEvent, Omit<WakeChange, 'pod'> {}

/** Which changes help a pod that a plugin rejected, by the plugin's name. */
export type WakeRules = ReadonlyMap<string, readonly WakeRule[]>

/** In the place of a plugin: someone outside rejected the pod, so that any change may help. */
export const outsideRejecter = 'Extender'

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** The rules that count for a pod; the same object for all pods of one scheduler name. */
  readonly rulesOf: (pod: Pod) => WakeRules
  /** Back-off after the first failure, doubled after each, up to the most; milliseconds. `most: 0` turns it off. */
  readonly backoff?: { readonly first: number; readonly most: number }
  /** Told of each pod that comes into a queue, and of the event that leads it there, as Kubernetes calls it. */
  readonly entered?: (queue: EnteredQueue, event: string) => void
}

type Place =
  | { readonly at: 'ready' }
  | { readonly at: 'backoff'; readonly readyAt: number }
  /** Rejected by these plugins. */
  | { readonly at: 'unschedulable'; readonly rejectedBy: ReadonlySet<string> }
  | { readonly at: 'gated' }
  /** Being scheduled, since there had been so many changes; what happened meanwhile is remembered. */
  | { readonly at: 'taken'; readonly since: number }
  /** On its way to its node: if it comes back at all, then because something went wrong. */
  | { readonly at: 'leaving' }
  | { readonly at: 'gone' }

interface Waiting {
  queued: QueuedPod
  place: Place
  /** How often plugins rejected it. */
  rejections: number
  /** How often in a row something went wrong instead. */
  errors: number
  /** Who turned it down when it was tried last; undefined while it is tried. */
  rejectedBy: ReadonlySet<string> | undefined
}

/** Stands in a heap; out of date once the pod is elsewhere. */
interface Entry {
  readonly waiting: Waiting
  /** As it came in: what it is ordered by must not change. */
  readonly queued: QueuedPod
  readonly place: Place & { readonly at: 'backoff' }
}

const usualBackoff = { first: 1_000, most: 10_000 }
/** Back-offs end together, once a second, so that the most important of those pods goes first (KEP-5142). */
const backoffWindow = 1_000
/** A pod that no event woke is tried again after this long, in case an event was not foreseen. */
const longestWait = 300_000
const flushInterval = 30_000

/** How many changes are remembered for pods in flight; after that any change counts as one that helps. */
const mostChanges = 1_000

/** A change that happened while pods were in flight, and to which of them it matters. */
interface Happened {
  readonly change: ClusterChange
  readonly mattersTo: (pod: Pod) => boolean
}

/**
 * Pods waiting for a node. The one with the highest priority, then the longest wait, comes first. A pod that found no
 * node waits until something happens that a plugin which rejected it said may help. Then it is ready after its back-off, or
 * as soon as no other pod is ready, whichever is first; a pod whose attempt went wrong always waits for its back-off.
 *
 *     set ─────────────► ready ──take──► taken ──leave──► leaving ──remove──► gone
 *                          ▲               │                 │
 *          back-off over   │               │ putBack         │ putBack (something went wrong)
 *     backoff ─────────────┘               ▼                 │
 *        ▲──────── a change that helps ── unschedulable      │
 *        └───────────────────────────────────────────────────┘
 */
export class SchedulingQueue {
  readonly #clock: Clock
  readonly #rulesOf: SchedulingQueueOptions['rulesOf']
  readonly #delays: { readonly first: number; readonly most: number }
  readonly #entered: SchedulingQueueOptions['entered']
  readonly #waiting = new Map<string, Waiting>()
  readonly #unschedulable = new Set<Waiting>()
  readonly #taken = new Set<Waiting>()
  /** What happened while pods were in flight: once for all of them, since a burst may have hundreds on their way. */
  readonly #happened = new ChangeLog<Happened>(mostChanges)
  /** These hold pods that have left since; whoever looks passes them over. */
  readonly #ready = new Heap<Waiting>(comesBefore)
  readonly #backoff = new Heap<Entry>(endsBefore)
  readonly #errors = new Heap<Entry>(endsBefore)
  #taker: (() => void) | undefined
  #closed = false
  /** From the first pod on, so that a queue that nobody uses leaves nothing behind. */
  #flushTimer: Disposable | undefined
  #backoffTimer: (Disposable & { readonly at: number }) | undefined

  constructor({ clock, rulesOf, backoff = usualBackoff, entered }: SchedulingQueueOptions) {
    this.#clock = clock
    this.#rulesOf = rulesOf
    this.#delays = backoff
    this.#entered = entered
  }

  /** Takes in a pod that has no node, or its newest state; `gated` keeps it aside until it is set again without. */
  set(pod: Pod, gated: boolean): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known === undefined) {
      this.#flushTimer ??= this.#clock.after(flushInterval, () => this.#flush())
      const waiting: Waiting = {
        queued: { pod, since: this.#clock.now(), attempts: 0, firstReady: 0, taken: 0 },
        place: { at: 'gated' },
        rejections: 0,
        errors: 0,
        rejectedBy: gated ? gates : undefined,
      }
      this.#waiting.set(pod.metadata.uid!, waiting)
      if (gated) this.#entered?.('unschedulable', podAdded)
      else this.#makeReady(waiting, podAdded)
      return
    }
    const before = known.queued.pod
    known.queued = { ...known.queued, pod }
    const { place } = known
    if (place.at === 'gated') {
      if (!gated) this.#makeReady(known, gatesGone)
      return
    }
    if (!asksForOther(before, pod)) return
    const change = { resource: 'pods', action: 'update', changedPod: pod, oldChangedPod: before } as const
    if (place.at === 'taken')
      this.#happened.add({ change, mattersTo: (other) => other.metadata.uid === pod.metadata.uid })
    else if (place.at === 'unschedulable' && this.#helps(pod, place.rejectedBy, change))
      this.#requeue(known, podUpdated)
  }

  /** Drops a pod that is gone or has a node. */
  remove(pod: Pod): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known === undefined) return
    this.#move(known, { at: 'gone' })
    this.#waiting.delete(pod.metadata.uid!)
  }

  /** The next pod, as soon as there is one; undefined once the queue is closed. One taker at a time. */
  async take(): Promise<QueuedPod | undefined> {
    for (;;) {
      if (this.#closed) return undefined
      let next = this.#nextReady()
      if (next === undefined) {
        next = this.#nextBackedOff()
        if (next !== undefined) this.#entered?.('active', 'PopFromBackoffQ')
      }
      if (next === undefined) {
        await new Promise<void>((resolve) => (this.#taker = resolve))
        continue
      }
      this.#move(next, { at: 'taken', since: this.#happened.length })
      next.rejectedBy = undefined
      const taken = this.#clock.now()
      next.queued = { ...next.queued, attempts: next.queued.attempts + 1, taken }
      return next.queued
    }
  }

  /** The pod got past everything that may reject it: what happens in the cluster matters no longer to it. */
  leave(pod: Pod): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known?.place.at === 'taken') this.#move(known, { at: 'leaving' })
  }

  /**
   * Gives back a pod that found no node. Without `rejectedBy` something went wrong, and it is tried after its back-off. Of what
   * happened since it was taken only that counts which `counts` says.
   */
  putBack(pod: Pod, rejectedBy: ReadonlySet<string>, counts: (change: ClusterChange) => boolean = every): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known === undefined) return
    const { place } = known
    if (place.at !== 'taken' && place.at !== 'leaving') return
    known.queued = { ...known.queued, since: this.#clock.now() }
    known.rejectedBy = rejectedBy
    if (rejectedBy.size === 0) {
      known.errors++
      this.#requeue(known, attemptFailed)
      return
    }
    known.errors = 0
    known.rejections++
    const changes = place.at === 'taken' ? this.#happened.since(place.since) : nothing
    const { pod: now } = known.queued
    const helped =
      changes === undefined ||
      changes.some(({ change, mattersTo }) => mattersTo(now) && counts(change) && this.#helps(now, rejectedBy, change))
    if (helped) return this.#requeue(known, attemptFailed)
    this.#move(known, { at: 'unschedulable', rejectedBy })
    this.#entered?.('unschedulable', attemptFailed)
  }

  /** Makes a pod ready that waits for a change or for the end of its back-off. */
  activate(pod: Pod): void {
    const known = this.#waiting.get(pod.metadata.uid!)
    if (known?.place.at === 'unschedulable' || known?.place.at === 'backoff') this.#makeReady(known, 'ForceActivate')
  }

  /** Whether there is any pod to which a change in the cluster may matter. */
  get awaitsChanges(): boolean {
    return this.#unschedulable.size + this.#taken.size > 0
  }

  /** Looks which rejected pods a change may help, of those to which it matters at all. */
  changed(change: ClusterChange, mattersTo: (pod: Pod) => boolean = every): void {
    if (this.#taken.size > 0) this.#happened.add({ change, mattersTo })
    for (const waiting of this.#unschedulable) {
      if (waiting.place.at !== 'unschedulable' || !mattersTo(waiting.queued.pod)) continue
      if (this.#helps(waiting.queued.pod, waiting.place.rejectedBy, change)) this.#requeue(waiting, eventOf(change))
    }
  }

  /** How many pods are where, for metrics. */
  counts(): Readonly<Record<Exclude<Place['at'], 'gone'>, number>> {
    const counts = { ready: 0, backoff: 0, unschedulable: 0, gated: 0, taken: 0, leaving: 0, gone: 0 }
    for (const { place } of this.#waiting.values()) counts[place.at]++
    const { gone: _, ...rest } = counts
    return rest
  }

  /** Every waiting pod with each plugin that turned it down. */
  *rejected(): Iterable<{ readonly pod: Pod; readonly plugin: string }> {
    for (const { queued, place, rejectedBy } of this.#waiting.values()) {
      if (place.at === 'leaving') continue
      for (const plugin of rejectedBy ?? []) yield { pod: queued.pod, plugin }
    }
  }

  /** Ends `take`, now and later. */
  close(): void {
    this.#closed = true
    this.#flushTimer?.[Symbol.dispose]()
    this.#backoffTimer?.[Symbol.dispose]()
    this.#waiting.clear()
    this.#unschedulable.clear()
    this.#taken.clear()
    this.#wakeTaker()
  }

  #helps(pod: Pod, rejectedBy: ReadonlySet<string>, change: ClusterChange): boolean {
    if (rejectedBy.has(outsideRejecter)) return true
    const { resource, action, ...rest } = change
    const rules = this.#rulesOf(pod)
    for (const name of rejectedBy) {
      for (const { event, helps } of rules.get(name) ?? []) {
        if (event.resource !== resource || event.action !== action) continue
        if (helps === undefined || helps({ pod, ...rest })) return true
      }
    }
    return false
  }

  /** Makes a pod ready once its back-off, counted from when it came back, is over. */
  #requeue(waiting: Waiting, event: string): void {
    const failures = waiting.errors > 0 ? waiting.errors : waiting.rejections
    const delay = failures === 0 || this.#delays.most === 0 ? 0 : exponentialDelay(failures - 1, this.#delays)
    const over = waiting.queued.since + delay
    const readyAt = delay === 0 ? 0 : over - (over % backoffWindow) + backoffWindow
    if (readyAt <= this.#clock.now()) return this.#makeReady(waiting, event)
    const place = { at: 'backoff', readyAt } as const
    this.#move(waiting, place)
    const heap = waiting.errors > 0 ? this.#errors : this.#backoff
    heap.push({ waiting, queued: waiting.queued, place })
    this.#entered?.('backoff', event)
    this.#setBackoffTimer()
    if (heap === this.#backoff) this.#wakeTaker()
  }

  #makeReady(waiting: Waiting, event: string): void {
    if (waiting.queued.firstReady === 0) waiting.queued = { ...waiting.queued, firstReady: this.#clock.now() }
    this.#entered?.('active', event)
    this.#move(waiting, { at: 'ready' })
    this.#ready.push(waiting)
    this.#wakeTaker()
  }

  #move(waiting: Waiting, place: Place): void {
    const { at } = waiting.place
    if (at === 'unschedulable') this.#unschedulable.delete(waiting)
    else if (at === 'taken') {
      this.#taken.delete(waiting)
      if (this.#taken.size === 0) this.#happened.clear()
    }
    waiting.place = place
    if (place.at === 'unschedulable') this.#unschedulable.add(waiting)
    else if (place.at === 'taken') this.#taken.add(waiting)
  }

  #nextReady(): Waiting | undefined {
    for (let next = this.#ready.pop(); next !== undefined; next = this.#ready.pop()) {
      if (next.place.at === 'ready') return next
    }
    return undefined
  }

  #nextBackedOff(): Waiting | undefined {
    dropOutdated(this.#backoff)
    return this.#backoff.pop()?.waiting
  }

  #setBackoffTimer(): void {
    dropOutdated(this.#backoff)
    dropOutdated(this.#errors)
    const times = [this.#backoff.peek(), this.#errors.peek()].flatMap((entry) => entry?.place.readyAt ?? [])
    if (times.length === 0 || this.#closed) return
    const at = Math.min(...times)
    if (this.#backoffTimer !== undefined) {
      if (this.#backoffTimer.at <= at) return
      this.#backoffTimer[Symbol.dispose]()
    }
    const timer = this.#clock.after(at - this.#clock.now(), () => this.#endBackoffs())
    this.#backoffTimer = { at, [Symbol.dispose]: () => timer[Symbol.dispose]() }
  }

  #endBackoffs(): void {
    this.#backoffTimer = undefined
    for (const heap of [this.#backoff, this.#errors]) {
      for (;;) {
        dropOutdated(heap)
        const next = heap.peek()
        if (next === undefined || next.place.readyAt > this.#clock.now()) break
        heap.pop()
        this.#makeReady(next.waiting, 'BackoffComplete')
      }
    }
    this.#setBackoffTimer()
  }

  #wakeTaker(): void {
    const taker = this.#taker
    this.#taker = undefined
    taker?.()
  }

  #flush(): void {
    const now = this.#clock.now()
    for (const waiting of this.#unschedulable) {
      if (now - waiting.queued.since > longestWait) this.#requeue(waiting, 'UnschedulableTimeout')
    }
    this.#flushTimer = this.#clock.after(flushInterval, () => this.#flush())
  }
}

const every = (): boolean => true
const nothing: readonly Happened[] = []

/** In the place of the plugins that turned a pod down, for one that is not even tried. */
const gates: ReadonlySet<string> = new Set(['SchedulingGates'])

// The events that lead pods from one queue to another, as Kubernetes calls them in metrics.
const podAdded = 'UnschedulablePodAdd'
const podUpdated = 'UnschedulablePodUpdate'
const gatesGone = 'UnschedulablePodUpdatePodSchedulingGatesEliminated'
const attemptFailed = 'ScheduleAttemptFailure'

const eventResources: Readonly<Record<WatchedResource, string>> = {
  nodes: 'Node',
  pods: 'AssignedPod',
  namespaces: 'Namespace',
  persistentvolumeclaims: 'PersistentVolumeClaim',
  persistentvolumes: 'PersistentVolume',
  storageclasses: 'StorageClass',
  csinodes: 'CSINode',
  csidrivers: 'CSIDriver',
  csistoragecapacities: 'CSIStorageCapacity',
  volumeattachments: 'VolumeAttachment',
}
const eventActions = { add: 'Add', update: 'Update', delete: 'Delete' } as const

function eventOf({ resource, action }: ClusterEvent): string {
  return eventResources[resource] + eventActions[action]
}

function dropOutdated(heap: Heap<Entry>): void {
  for (let first = heap.peek(); first !== undefined && first.waiting.place !== first.place; first = heap.peek()) {
    heap.pop()
  }
}

function comesBefore(a: Pick<Waiting, 'queued'>, b: Pick<Waiting, 'queued'>): boolean {
  const [left, right] = [a.queued.pod.spec.priority ?? 0, b.queued.pod.spec.priority ?? 0]
  return left !== right ? left > right : a.queued.since < b.queued.since
}

function endsBefore(a: Entry, b: Entry): boolean {
  return a.place.readyAt === b.place.readyAt ? comesBefore(a, b) : a.place.readyAt < b.place.readyAt
}

/** Whether a pod changed in a way that may matter to a plugin; its status alone does not. */
function asksForOther(before: Pod, after: Pod): boolean {
  return (
    !sameJson(before.metadata.labels, after.metadata.labels) ||
    !sameJson(before.metadata.annotations, after.metadata.annotations) ||
    !sameJson(before.spec, after.spec)
  )
}
