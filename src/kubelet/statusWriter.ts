import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import type { Client } from '#client/client.ts'
import { writeStatus } from '#client/writeStatus.ts'
import type { Clock } from '#lib/clock.ts'
import { isReason } from '#machinery/status.ts'
import { conditionsOfOthers, isKubeletCondition } from './plan/podConditions.ts'

export interface StatusWriterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly report: (problem: string, error?: unknown) => void
  /** The object after a write: what it was, with the status. */
  readonly written: (pod: Pod) => void
  /** The newest object, after somebody else wrote. */
  readonly read: (pod: Pod) => void
  /** There is no such pod any more. */
  readonly gone: () => void
}

const retryEvery = 1_000

/**
 * Brings the status of one pod to the API server while its worker goes on: one write at a time, always the newest status,
 * none when nothing differs.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  #base: Pod
  #wanted: PodStatus | undefined
  #isWriting = false
  #writing: Promise<void> = Promise.resolve()

  constructor(base: Pod, options: StatusWriterOptions) {
    this.#base = base
    this.#options = options
  }

  /** The newest object that is known: what the next write starts from. */
  rebase(pod: Pod): void {
    this.#base = pod
  }

  set(status: PodStatus, signal: AbortSignal): void {
    this.#wanted = status
    if (!this.#isWriting) this.#writing = this.#writeAll(signal)
  }

  /** Resolves once what was set before is written or cannot be. */
  async flush(): Promise<void> {
    await this.#writing
  }

  async #writeAll(signal: AbortSignal): Promise<void> {
    this.#isWriting = true
    try {
      while (this.#wanted !== undefined && !signal.aborted) {
        const status = this.#wanted
        this.#wanted = undefined
        await this.#write(status, signal)
      }
    } finally {
      // In one turn with the last look at what is wanted: what comes later begins to write anew.
      this.#isWriting = false
    }
  }

  async #write(status: PodStatus, signal: AbortSignal): Promise<void> {
    try {
      const wanted = withOthers(status, this.#base)
      const written = await writeStatus(this.#options.client, pods, this.#base, wanted, signal)
      if (written === this.#base) return
      this.#base = written
      this.#options.written(written)
    } catch (error) {
      if (signal.aborted) return
      if (isReason(error, 'NotFound')) return this.#options.gone()
      this.#wanted ??= status
      if (!isReason(error, 'Conflict')) {
        this.#options.report(`Cannot write the status of pod "${this.#base.metadata.name}"`, error)
        await this.#options.clock.sleep(retryEvery, signal).catch(() => {})
      }
      await this.#readAgain(signal)
    }
  }

  /** Somebody else wrote in between: start from what there is now. */
  async #readAgain(signal: AbortSignal): Promise<void> {
    try {
      const fresh = await this.#options.client.get(pods, this.#base.metadata, { signal })
      if (fresh.metadata.uid !== this.#base.metadata.uid) {
        this.#wanted = undefined
        return this.#options.gone()
      }
      this.#base = fresh
      this.#options.read(fresh)
    } catch (error) {
      if (!signal.aborted && isReason(error, 'NotFound')) {
        this.#wanted = undefined
        this.#options.gone()
      }
    }
  }
}

/** Conditions that others set meanwhile are theirs; a probe time is the server's to fill in. */
function withOthers(status: PodStatus, base: Pod): PodStatus {
  const before = base.status?.conditions ?? []
  const own = (status.conditions ?? []).filter(isKubeletCondition).map((condition) => {
    const known = before.find(({ type }) => type === condition.type)
    return known?.lastProbeTime === undefined ? condition : { ...condition, lastProbeTime: known.lastProbeTime }
  })
  return { ...status, conditions: [...conditionsOfOthers(before, own), ...own] }
}
