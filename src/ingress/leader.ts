/** What is done once for a whole cluster: the way in, the addresses of ingresses, and what is told of them. */
import { services } from '#api/core/v1/service.ts'
import { ingresses, type Ingress } from '#api/networking/v1/ingress.ts'
import type { Client } from '#client/client.ts'
import { referenceTo, type EventRecorder, type EventWriter } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import type { Informers } from '#client/informers.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { writeStatus } from '#client/writeStatus.ts'
import type { Clock } from '#lib/clock.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isReason } from '#machinery/status.ts'
import type { Problem } from './annotations/readSettings.ts'
import { Bell } from './bell.ts'
import type { ClusterState } from './clusterState.ts'
import { entryPoints, entryService, serviceKey } from './service.ts'

export interface LeaderOptions {
  readonly client: Client
  readonly informers: Informers
  readonly events: EventWriter
  readonly state: ClusterState
  readonly clock: Clock
  /** Whether nobody gives addresses to services of type LoadBalancer. */
  readonly withoutLoadBalancer: boolean
  readonly report: (problem: string, error: unknown) => void
}

/** As people know it. */
const component = 'nginx-ingress-controller'
const gatherMs = 50
const retryMs = 1_000
/**
 * How long a service that somebody has deleted stays away. `kubectl delete` looks ten times a second whether it is gone, by its
 * name, and would wait without end for one that came sooner.
 */
const goneMs = 500

/** Tells people of ingresses. */
export class Leader {
  readonly #options: LeaderOptions
  readonly #recorder: EventRecorder
  /** What was told of each ingress, by its uid. */
  readonly #told = new Map<string, { readonly form: string; problems: ReadonlySet<string> }>()
  #problems: ReadonlyMap<string, readonly Problem[]> = new Map()
  #isFirst = true
  #hasSeenService = false
  readonly #bell = new Bell()

  constructor(options: LeaderOptions) {
    this.#options = options
    this.#recorder = options.events.recorder(component)
  }

  /** What of ingresses is not done, by their keys. */
  tell(problems: ReadonlyMap<string, readonly Problem[]>): void {
    this.#problems = problems
    this.#bell.ring()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers, state, clock, report } = this.#options
    this.#bell.ring()
    using stack = new DisposableStack()
    stack.use(informers.of(ingresses).onChange(() => this.#bell.ring()))
    stack.use(state.onEntryChange(() => this.#bell.ring()))
    try {
      while (!signal.aborted) {
        await this.#bell.wait(signal)
        await clock.sleep(gatherMs, signal)
        try {
          await this.#look(signal)
        } catch (error) {
          signal.throwIfAborted()
          this.#bell.ring()
          if (!isReason(error, 'Conflict')) report('Cannot write of ingresses', error)
          await clock.sleep(retryMs, signal)
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { client, state, clock, withoutLoadBalancer } = this.#options
    if (state.service(serviceKey) !== undefined) this.#hasSeenService = true
    else {
      if (this.#hasSeenService) await clock.sleep(goneMs, signal)
      await client.create(services, entryService, { signal }).catch((error: unknown) => {
        if (!isReason(error, 'AlreadyExists')) throw error
      })
    }
    const entries = entryPoints(state.service(serviceKey), state.slices(serviceKey), withoutLoadBalancer)
    const present = new Set<string>()
    for (const ingress of state.everybodys()) {
      const isOurs = state.isOurs(ingress)
      const { uid = '' } = ingress.metadata
      const before = ingress.status?.loadBalancer?.ingress ?? []
      if (isOurs) {
        present.add(uid)
        this.#tellOf(ingress, this.#isFirst && before.length > 0)
      }
      // Of what is not ours any more the addresses go that were ours.
      const wanted = isOurs ? entries : entries.length > 0 && sameJson(before, entries) ? [] : before
      if (sameJson(before, wanted)) continue
      const status = { loadBalancer: wanted.length === 0 ? {} : { ingress: [...wanted] } }
      await unlessGone(writeStatus(client, ingresses, ingress, status, signal))
    }
    for (const uid of this.#told.keys()) if (!present.has(uid)) this.#told.delete(uid)
    this.#isFirst = false
  }

  /** Tells what is new. `isKnown`: that it is served was told before this process began. */
  #tellOf(ingress: Ingress, isKnown: boolean): void {
    const { uid = '', annotations } = ingress.metadata
    const form = JSON.stringify([ingress.spec, annotations])
    const before = this.#told.get(uid)
    const about = referenceTo(ingresses, ingress)
    if (before?.form !== form && !(isKnown && before === undefined)) {
      this.#recorder.record(about, { type: 'Normal', reason: 'Sync', message: 'Scheduled for sync' })
    }
    const problems = new Set<string>()
    for (const { reason, message } of this.#problems.get(keyOf(ingress.metadata)) ?? []) {
      problems.add(message)
      if (before?.problems.has(message) !== true) this.#recorder.record(about, { type: 'Warning', reason, message })
    }
    this.#told.set(uid, { form, problems })
  }
}
