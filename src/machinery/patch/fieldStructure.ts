// What objects consist of, whatever their values are: which fields they have, the keys of their maps, the keys of the items of
// their lists. Objects of one template have the same structure, and to recognise it costs less than to do anything else.
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { FieldSet } from './fieldSet.ts'
import { commonParts, isEmpty, memberOf, noMembers, partsOf, type Members } from './fieldParts.ts'
import { isDivided, isKeyed, type Field, type Shape } from './fieldShape.ts'

/**
 * A place in the tree of the structures of one shape. A path through it is a structure, read from the outside in and in the
 * order of the object:
 *
 *     {"name":"a","ports":[{"port":80}]}   →   name · ports · [ · 80 · { · port · } · ]
 */
export interface Structure {
  /** The token that came behind this place first, and where it leads. Mostly there is no other. */
  token: Token
  next: Structure | undefined
  others: Map<Token, Structure> | undefined
  /** The fields that objects, or parts of them, set whose structure ends here. */
  fields: FieldSet | undefined
}

/** A field of a struct, the name of another member, the key of an item, or a mark. */
type Token = Field | string | number | boolean | symbol | undefined

const begin = Symbol('members or items begin')
const end = Symbol('they end')
const same = Symbol('nothing but what every object has')

/** Places that are kept; then all is forgotten. A template takes about a hundred. */
const mostPlaces = 20_000
/** Longer structures, and such with longer keys, are not kept. */
const longestStructure = 2_000
const longestKey = 512

/** The structures of objects that were seen lately. */
export class Structures {
  #roots = new WeakMap<Shape, Structure>()
  #places = 0

  /** The structure of an object beside one in which nothing is set; undefined when it is too long or odd to be kept. */
  of(shape: Shape, empty: object, object: object): Structure | undefined {
    return this.#endOf(shape, (walk) => walk.members(shape, object as Members, empty as Members))
  }

  /** The structure of a part of an object, where nothing was before. */
  ofPart(shape: Shape, value: object): Structure | undefined {
    return this.#endOf(shape, (walk) => walk.whole(shape, value))
  }

  #endOf(shape: Shape, go: (walk: Walk) => void): Structure | undefined {
    if (this.#places > mostPlaces) {
      this.#roots = new WeakMap()
      this.#places = 0
    }
    let root = this.#roots.get(shape)
    if (root === undefined) this.#roots.set(shape, (root = newPlace()))
    const walk = new Walk(root)
    go(walk)
    this.#places += walk.placesMade
    return walk.place
  }
}

function newPlace(): Structure {
  return { token: undefined, next: undefined, others: undefined, fields: undefined }
}

/** One walk through an object and the tree at once. */
class Walk {
  /** Where it has come to; undefined: it was given up. */
  place: Structure | undefined
  placesMade = 0
  #steps = 0

  constructor(root: Structure) {
    this.place = root
  }

  /** The members of a map or struct. */
  members(shape: Shape, value: Members, before: Members): void {
    const { fields, values } = shape
    for (const name in value) {
      const member = value[name]
      if (member === undefined) continue
      const expected = this.place?.token
      const isExpected = typeof expected === 'object' && expected.name === name
      const field = isExpected ? expected : fields.get(name)
      const inner = field === undefined ? values : field.shape
      if (inner === undefined) continue
      if (field === undefined) this.#takeKey(name)
      else this.#take(field)
      this.#beside(inner, before === noMembers ? undefined : memberOf(before, name), member)
      if (this.place === undefined) return
    }
  }

  /** A value where an empty object has `before`. */
  #beside(shape: Shape, before: unknown, value: unknown): void {
    if (before === undefined) return this.whole(shape, value)
    const parts = isEmpty(value) ? 'whole' : commonParts(partsOf(shape, before), partsOf(shape, value))
    if (parts !== 'members' && parts !== 'items') {
      if (sameJson(before, value)) this.#take(same)
      return
    }
    this.#take(begin)
    if (parts === 'members') this.members(shape, value as Members, (before ?? noMembers) as Members)
    else this.#items(shape, value as readonly unknown[])
    this.#take(end)
  }

  /** A value where an empty object has nothing. */
  whole(shape: Shape, value: unknown): void {
    if (typeof value !== 'object' || value === null) return
    if (isDivided(shape, value)) {
      this.#take(begin)
      this.members(shape, value, noMembers)
      this.#take(end)
    } else if (isKeyed(shape, value)) {
      this.#take(begin)
      this.#items(shape, value)
      this.#take(end)
    }
  }

  #items({ keys, items }: Shape, list: readonly unknown[]): void {
    for (const item of list) {
      if (keys.length === 0) this.#takeKey(item)
      else if (typeof item === 'object' && item !== null) {
        for (const key of keys) this.#takeKey((item as Members)[key])
      } else this.place = undefined
      if (this.place === undefined) return
      this.whole(items, item)
    }
  }

  #takeKey(key: unknown): void {
    if (
      typeof key === 'string'
        ? key.length > longestKey
        : key !== undefined && typeof key !== 'number' && typeof key !== 'boolean'
    ) {
      this.place = undefined
    } else this.#take(key as Token)
  }

  #take(token: Token): void {
    const { place } = this
    if (place === undefined) return
    if (++this.#steps > longestStructure) this.place = undefined
    else if (place.next === undefined) {
      place.token = token
      this.place = place.next = this.#makePlace()
    } else if (place.token === token) this.place = place.next
    else {
      place.others ??= new Map()
      let next = place.others.get(token)
      if (next === undefined) place.others.set(token, (next = this.#makePlace()))
      this.place = next
    }
  }

  #makePlace(): Structure {
    this.placesMade++
    return newPlace()
  }
}
