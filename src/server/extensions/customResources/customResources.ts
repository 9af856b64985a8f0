// Custom kinds: follows the definitions in the server's cache, serves what they define through the same registry as
// built-in kinds, and writes into their status what came of it. When a definition goes, its objects go first.
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { isReason } from '#machinery/status.ts'
import type { ConversionMetrics } from '../../metrics/conversionMetrics.ts'
import { keyOf, type Kind, type Kinds } from '../../kind.ts'
import { thaw } from '../../objects.ts'
import type { RegistryContext } from '../../registry/context.ts'
import { deleteObject } from '../../registry/delete.ts'
import { updateObject } from '../../registry/update.ts'
import type { WebhookCaller } from '../../webhooks/caller.ts'
import { serverWrites } from '../../registry/serverWrites.ts'
import { Definition, type DefinitionContext } from './definition.ts'
import { ending, isServed, planStatus, usedNames, withEnding } from './plan.ts'

export interface CustomResourcesOptions {
  readonly kinds: Kinds
  readonly registry: RegistryContext
  readonly webhooks: WebhookCaller
  readonly conversions: ConversionMetrics
  /** Told of errors that are bugs. */
  readonly onBug: (error: unknown, what: string) => void
}

/** Keeps a definition until nothing of its kind is left. */
const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

/** Pause before a write is tried again that failed for no reason of its own. */
const retryAfterMs = 1_000
/** How long the objects of a kind may take to go before the definition says that they do. */
const lateAfterMs = 60_000
/** Objects that are deleted at the same time. */
const atOnce = 16

export class CustomResources {
  readonly #kinds: Kinds
  readonly #registry: RegistryContext
  readonly #context: DefinitionContext
  readonly #clock: Clock
  readonly #onBug: CustomResourcesOptions['onBug']
  readonly #served = new Map<string, Definition>()
  /** Definitions whose status is as it should be, and stays so. */
  readonly #settled = new WeakSet<CustomResourceDefinition>()
  /** When the end of a definition's objects began. */
  readonly #endingSince = new Map<string, number>()
  #signal: AbortSignal | undefined
  #isBusy = false
  #isAsked = false

  constructor({ kinds, registry, webhooks, conversions, onBug }: CustomResourcesOptions) {
    this.#kinds = kinds
    this.#registry = registry
    const { cache, cluster, newUid } = registry
    this.#context = { cache, cluster, newUid, webhooks, conversions }
    this.#clock = registry.clock
    this.#onBug = onBug
  }

  /** Serves what is defined, and from then on what becomes of it. Call once the cache is filled. */
  start(signal: AbortSignal): void {
    if (this.#kind === undefined) return
    this.#signal = signal
    this.#wake()
  }

  /** The kind of the definitions themselves. */
  get #kind(): Kind | undefined {
    return this.#kinds.of(customResourceDefinitions)
  }

  readonly #wake = (): void => {
    if (this.#signal === undefined || this.#signal.aborted) return
    const { cache } = this.#kind!
    cache.forget(this.#wake)
    cache.onNext(this.#wake)
    const definitions = this.#all()
    this.#serve(definitions)
    if (this.#isBusy) this.#isAsked = true
    else void this.#writeStatuses()
  }

  #all(): CustomResourceDefinition[] {
    const { cache } = this.#kind!
    return cache.entries.list(cache.prefix).map(({ object }) => object as CustomResourceDefinition)
  }

  #find(name: string): CustomResourceDefinition | undefined {
    const kind = this.#kind!
    return kind.cache.entries.get(keyOf(kind, '', name))?.object as CustomResourceDefinition | undefined
  }

  /** Makes the kinds in service those of the definitions. */
  #serve(definitions: readonly CustomResourceDefinition[]): void {
    const wanted = new Set<string>()
    const changed = new Map<string, readonly Kind[]>()
    const retired: Definition[] = []
    for (const definition of definitions) {
      if (!isServed(definition)) continue
      const { name } = definition.metadata
      wanted.add(name)
      const before = this.#served.get(name)
      if (before?.isOf(definition) === true) continue
      const now = Definition.of(definition, before, this.#context)
      this.#served.set(name, now)
      changed.set(name, now.kinds)
      if (before !== undefined && before.retired !== now.retired) retired.push(before)
    }
    for (const [name, definition] of this.#served) {
      if (wanted.has(name)) continue
      this.#served.delete(name)
      changed.set(name, [])
      retired.push(definition)
    }
    this.#kinds.replace(changed)
    for (const definition of retired) definition.retire()
  }

  /** Writes every status that is not as it should be; one after another, because names are given to whoever comes first. */
  async #writeStatuses(): Promise<void> {
    this.#isBusy = true
    do {
      this.#isAsked = false
      for (const { metadata } of this.#all()) {
        if (this.#signal?.aborted !== false) break
        try {
          await this.#writeStatus(metadata.name)
        } catch (error) {
          if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) continue
          if (this.#signal?.aborted !== false) break
          this.#onBug(error, `status of definition ${metadata.name}`)
          this.#clock.after(retryAfterMs, this.#wake)
        }
      }
    } while (this.#isAsked && this.#signal?.aborted === false)
    this.#isBusy = false
  }

  async #writeStatus(name: string): Promise<void> {
    const definition = this.#find(name)
    if (definition === undefined) {
      this.#endingSince.delete(name)
      return
    }
    if (this.#settled.has(definition)) return
    if (definition.metadata.deletionTimestamp !== undefined) return this.#end(definition)
    const used = usedNames(
      definition,
      this.#all(),
      this.#kinds.builtIn().map(({ resource }) => resource),
    )
    const plan = (each: CustomResourceDefinition): CustomResourceDefinition['status'] =>
      planStatus(each, used, this.#clock.now())
    if (plan(definition) === definition.status) {
      // Names that were accepted stay so, whatever others want.
      if (isConditionTrue(definition.status?.conditions, 'NamesAccepted')) this.#settled.add(definition)
      return
    }
    await this.#update(name, (each) => ({ ...each, status: plan(each)! }))
  }

  /** Lets a definition go once all objects of its kind have gone. */
  async #end(definition: CustomResourceDefinition): Promise<void> {
    const { name, finalizers = [] } = definition.metadata
    if (!finalizers.includes(cleanupFinalizer)) return
    const { group, names } = definition.spec
    const isBuiltIn = this.#kinds
      .builtIn()
      .some(({ resource }) => resource.group === group && resource.plural === names.plural)
    const served = this.#served.get(name)
    if (isBuiltIn) return this.#finish(name, ending.overlaps)
    if (served === undefined) return this.#finish(name, ending.never)
    const { stored } = served
    const instances = stored.cache.entries.list(stored.cache.prefix)
    if (instances.length === 0) return this.#finish(name, ending.completed)
    stored.cache.forget(this.#wake)
    stored.cache.onNext(this.#wake)
    const since = this.#endingSince.get(name)
    if (since === undefined) {
      this.#endingSince.set(name, this.#clock.now())
      this.#clock.after(lateAfterMs, this.#wake)
      await this.#say(name, ending.inProgress)
    } else if (this.#clock.now() - since >= lateAfterMs) await this.#say(name, ending.late)
    const waiting = instances.filter(({ object }) => object.metadata.deletionTimestamp === undefined)
    const problem = await this.#deleteAll(
      stored,
      waiting.map(({ object }) => object),
    )
    if (problem === undefined) return
    await this.#say(name, ending.failed(problem))
    this.#clock.after(retryAfterMs, this.#wake)
  }

  /** Deletes objects as any client would; why some could not be, if so. */
  async #deleteAll(kind: Kind, objects: KubeObject[]): Promise<string | undefined> {
    const problems = new Set<string>()
    const worker = async (): Promise<void> => {
      for (let each = objects.shift(); each !== undefined; each = objects.shift()) {
        const { namespace = '', name } = each.metadata
        try {
          await deleteObject(this.#registry, kind, namespace, name, {}, serverWrites)
        } catch (error) {
          if (!isReason(error, 'NotFound')) problems.add(messageOf(error))
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(atOnce, objects.length) }, worker))
    if (problems.size === 0) return undefined
    const [first] = problems
    return problems.size === 1 ? first! : `[${[...problems].slice(0, 10).join(', ')}]`
  }

  #say(name: string, condition: Parameters<typeof withEnding>[1]): Promise<void> {
    return this.#update(name, (each) => ({
      ...each,
      status: withEnding(each.status ?? {}, condition, this.#clock.now()),
    }))
  }

  #finish(name: string, condition: Parameters<typeof withEnding>[1]): Promise<void> {
    return this.#update(name, (each) => {
      const finalizers = each.metadata.finalizers?.filter((finalizer) => finalizer !== cleanupFinalizer) ?? []
      const status = withEnding(each.status ?? {}, condition, this.#clock.now())
      return { ...each, metadata: { ...each.metadata, finalizers }, status }
    })
  }

  async #update(
    name: string,
    change: (definition: CustomResourceDefinition) => CustomResourceDefinition,
  ): Promise<void> {
    const kind = this.#kind!
    await updateObject(
      this.#registry,
      kind,
      {
        namespace: '',
        name,
        change: (old) => thaw(change(old as CustomResourceDefinition)) as KubeObject,
        retryConflicts: true,
        subresource: { name: 'status', rules: kind.strategy.subresources!['status']! },
      },
      serverWrites,
    )
  }
}
