import type { KubeObject, Resource } from '#api/resource.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { keyRoot, type ResourceCache, type WatchCache } from './watchCache.ts'
import type { Strategy } from './strategy.ts'

/** A strategy in service: with its place in the store and in the cache. */
export interface Kind {
  readonly strategy: Strategy
  readonly resource: Resource
  /** What `metadata.name` and the rest of the object must look like. */
  readonly schema: Schema
  readonly cache: ResourceCache
}

/** Where the keys of a resource begin. */
function keyPrefix(resource: Pick<Resource, 'group' | 'plural'>): string {
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

/** Puts a strategy into service. */
export function serveKind(strategy: Strategy, schema: Schema, cache: WatchCache): Kind {
  const { resource } = strategy
  return { strategy, resource, schema, cache: cache.resource(keyPrefix(strategy.storedAs?.resource ?? resource)) }
}

/** The kinds by group, version and plural name, as paths name them. */
export class Kinds {
  readonly #byPath = new Map<string, Kind>()

  constructor(kinds: Iterable<Kind>) {
    for (const kind of kinds) {
      this.#byPath.set(pathOf(kind.resource.group, kind.resource.version, kind.resource.plural), kind)
    }
  }

  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#byPath.get(pathOf(group, version, plural))
  }

  /** The kind of a Resource value; undefined when it is not served. */
  of(resource: Pick<Resource, 'group' | 'version' | 'plural'>): Kind | undefined {
    return this.find(resource.group, resource.version, resource.plural)
  }

  /** In the order in which the strategies were given. */
  all(): Kind[] {
    return [...this.#byPath.values()]
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.all().some(({ resource }) => resource.group === group && resource.version === version)
  }
}

function pathOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`
}

/** Reads a field that selectors of this kind may name. */
export function fieldReader(kind: Kind): (object: KubeObject, field: string) => string {
  const { selectableFields, storedAs } = kind.strategy
  return (object, field) => {
    if (field === 'metadata.name') return object.metadata.name
    if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
    const own =
      storedAs === undefined ? object : ({ ...storedAs.read(object), metadata: object.metadata } as KubeObject)
    return selectableFields?.[field]?.(own) ?? ''
  }
}
