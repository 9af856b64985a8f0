import { apiServices, type APIService } from '#api/apiregistration/v1/apiService.ts'
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { KubeObject } from '#api/resource.ts'
import { isReason } from '#machinery/status.ts'
import type { Kind, Kinds } from '../../kind.ts'
import { thaw } from '../../objects.ts'
import type { RegistryContext } from '../../registry/context.ts'
import { createObject } from '../../registry/create.ts'
import { deleteObject } from '../../registry/delete.ts'
import { updateObject } from '../../registry/update.ts'
import { serverWrites } from '../../registry/serverWrites.ts'
import { managedLabel, planServices, wantedServices, type ServiceAction, type WantedService } from './localServices.ts'

/** Nobody needs the registrations before somebody asks for them: a cluster that starts has better things to do. */
const beginsAfterMs = 3_000
/** Pause before a write is tried again that failed. */
const retryAfterMs = 1_000
/** Rounds of planning in which everything settles; more mean that somebody works against it. */
const mostRounds = 3

interface Surroundings {
  readonly kinds: Kinds
  readonly registry: RegistryContext
  readonly onBug: (error: unknown, what: string) => void
}

/** Keeps a registration for every version of a group that this server serves itself. */
export class LocalRegistrar {
  /** The kind of the registrations. */
  readonly kind: Kind | undefined
  readonly #around: Surroundings
  #isStart = true
  #signal: AbortSignal | undefined
  #work: Promise<void> | undefined

  constructor(around: Surroundings) {
    this.kind = around.kinds.of(apiServices)
    this.#around = around
  }

  /** Begins to keep the registrations, after a while. Call once the cache is filled. */
  start(signal: AbortSignal): void {
    if (this.kind === undefined) return
    this.#signal = signal
    this.#after(beginsAfterMs)
  }

  /** Resolves once all registrations are as they should be: whoever reads them sees what is served. */
  async settle(): Promise<void> {
    if (this.kind === undefined || this.#signal === undefined) return
    await this.#around.registry.cache.current()
    while (this.#work !== undefined) await this.#work
    if (this.#plan().length === 0) {
      this.#isStart = false
      return
    }
    await (this.#work ??= this.#run().finally(() => (this.#work = undefined)))
  }

  #after(ms: number): void {
    void this.#around.registry.clock.sleep(ms, this.#signal).then(this.#begin, () => {})
  }

  readonly #begin = (): void => {
    if (this.#signal!.aborted) return
    this.#follow()
    void this.settle().catch((error: unknown) => {
      if (!this.#signal!.aborted) this.#around.onBug(error, 'the registrations of served versions')
    })
  }

  /** Looks again when definitions or registrations change. */
  #follow(): void {
    const { kinds } = this.#around
    for (const cache of [this.kind!.cache, kinds.of(customResourceDefinitions)?.cache]) {
      cache?.forget(this.#begin)
      cache?.onNext(this.#begin)
    }
  }

  #plan(): readonly ServiceAction[] {
    const { kinds } = this.#around
    const { cache } = this.kind!
    const present = new Map(
      cache.entries.list(cache.prefix).map(({ name, object }) => [name, object as APIService] as const),
    )
    const definitions = kinds.of(customResourceDefinitions)?.cache
    const defined = definitions?.entries.list(definitions.prefix) ?? []
    const wanted = wantedServices(
      kinds.builtIn().map(({ resource }) => resource),
      defined.map(({ object }) => object as CustomResourceDefinition),
    )
    return planServices({ wanted, present, isStart: this.#isStart })
  }

  async #run(): Promise<void> {
    const { registry, onBug } = this.#around
    for (let round = 0; round < mostRounds; round++) {
      const actions = this.#plan()
      if (actions.length === 0) break
      const outcomes = await Promise.allSettled(actions.map((action) => this.#act(action)))
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed !== undefined) {
        if (this.#signal!.aborted) return
        onBug(failed.reason, 'the registrations of served versions')
        this.#after(retryAfterMs)
        return
      }
      await registry.cache.current()
      this.#isStart = false
    }
  }

  async #act(action: ServiceAction): Promise<void> {
    const { registry } = this.#around
    const kind = this.kind!
    try {
      switch (action.do) {
        case 'create':
          await createObject(registry, kind, newService(action.service), serverWrites)
          return
        case 'update': {
          const { name, spec } = action.service
          const change = (old: KubeObject): KubeObject => ({ ...thaw(old), spec: { ...spec } }) as KubeObject
          await updateObject(registry, kind, { namespace: '', name, change, retryConflicts: true }, serverWrites)
          return
        }
        case 'delete':
          await deleteObject(registry, kind, '', action.name, {}, serverWrites)
      }
    } catch (error) {
      // Somebody else was faster.
      if (!isReason(error, 'AlreadyExists') && !isReason(error, 'NotFound')) throw error
    }
  }
}

function newService({ name, spec, management }: WantedService): KubeObject {
  const service: APIService = {
    kind: 'APIService',
    apiVersion: 'apiregistration.k8s.io/v1',
    metadata: { name, labels: { [managedLabel]: management } },
    spec: { ...spec },
  }
  return service
}
