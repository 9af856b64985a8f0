import type { KubeObject, Resource } from '#api/resource.ts'
import type { Schema } from '#machinery/schema/model.ts'
import type { CustomSchema } from '#machinery/schema/openapiModel.ts'
import { keyRoot, type ResourceCache, type WatchCache } from './watchCache.ts'
import type { StoredObject } from './storedObject.ts'
import type { OtherVersion, Strategy } from './strategy.ts'
import { strategyOfVersion } from './versions.ts'

/** A strategy in service: with its place in the store and in the cache. */
export interface Kind {
  readonly strategy: Strategy
  readonly resource: Resource
  /** What `metadata.name` and the rest of the object must look like. */
  readonly schema: Schema
  readonly cache: ResourceCache
  /** For a version whose objects are stored in the form of another one: that kind, and how the forms become each other. */
  readonly storedAs?: { readonly kind: Kind; readonly version: OtherVersion<any, any> }
  /** What is particular about a kind that a user defined; absent for built-in ones. */
  readonly custom?: CustomKind
}

/** What is particular about a kind that a user defined. */
export interface CustomKind {
  readonly view: StoredView
  /** Aborts when objects are served otherwise, or no more: their watches end. */
  readonly retired: AbortSignal
  /** The version in whose form objects are stored. */
  readonly storageVersion: string
  /** Whether discovery tells of the kind: everybody may count on it. */
  readonly isPublished: boolean
  /** Whether its objects are going, and the kind with them: none is made any more. */
  readonly isEnding: boolean
  /** For documents about the API. */
  readonly document: CustomSchema
}

/** Objects between the form in which they are stored and the one in which a kind shows them. */
export interface StoredView {
  /** Makes sure that `of` can show these; undefined when there is nothing to wait for. */
  prepare(stored: readonly StoredObject[]): undefined | Promise<void>
  /** A stored object as the kind shows it; made once for each revision. */
  of(stored: StoredObject): StoredObject
  /** An object of any version of the kind, not stored yet, as this one shows it. */
  from(object: KubeObject): KubeObject | Promise<KubeObject>
  /** An object of the kind in its canonical form, as it is stored. Shares parts with it. */
  toStored(object: KubeObject): KubeObject | Promise<KubeObject>
}

/** Where the keys of a resource begin. */
export function keyPrefix(resource: Pick<Resource, 'group' | 'plural'>): string {
  return `${keyRoot}${resource.group === '' ? 'core' : resource.group}/${resource.plural}/`
}

/** The key of one object. */
export function keyOf(kind: Kind, namespace: string, name: string): string {
  return kind.resource.scope === 'Namespaced'
    ? `${kind.cache.prefix}${namespace}/${name}`
    : `${kind.cache.prefix}${name}`
}

/** Where the keys of a resource in one namespace begin; an empty namespace means all. */
export function scopePrefix(kind: Kind, namespace: string): string {
  return kind.resource.scope === 'Namespaced' && namespace !== ''
    ? `${kind.cache.prefix}${namespace}/`
    : kind.cache.prefix
}

/** Puts a strategy into service: the kind that it describes, followed by its other versions over the same cache. */
export function serveKind(strategy: Strategy, schemaFor: (resource: Resource) => Schema, cache: WatchCache): Kind[] {
  const { resource, versions = [] } = strategy
  const kind = { strategy, resource, schema: schemaFor(resource), cache: cache.resource(keyPrefix(resource)) }
  const others = versions.map((version): Kind => ({
    ...kind,
    strategy: strategyOfVersion(kind, version),
    resource: version.resource,
    schema: schemaFor(version.resource),
    storedAs: { kind, version },
  }))
  return [kind, ...others]
}

/**
 * The kinds by group, version and plural name, as paths name them. Built-in kinds are there for good; others come, change
 * and go while the server runs, all of one owner at once.
 */
export class Kinds {
  readonly #builtIn: readonly Kind[]
  readonly #added = new Map<string, readonly Kind[]>()
  /** By plural name; of those with the same name, each has a group and version of its own. */
  #byName: ReadonlyMap<string, readonly Kind[]>
  #generation = 0

  constructor(builtIn: readonly Kind[]) {
    this.#builtIn = builtIn
    this.#byName = indexed(builtIn)
  }

  /** Changes with the set of kinds: what was derived from it is to be made anew. */
  get generation(): number {
    return this.#generation
  }

  /** Serves kinds in the place of those that their owner had before, for each owner named; none: serves nothing of the owner's. */
  replace(byOwner: ReadonlyMap<string, readonly Kind[]>): void {
    if (byOwner.size === 0) return
    for (const [owner, kinds] of byOwner) {
      if (kinds.length === 0) this.#added.delete(owner)
      else this.#added.set(owner, kinds)
    }
    // Built-in kinds go first: nobody takes their place.
    this.#byName = indexed([...this.#builtIn, ...[...this.#added.values()].flat().toReversed()])
    this.#generation++
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    const named = this.#byName.get(plural)
    if (named === undefined) return undefined
    for (const kind of named) if (kind.resource.group === group && kind.resource.version === version) return kind
    return undefined
  }

  /** The kind of a Resource value; undefined when it is not served. */
  of(resource: Pick<Resource, 'group' | 'version' | 'plural'>): Kind | undefined {
    return this.find(resource.group, resource.version, resource.plural)
  }

  /** Built-in kinds in the order in which they were given, then all others. */
  all(): Kind[] {
    return [...this.#builtIn, ...[...this.#added.values()].flat()]
  }

  /** The built-in kinds. */
  builtIn(): readonly Kind[] {
    return this.#builtIn
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.all().some(({ resource }) => resource.group === group && resource.version === version)
  }
}

/** Kinds by plural name. Each request asks several times: comparing two words costs less than joining three for a key. */
function indexed(kinds: readonly Kind[]): ReadonlyMap<string, readonly Kind[]> {
  return Map.groupBy(kinds, ({ resource }) => resource.plural)
}

/** Reads a field that selectors of this kind may name from an object in its stored form. */
export function fieldReader(kind: Kind): (object: KubeObject, field: string) => string {
  const { selectableFields } = kind.strategy
  return (object, field) => {
    if (field === 'metadata.name') return object.metadata.name
    if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
    return selectableFields?.[field]?.(object) ?? ''
  }
}

/** What refusals for wrong fields call a kind. */
export function refusalName({ resource, strategy }: Kind): Pick<Resource, 'group' | 'kind'> {
  return { group: strategy.refusalGroup ?? resource.group, kind: resource.kind }
}
