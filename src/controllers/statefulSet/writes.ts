import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client } from '#client/client.ts'
import { referenceTo, type EventRecorder } from '#client/events.ts'
import type { Expectations } from '#client/expectations.ts'
import { keyOf } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { messageOf } from '#lib/errorText.ts'
import { isReason } from '#machinery/status.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { runSlowStart } from '../slowStart.ts'
import { claimOwners, type ClaimOwners } from './claims.ts'
import { ordinalOf } from './identity.ts'
import type { MissingClaims, OwnClaims, StatefulPlan, Step } from './plan.ts'

type Verb = 'create' | 'update' | 'delete'

/** Carries out what was decided about a StatefulSet, and tells of it in its events. */
export class StatefulWrites {
  readonly #client: Client
  readonly #events: EventRecorder
  readonly #expectations: Expectations<Pod>

  constructor(client: Client, events: EventRecorder, expectations: Expectations<Pod>) {
    this.#client = client
    this.#events = events
    this.#expectations = expectations
  }

  /** Goes as far as it can; returns the first failure. */
  async apply(set: StatefulSet, plan: StatefulPlan, signal: AbortSignal): Promise<unknown> {
    for (const round of plan.rounds) {
      const { error } = await runSlowStart(round.length, async (index) => {
        for (const step of round[index]!) await this.#perform(set, step, signal)
      })
      // In a namespace that ends nothing can be made any more, and nothing needs to be.
      if (error !== undefined) return isNamespaceEnding(error) ? undefined : error
    }
    return undefined
  }

  async #perform(set: StatefulSet, step: Step, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case 'create':
        return this.#create(set, step, signal)
      case 'createClaims':
        return this.#createClaims(set, step.pod, step.claims, signal)
      case 'own':
        return this.#own(set, step, signal)
      case 'update':
        return this.#told(set, 'update', step.pod.metadata.name, async () => {
          await this.#createClaims(set, step.pod.metadata.name, step.claims, signal)
          this.#expectations.wrote(keyOf(set.metadata), await this.#client.update(pods, step.pod, { signal }))
        })
      case 'delete':
        return this.#delete(set, step.pod, signal)
    }
  }

  async #create(set: StatefulSet, { pod, claims }: Step & { do: 'create' }, signal: AbortSignal): Promise<void> {
    await this.#told(set, 'create', pod.metadata.name, async () => {
      await this.#createClaims(set, pod.metadata.name, claims, signal)
      this.#expectations.wrote(keyOf(set.metadata), await this.#client.create(pods, pod, { signal }))
    })
  }

  /** Deletes exactly this pod, with the grace that it asks for: its number is free once its node has let go of it. */
  async #delete(set: StatefulSet, pod: Pod, signal: AbortSignal): Promise<void> {
    const { name, uid } = pod.metadata
    const preconditions = uid === undefined ? {} : { preconditions: { uid } }
    try {
      await this.#client.delete(pods, pod.metadata, { ...preconditions, signal })
    } catch (error) {
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return
      this.#tell(set, 'delete', name, error)
      throw error
    }
    this.#expectations.deleted(keyOf(set.metadata), pod)
    this.#tell(set, 'delete', name)
  }

  async #createClaims(set: StatefulSet, pod: string, claims: MissingClaims, signal: AbortSignal): Promise<void> {
    const problems = [...claims.problems]
    for (const draft of claims.create) {
      const { name } = draft.metadata
      const about = referenceTo(statefulSets, set)
      try {
        await this.#client.create(persistentVolumeClaims, draft, { signal })
        const message = `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`
        this.#events.record(about, { type: 'Normal', reason: 'SuccessfulCreate', message })
      } catch (error) {
        if (isReason(error, 'AlreadyExists')) continue
        if (signal.aborted || isNamespaceEnding(error)) throw error
        const failure = `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`
        this.#events.record(about, { type: 'Warning', reason: 'FailedCreate', message: failure })
        problems.push(`failed to create PVC ${name}: ${messageOf(error)}`)
      }
    }
    if (problems.length > 0) throw new Error(problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`)
  }

  async #own(set: StatefulSet, { pod, claims, unseen, told }: OwnClaims, signal: AbortSignal): Promise<void> {
    const { name } = pod.metadata
    try {
      const found = await this.#findClaims(set, unseen, signal)
      const judged = claimOwners(set, pod, ordinalOf(set, pod) ?? -1, false, (claim) => found.get(claim))
      for (const each of [...claims, ...judged]) await this.#ownClaim(set, each, signal)
      if (told) this.#tell(set, 'update', name)
    } catch (error) {
      if (!signal.aborted && !isReason(error, 'Conflict')) this.#tell(set, 'update', name, error)
      throw error
    }
  }

  /** Asks the server for claims. */
  async #findClaims(
    { metadata: { namespace = '' } }: StatefulSet,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, PersistentVolumeClaim>> {
    const found = new Map<string, PersistentVolumeClaim>()
    for (const name of names) {
      const claim = await unlessGone(this.#client.get(persistentVolumeClaims, { name, namespace }, { signal }))
      if (claim !== undefined) found.set(name, claim)
    }
    return found
  }

  async #ownClaim(set: StatefulSet, { claim, foreign, owners }: ClaimOwners, signal: AbortSignal): Promise<void> {
    const { name } = claim.metadata
    if (foreign) {
      const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`
      const note = { type: 'Warning', reason: 'ConflictingController', message } as const
      this.#events.record(referenceTo(statefulSets, set), note)
    }
    if (owners === undefined) return
    const metadata = { ...claim.metadata, ownerReferences: [...owners] }
    await unlessGone(this.#client.update(persistentVolumeClaims, { ...claim, metadata }, { signal }))
  }

  async #told(set: StatefulSet, verb: Verb, pod: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.#tell(set, verb, pod)
    } catch (error) {
      // That the pod is there is not yet known here, or it is another's: it will be seen to at the next look.
      if (!signalsPresence(error) && !isNamespaceEnding(error)) this.#tell(set, verb, pod, error)
      throw error
    }
  }

  #tell(set: StatefulSet, verb: Verb, pod: string, error?: unknown): void {
    const what = `${verb} Pod ${pod} in StatefulSet ${set.metadata.name}`
    const noun = `${verb[0]!.toUpperCase()}${verb.slice(1)}`
    this.#events.record(
      referenceTo(statefulSets, set),
      error === undefined
        ? { type: 'Normal', reason: `Successful${noun}`, message: `${what} successful` }
        : { type: 'Warning', reason: `Failed${noun}`, message: `${what} failed error: ${messageOf(error)}` },
    )
  }
}

const signalsPresence = (error: unknown): boolean => isReason(error, 'AlreadyExists') || isReason(error, 'Conflict')
