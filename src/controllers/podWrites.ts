import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { Client, Draft } from '#client/client.ts'
import type { EventRecorder } from '#client/events.ts'
import type { Expectations } from '#client/expectations.ts'
import { messageOf } from '#lib/errorText.ts'
import { isReason, StatusError } from '#machinery/status.ts'
import { runSlowStart } from './slowStart.ts'

/** Creates and deletes pods for their owners: tells of it in events and remembers it until the informer has seen it. */
export class PodWrites {
  readonly #client: Client
  readonly #events: EventRecorder
  readonly #expectations: Expectations<Pod>

  constructor(client: Client, events: EventRecorder, expectations: Expectations<Pod>) {
    this.#client = client
    this.#events = events
    this.#expectations = expectations
  }

  /** Creates `count` such pods, slowly at first. Returns the first failure; the pods that could be made are made. */
  async create(
    key: string,
    owner: ObjectReference,
    pod: Draft<Pod>,
    count: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { error } = await this.createEach(key, owner, count, () => pod, signal)
    return error
  }

  /** As `create`, of pods that are each another; also says how many could be made, and how many were refused. */
  async createEach(
    key: string,
    owner: ObjectReference,
    count: number,
    podAt: (index: number) => Draft<Pod>,
    signal: AbortSignal,
  ): Promise<{ readonly created: number; readonly failed: number; readonly error?: unknown }> {
    let failed = 0
    const { succeeded, error } = await runSlowStart(count, async (index) => {
      try {
        const created = await this.#client.create(pods, podAt(index), { signal })
        this.#expectations.wrote(key, created)
        const message = `Created pod: ${created.metadata.name}`
        this.#events.record(owner, { type: 'Normal', reason: 'SuccessfulCreate', message })
      } catch (error) {
        if (!signal.aborted && !isNamespaceEnding(error)) {
          failed++
          const message = `Error creating: ${messageOf(error)}`
          this.#events.record(owner, { type: 'Warning', reason: 'FailedCreate', message })
        }
        throw error
      }
    })
    // In a namespace that ends nothing can be made any more, and nothing needs to be.
    const outcome = { created: succeeded, failed }
    return error === undefined || isNamespaceEnding(error) ? outcome : { ...outcome, error }
  }

  /** Deletes these pods side by side. Returns the first failure. */
  async deleteAll(key: string, owner: ObjectReference, chosen: readonly Pod[], signal: AbortSignal): Promise<unknown> {
    const results = await Promise.allSettled(chosen.map((pod) => this.delete(key, owner, pod, signal)))
    return results.find((result) => result.status === 'rejected')?.reason
  }

  /** Deletes a pod; one that is gone is no failure. */
  async delete(key: string, owner: ObjectReference, pod: Pod, signal: AbortSignal): Promise<void> {
    const { name, uid } = pod.metadata
    try {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } }
      await this.#client.delete(pods, pod.metadata, { ...preconditions, signal })
    } catch (error) {
      // Gone, or another one under its name: what was wanted has happened.
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return
      const message = `Error deleting: ${messageOf(error)}`
      this.#events.record(owner, { type: 'Warning', reason: 'FailedDelete', message })
      throw error
    }
    this.#expectations.deleted(key, pod)
    this.#events.record(owner, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${name}` })
  }
}

/** Whether a create was refused only because the namespace is being deleted. */
export function isNamespaceEnding(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false
  return error.status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
}
