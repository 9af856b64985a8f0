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
export type IndexValues<T> = (object: T) => readonly string[]

/** Text that is equal for objects which are the same in all that readers of an index tell them apart by. */
export type Likeness<T> = (object: T) => string

/** One or more objects that are alike: what is true of the first is true of all. */
export type Group<T> = readonly [T, ...T[]]

/** Where an object stands, also after another took its place: an index in which it stays where it was need not be touched. */
interface Place<T> {
  object: T
}

interface Index<T> {
  readonly values: IndexValues<T>
  readonly likeness: Likeness<T> | undefined
  /** value → likeness → places */
  readonly entries: Map<string, Map<string, Set<Place<T>>>>
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
  readonly #places = new Map<string, Place<T>>()
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
    for (const place of this.#places.values()) enter(index, positionOf(index, place.object), place)
  }

  get(key: string): T | undefined {
    return this.#places.get(key)?.object
  }

  /** Places an object and returns the one that stood there. */
  set(key: string, object: T): T | undefined {
    const place = this.#places.get(key)
    if (place === undefined) {
      const made = { object }
      this.#places.set(key, made)
      for (const index of this.#indexes.values()) enter(index, positionOf(index, object), made)
      return undefined
    }
    const old = place.object
    place.object = object
    for (const index of this.#indexes.values()) {
      const [from, to] = [positionOf(index, old), positionOf(index, object)]
      // Most changes are of a status, and most indexes have nothing to do with it.
      if (isSamePosition(from, to)) continue
      leave(index, from, place)
      enter(index, to, place)
    }
    return old
  }

  /** Removes an object and returns it. */
  delete(key: string): T | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    this.#places.delete(key)
    for (const index of this.#indexes.values()) leave(index, positionOf(index, place.object), place)
    return place.object
  }

  get size(): number {
    return this.#places.size
  }

  keys(): Iterable<string> {
    return this.#places.keys()
  }

  values(): Iterable<T> {
    return this.#places.values().map(({ object }) => object)
  }

  /** The objects of an index under a value. Throws for an index that was never added: that is a bug. */
  byIndex(name: string, value: string): readonly T[] {
    const groups = this.#index(name).entries.get(value)
    if (groups === undefined) return []
    const objects: T[] = []
    for (const group of groups.values()) for (const { object } of group) objects.push(object)
    return objects
  }

  /** The same objects in groups of those that are alike; each by itself where the index knows no likeness. */
  groups(name: string, value: string): readonly Group<T>[] {
    const { entries, likeness } = this.#index(name)
    if (likeness === undefined) return this.byIndex(name, value).map((object) => [object])
    return [...(entries.get(value)?.values() ?? [])].map((group) => objectsOf(group) as readonly T[] as Group<T>)
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name)
    if (index === undefined) throw new Error(`There is no index "${name}"`)
    return index
  }

  list(filter: ListFilter<T> = {}): readonly T[] {
    const from =
      filter.namespace === undefined ? objectsOf(this.#places.values()) : this.byIndex(byNamespace, filter.namespace)
    return filter.matches === undefined ? from : from.filter(filter.matches)
  }
}

export interface ListFilter<T> {
  readonly namespace?: string
  readonly matches?: (object: T) => boolean
}

const byNamespace = 'namespace'

function objectsOf<T>(places: Iterable<Place<T>>): T[] {
  return Array.from(places, ({ object }) => object)
}

/** Where an index has an object. */
interface Position {
  readonly values: readonly string[]
  readonly likeness: string
}

function positionOf<T>({ values, likeness }: Index<T>, object: T): Position {
  const found = values(object)
  return { values: found, likeness: found.length === 0 || likeness === undefined ? '' : likeness(object) }
}

function isSamePosition(a: Position, b: Position): boolean {
  return (
    a.likeness === b.likeness &&
    a.values.length === b.values.length &&
    a.values.every((each, at) => each === b.values[at])
  )
}

function enter<T>(index: Index<T>, { values, likeness }: Position, place: Place<T>): void {
  for (const value of values) {
    let groups = index.entries.get(value)
    if (groups === undefined) index.entries.set(value, (groups = new Map()))
    const group = groups.get(likeness)
    if (group === undefined) groups.set(likeness, new Set([place]))
    else group.add(place)
  }
}

function leave<T>(index: Index<T>, { values, likeness }: Position, place: Place<T>): void {
  for (const value of values) {
    const groups = index.entries.get(value)
    const group = groups?.get(likeness)
    if (groups === undefined || group === undefined) continue
    group.delete(place)
    if (group.size === 0) groups.delete(likeness)
    if (groups.size === 0) index.entries.delete(value)
  }
}
