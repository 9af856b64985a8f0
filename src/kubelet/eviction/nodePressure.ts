import type { EventRecorder } from '#client/events.ts'
import type { Clock } from '#lib/clock.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { nodeReference } from '../node/nodeEvents.ts'
import type { PodWorker } from '../podWorker.ts'
import { isCritical } from '../plan/planEviction.ts'
import { isRelieved, noPressure, planPressure, type PressureMemory } from './planPressure.ts'
import { evictionReason, rankPods, type PodUse } from './rankPods.ts'
import { signals, type Observations, type PressureCondition, type SignalName } from './signals.ts'
import { thresholdsOf, type EvictionSettings, type Threshold } from './thresholds.ts'

export interface NodePressureOptions {
  readonly settings: EvictionSettings
  readonly nodeName: string
  readonly clock: Clock
  readonly recorder: EventRecorder
  readonly workers: () => readonly PodWorker[]
  readonly readSignals: (wanted: ReadonlySet<SignalName>) => Promise<Observations>
  readonly readUse: (worker: PodWorker, signal: SignalName) => Promise<PodUse | undefined>
  /** Whether images and what containers write are on a disk of their own. */
  readonly hasImageDisk: () => Promise<boolean>
  /** Gives back what no pod needs; says whether there is anything that could be for such a signal. */
  readonly reclaim: (signal: SignalName, stop: AbortSignal) => Promise<boolean>
  /** The node's conditions are others than before. */
  readonly changed: () => void
  /** A pod had to leave for the sake of a signal. */
  readonly evicted: (signal: SignalName) => void
  readonly report: (problem: string, error?: unknown) => void
}

const lookEvery = 10_000
const usualTransition = 300_000
/** A pod that leaves gives back what it has when nothing is left of it: not before another one has to leave, but for no longer. */
const cleanUpTime = 30_000
const cleanUpLookEvery = 1_000
/** How long pods have when a hard threshold is met, and at least, in seconds. */
const hardGraceSeconds = 1

/**
 * Looks whether the node runs short of something, and gives some of it back while it does: first what no pod needs, then
 * one pod after another. `planPressure` decides, `rankPods` says who.
 */
export class NodePressure {
  readonly thresholds: readonly Threshold[]
  readonly #options: NodePressureOptions
  readonly #wanted: ReadonlySet<SignalName>
  #memory: PressureMemory = noPressure
  #conditions: readonly PressureCondition[] = []

  constructor(options: NodePressureOptions) {
    this.#options = options
    this.thresholds = thresholdsOf(options.settings)
    this.#wanted = new Set(this.thresholds.map(({ signal }) => signal))
  }

  /** What the node says it is short of. */
  get conditions(): readonly PressureCondition[] {
    return this.#conditions
  }

  /** Looks until the signal aborts; not at all where nothing could be found. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, report } = this.#options
    if (this.thresholds.length === 0) return
    while (!stop.aborted) {
      try {
        const evicted = await this.#look(stop)
        if (evicted !== undefined) {
          await this.#cleanedUp(evicted, stop)
          continue
        }
      } catch (error) {
        if (stop.aborted) return
        report('Cannot look at what the node is short of', error)
      }
      await clock.sleep(lookEvery, stop).catch(() => {})
    }
  }

  /** Returns the pod that has to leave, if one has to. */
  async #look(stop: AbortSignal): Promise<PodWorker | undefined> {
    const { settings, nodeName, clock, recorder, readSignals, reclaim, changed } = this.#options
    const seen = await readSignals(this.#wanted)
    const transition = settings.evictionPressureTransitionPeriod ?? usualTransition
    const { memory, conditions } = planPressure(this.thresholds, seen, this.#memory, transition, clock.now())
    this.#memory = memory
    const isChanged = !sameJson(conditions, this.#conditions)
    this.#conditions = conditions
    if (isChanged) changed()
    const [threshold] = memory.acting
    if (threshold === undefined) return undefined
    const message = `Attempting to reclaim ${signals[threshold.signal].resource}`
    recorder.record(nodeReference(nodeName), { type: 'Warning', reason: 'EvictionThresholdMet', message })
    if (await reclaim(threshold.signal, stop)) {
      if (isRelieved(this.thresholds, await readSignals(this.#wanted))) return undefined
    }
    return this.#evictOne(threshold, seen, stop)
  }

  async #evictOne(threshold: Threshold, seen: Observations, stop: AbortSignal): Promise<PodWorker | undefined> {
    const { settings, workers, readUse, hasImageDisk, evicted } = this.#options
    const { signal } = threshold
    const candidates = await Promise.all(
      workers()
        .filter((worker) => !worker.isOver && !isCritical(worker.pod))
        .map(async (worker) => ({ worker, pod: worker.pod, use: await readUse(worker, signal) })),
    )
    const isOnImageDisk = signals[signal].condition === 'DiskPressure' && (await hasImageDisk())
    const [first] = rankPods(candidates, signal, isOnImageDisk)
    stop.throwIfAborted()
    if (first === undefined) return undefined
    const { message, annotations } = evictionReason(first, threshold, this.#memory.acting, seen)
    const softGrace = Math.min(
      settings.evictionMaxPodGracePeriod ?? 0,
      first.pod.spec.terminationGracePeriodSeconds ?? 30,
    )
    const graceSeconds = threshold.grace === 0 ? hardGraceSeconds : Math.max(softGrace, hardGraceSeconds)
    first.worker.evict({ reason: 'Evicted', message, graceSeconds, isDisruption: true }, annotations)
    evicted(signal)
    return first.worker
  }

  async #cleanedUp(worker: PodWorker, stop: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const until = clock.now() + cleanUpTime
    do await clock.sleep(cleanUpLookEvery, stop).catch(() => {})
    while (!stop.aborted && clock.now() < until && !worker.isCleanedUp)
  }
}
