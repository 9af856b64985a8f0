import type { Container } from '#api/core/v1/container.ts'
import type { Clock } from '#lib/clock.ts'
import {
  afterProbe,
  beginProbing,
  probeOf,
  type ProbeKind,
  type ProbeOutcome,
  type ProbeProgress,
} from '../plan/planProbes.ts'
import type { ProbeVerdicts } from '../plan/podMemory.ts'

const kinds: readonly ProbeKind[] = ['startup', 'liveness', 'readiness']

/** One run of a container that may be probed. */
export interface ProbedRun {
  readonly id: string
  readonly container: Container
  readonly startedAt: number
}

export interface ProberOptions {
  readonly clock: Clock
  readonly probe: (run: ProbedRun, kind: ProbeKind, signal: AbortSignal) => Promise<ProbeOutcome>
  /** Told of each answer. */
  readonly observe?: (run: ProbedRun, kind: ProbeKind, result: ProbeOutcome['result']) => void
  readonly note: (container: string, reason: string, message: string) => void
  /** A verdict changed. */
  readonly changed: () => void
}

interface Probing {
  readonly run: ProbedRun
  progress: ProbeProgress
  timer: Disposable | undefined
  readonly stop: AbortController
}

/** Probes the running containers of one pod, each kind by its own clock, and remembers the verdicts. */
export class Prober {
  readonly #options: ProberOptions
  /** By container id and kind. */
  readonly #probings = new Map<string, Probing>()

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /**
   * Probes exactly these runs from now on. Liveness and readiness begin once startup has succeeded; while a pod ends only
   * its readiness matters.
   */
  follow(runs: readonly ProbedRun[], isEnding: boolean): void {
    const wanted = new Set<string>()
    for (const run of runs) {
      for (const kind of kinds) {
        if (probeOf(run.container, kind) === undefined || (isEnding && kind !== 'readiness')) continue
        if (kind !== 'startup' && !this.#hasStarted(run)) continue
        const key = `${run.id} ${kind}`
        wanted.add(key)
        if (!this.#probings.has(key)) this.#begin(key, run, kind)
      }
    }
    for (const [key, probing] of this.#probings) {
      if (wanted.has(key)) continue
      const isOver = probing.progress.nextAt === undefined && runs.some((run) => run.id === probing.run.id)
      if (isOver && !isEnding) continue
      this.#end(key, probing)
    }
  }

  /** By container id. */
  verdicts(): ReadonlyMap<string, ProbeVerdicts> {
    const verdicts = new Map<string, ProbeVerdicts>()
    for (const { run, progress } of this.#probings.values()) {
      if (progress.verdict === undefined) continue
      verdicts.set(run.id, { ...verdicts.get(run.id), [progress.kind]: progress.verdict })
    }
    return verdicts
  }

  stop(): void {
    for (const [key, probing] of this.#probings) this.#end(key, probing)
  }

  #hasStarted(run: ProbedRun): boolean {
    if (run.container.startupProbe === undefined) return true
    return this.#probings.get(`${run.id} startup`)?.progress.verdict === 'success'
  }

  #begin(key: string, run: ProbedRun, kind: ProbeKind): void {
    const probe = probeOf(run.container, kind)!
    const progress = beginProbing(kind, probe, run.startedAt, this.#options.clock.now())
    const probing: Probing = { run, progress, timer: undefined, stop: new AbortController() }
    this.#probings.set(key, probing)
    this.#schedule(probing)
  }

  #end(key: string, probing: Probing): void {
    probing.timer?.[Symbol.dispose]()
    probing.stop.abort()
    this.#probings.delete(key)
  }

  #schedule(probing: Probing): void {
    const { nextAt } = probing.progress
    if (nextAt === undefined || probing.stop.signal.aborted) return
    const { clock } = this.#options
    probing.timer = clock.after(Math.max(0, nextAt - clock.now()), () => void this.#probe(probing))
  }

  async #probe(probing: Probing): Promise<void> {
    const { run, stop } = probing
    const { kind } = probing.progress
    let outcome: ProbeOutcome
    const startedAt = this.#options.clock.now()
    try {
      outcome = await this.#options.probe(run, kind, stop.signal)
    } catch (error) {
      if (stop.signal.aborted) return
      outcome = { result: 'unknown', output: (error as Error).message }
    }
    if (stop.signal.aborted) return
    this.#options.observe?.(run, kind, outcome.result)
    const before = probing.progress.verdict
    const { progress, event } = afterProbe(probing.progress, probeOf(run.container, kind)!, outcome, startedAt)
    probing.progress = progress
    if (event !== undefined) this.#options.note(run.container.name, event.reason, event.message)
    this.#schedule(probing)
    if (progress.verdict !== before) this.#options.changed()
  }
}
