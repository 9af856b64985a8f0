import { apiServices, type APIService } from '#api/apiregistration/v1/apiService.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { KubeObject } from '#api/resource.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { HttpClient } from '#lib/http/client.ts'
import { isConditionTrue, withCondition } from '#machinery/conditions.ts'
import { isReason } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import { keyOf, type Kinds } from '../../kind.ts'
import { thaw } from '../../objects.ts'
import type { AggregationMetrics } from '../../metrics/aggregationMetrics.ts'
import type { RegistryContext } from '../../registry/context.ts'
import { serverWrites } from '../../registry/serverWrites.ts'
import { updateObject } from '../../registry/update.ts'
import type { StoredObject } from '../../storedObject.ts'
import { failedDiscovery, localAvailability, passed, planAvailability, type Availability } from './availability.ts'
import { askForVersion } from './askForVersion.ts'
import type { Backend } from './backend.ts'
import { outdated, readDocuments } from './documents.ts'
import type { Registrations } from './registrations.ts'

/** How often a server is asked that answered. */
const againAfterMs = 30_000
const workers = 4

interface Surroundings {
  readonly kinds: Kinds
  readonly registry: RegistryContext
  readonly registrations: Registrations
  readonly metrics: AggregationMetrics
  /** Told of errors that are bugs. */
  readonly onBug: (error: unknown, what: string) => void
}

/** Finds out whether registered servers can be reached, says so in their registrations, and learns what they serve. */
export class AvailabilityKeeper {
  readonly #around: Surroundings
  readonly #queue: WorkQueue
  /** The registrations behind a service, by `namespace/name`. */
  readonly #byService = new Map<string, Set<string>>()

  constructor(around: Surroundings) {
    const { kinds, registry, registrations, metrics } = around
    this.#around = around
    this.#queue = new WorkQueue({
      clock: registry.clock,
      backoff: exponentialBackoff({ first: 5, most: againAfterMs }),
    })
    registrations.onBackend((name) => {
      this.#index()
      this.#queue.add(name)
    })
    const own = kinds.of(apiServices)?.cache
    metrics.registrations = () =>
      own?.entries.list(own.prefix).map(({ name, object }) => [name, isAvailable(object as APIService)]) ?? []
    kinds.of(services)?.cache.observe((now, before) => this.#see(now ?? before!, ({ metadata }) => metadata.name))
    kinds
      .of(endpointSlices)
      ?.cache.observe((now, before) =>
        this.#see(now ?? before!, ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] ?? ''),
      )
  }

  /** Call once the cache is filled. */
  start(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.#queue.close(), { once: true })
    for (let worker = 0; worker < workers; worker++) void this.#work(signal)
  }

  #index(): void {
    this.#byService.clear()
    for (const { name, spec } of this.#around.registrations.backends()) {
      const key = `${spec.service?.namespace ?? ''}/${spec.service?.name ?? ''}`
      const known = this.#byService.get(key)
      if (known === undefined) this.#byService.set(key, new Set([name]))
      else known.add(name)
    }
  }

  /** A service, or a slice of its endpoints, has changed. */
  #see(stored: StoredObject, serviceOf: (object: KubeObject) => string): void {
    if (this.#byService.size === 0) return
    const { object } = stored
    const concerned = this.#byService.get(`${object.metadata.namespace ?? ''}/${serviceOf(object)}`)
    for (const name of concerned ?? []) this.#queue.add(name)
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let name = await this.#queue.take(); name !== undefined; name = await this.#queue.take()) {
      try {
        await this.#check(name, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) {
          this.#around.onBug(error, `availability of ${name}`)
        }
        this.#queue.retry(name)
      } finally {
        this.#queue.done(name)
      }
    }
  }

  async #check(name: string, signal: AbortSignal): Promise<void> {
    const { registrations } = this.#around
    const backend = registrations.backends().find((each) => each.name === name)
    if (backend === undefined) return this.#say(name, localAvailability)
    const outcome = await this.#find(backend, signal)
    if (signal.aborted) return
    if (outcome === passed) {
      this.#queue.forget(name)
      await this.#learn(backend, signal)
    } else registrations.learn(backend, outdated(backend.documents))
    await this.#say(name, outcome)
    if (outcome.reason === 'FailedDiscoveryCheck') this.#queue.retry(name)
    else this.#queue.addAfter(name, againAfterMs)
  }

  async #find(backend: Backend, signal: AbortSignal): Promise<Availability> {
    const { cluster, clock } = this.#around.registry
    const { namespace = '', name = '' } = backend.spec.service ?? {}
    const slices = cluster
      .list(endpointSlices, namespace)
      .filter(({ metadata }: EndpointSlice) => metadata.labels?.['kubernetes.io/service-name'] === name)
    const problem = planAvailability(backend.spec.service ?? {}, cluster.get(services, namespace, name), slices)
    if (problem !== undefined) return problem
    const why = await askForVersion(backend, { cluster, clock, signal })
    return why === undefined ? passed : failedDiscovery(why)
  }

  /** Clients that see that a server is available can count on its documents. */
  async #learn(backend: Backend, signal: AbortSignal): Promise<void> {
    const { registrations, registry } = this.#around
    const { cluster, clock } = registry
    const { group, version, documents } = backend
    let client: HttpClient
    try {
      client = backend.way(cluster).client
    } catch {
      return registrations.learn(backend, outdated(documents))
    }
    const learned = await readDocuments({ client, group, version, clock, signal }, documents)
    // Meanwhile the registration may lead elsewhere.
    if (backend.documents === documents && !signal.aborted) registrations.learn(backend, learned)
  }

  async #say(name: string, availability: Availability): Promise<void> {
    const { kinds, registry, metrics } = this.#around
    const kind = kinds.of(apiServices)!
    const found = kind.cache.entries.get(keyOf(kind, '', name))?.object as APIService | undefined
    if (found === undefined || saying(found, availability, registry.clock.now()) === found) return
    await updateObject(
      registry,
      kind,
      {
        namespace: '',
        name,
        change: (old) => thaw(saying(old as APIService, availability, registry.clock.now())),
        retryConflicts: true,
        subresource: { name: 'status', rules: kind.strategy.subresources!['status']! },
      },
      serverWrites,
    )
    if (isAvailable(found) && availability.status !== 'True') metrics.turnedUnavailable(name, availability.reason)
  }
}

function isAvailable({ status }: APIService): boolean {
  return isConditionTrue(status?.conditions, 'Available')
}

/** The registration with what is known of its server; the same one when it says so already. */
function saying(registration: APIService, availability: Availability, now: number): APIService {
  const before = registration.status?.conditions
  const after = withCondition(before, { type: 'Available', lastTransitionTime: timeText(now), ...availability })
  return after === before
    ? registration
    : { ...registration, status: { ...registration.status, conditions: [...after] } }
}
