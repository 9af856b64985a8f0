import type { KubeObject } from '#api/resource.ts'
import type { ObjectName } from './client.ts'

/** Where an object stands in a store and in a work queue: `namespace/name`, or `name` for a kind without namespaces. */
export function keyOf(metadata: ObjectName): string {
  const { namespace, name } = metadata
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

/** Reads a key back. */
export function nameOfKey(key: string): { readonly name: string; readonly namespace?: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The values under which an object is found in an index. */
export type IndexValues<T> = (object: T) => Iterable<string>

/** Text that is equal for objects which are the same in all that readers of an index tell them apart by. */
export type Likeness<T> = (object: T) => string

/** One or more objects that are alike: what is true of the first is true of all. */
export type Group<T> = readonly [T, ...T[]]

interface Index<T> {
  readonly values: IndexValues<T>
  readonly likeness: Likeness<T> | undefined
  /** value → likeness → key → object */
  readonly entries: Map<string, Map<string, Map<string, T>>>
}

/**
 * Objects by key and by any number of indexes, which always agree.
 *
 *     addIndex('node', (pod) => [pod.spec.nodeName])
 *     set(a on n1)        objects {a}      node {n1: {a}}
 *     set(b on n1)        objects {a, b}   node {n1: {a, b}}
 *     set(a on n2)        objects {a, b}   node {n1: {b}, n2: {a}}      left its old place
 *     delete(b)           objects {a}      node {n2: {a}}               an empty place is not kept
 *
 * Within an index objects may be grouped by their likeness, so that thousands of them can be counted by looking at a few:
 *
 *     addIndex('node', …, (pod) => pod.status.phase)
 *     groups('node', n1)      [[a, c], [b]]      a and c are Running, b is Pending
 *
 * It keeps references: what goes in is shared with everybody who reads it and must be frozen.
 */
export class IndexedStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<string, Index<T>>()

  constructor() {
    this.addIndex(byNamespace, (object) => [object.metadata.namespace ?? ''])
  }

  /**
   * Adds an index over what is there and what will come. The same again changes nothing; another one of the same name is a
   * bug, which throws: its reader would find what the first one puts there.
   */
  addIndex(name: string, values: IndexValues<T>, likeness?: Likeness<T>): void {
    const known = this.#indexes.get(name)
    if (known !== undefined) {
      if (known.values === values && known.likeness === likeness) return
      throw new Error(
        `There is another index "${name}" already; give one of the two another name, or both the same functions`,
      )
    }
    const index: Index<T> = { values, likeness, entries: new Map() }
    this.#indexes.set(name, index)
    for (const [key, object] of this.#objects) enter(index, key, object)
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  /** Places an object and returns the one that stood there. */
  set(key: string, object: T): T | undefined {
    const old = this.#objects.get(key)
    this.#objects.set(key, object)
    for (const index of this.#indexes.values()) {
      if (old !== undefined) leave(index, key, old)
      enter(index, key, object)
    }
    return old
  }

  /** Removes an object and returns it. */
  delete(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (old === undefined) return undefined
    this.#objects.delete(key)
    for (const index of this.#indexes.values()) leave(index, key, old)
    return old
  }

  get size(): number {
    return this.#objects.size
  }

  keys(): Iterable<string> {
    return this.#objects.keys()
  }

  values(): Iterable<T> {
    return this.#objects.values()
  }

  /** The objects of an index under a value. Throws for an index that was never added: that is a bug. */
  byIndex(name: string, value: string): readonly T[] {
    const groups = this.#index(name).entries.get(value)
    if (groups === undefined) return []
    const objects: T[] = []
    for (const group of groups.values()) for (const object of group.values()) objects.push(object)
    return objects
  }

  /** The same objects in groups of those that are alike; each by itself where the index knows no likeness. */
  groups(name: string, value: string): readonly Group<T>[] {
    const { entries, likeness } = this.#index(name)
    if (likeness === undefined) return this.byIndex(name, value).map((object) => [object])
    return [...(entries.get(value)?.values() ?? [])].map((group) => [...group.values()] as readonly T[] as Group<T>)
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name)
    if (index === undefined) throw new Error(`There is no index "${name}"`)
    return index
  }

  list(filter: ListFilter<T> = {}): readonly T[] {
    const from =
      filter.namespace === undefined ? [...this.#objects.values()] : this.byIndex(byNamespace, filter.namespace)
    return filter.matches === undefined ? from : from.filter(filter.matches)
  }
}

export interface ListFilter<T> {
  readonly namespace?: string
  readonly matches?: (object: T) => boolean
}

const byNamespace = 'namespace'

function enter<T>(index: Index<T>, key: string, object: T): void {
  const likeness = index.likeness?.(object) ?? ''
  for (const value of index.values(object)) {
    let groups = index.entries.get(value)
    if (groups === undefined) index.entries.set(value, (groups = new Map()))
    const group = groups.get(likeness)
    if (group === undefined) groups.set(likeness, new Map([[key, object]]))
    else group.set(key, object)
  }
}

function leave<T>(index: Index<T>, key: string, object: T): void {
  const likeness = index.likeness?.(object) ?? ''
  for (const value of index.values(object)) {
    const groups = index.entries.get(value)
    const group = groups?.get(likeness)
    if (groups === undefined || group === undefined) continue
    group.delete(key)
    if (group.size === 0) groups.delete(likeness)
    if (groups.size === 0) index.entries.delete(value)
  }
}
