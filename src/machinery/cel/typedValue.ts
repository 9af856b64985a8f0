/** JSON that a schema describes, as values of the language. Nothing is converted before an expression reads it. */
import { parseDuration, parseTimestamp } from '#lib/cel/time.ts'
import { Double, equals, EvaluationError, List, ListValue, MapValue, type Value } from '#lib/cel/values.ts'
import { fromBase64 } from '#lib/encoding/base64.ts'
import { fromJson, intOrDouble } from '#lib/cel/json.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'
import type { DeclaredField, DeclaredType } from './declaredType.ts'

export function typedValue(declared: DeclaredType, json: unknown): Value {
  if (json === null) {
    if (declared.schema.nullable === true) return null
    throw new EvaluationError('invalid data, got null for schema with nullable=false')
  }
  switch (declared.type.kind) {
    case 'string':
    case 'bool':
      if (typeof json === (declared.type.kind === 'bool' ? 'boolean' : 'string')) return json as string | boolean
      break
    case 'int':
      if (typeof json === 'number' && Number.isInteger(json)) return intOrDouble(json)
      break
    case 'double':
      if (typeof json === 'number') return new Double(json)
      break
    case 'bytes':
    case 'duration':
    case 'timestamp':
      if (typeof json === 'string') return formatted(declared, json)
      break
    case 'list':
      if (Array.isArray(json)) return typedList(declared, json)
      break
    case 'map':
      if (isObject(json)) return new TypedMap(declared, json)
      break
    case 'struct':
      if (isObject(json)) return new TypedObject(declared, json)
      break
    default:
      return fromJson(json)
  }
  throw new EvaluationError(
    `invalid data, expected ${declared.schema.type ?? declared.type.name}, got ${shownType(json)}`,
  )
}

const shownType = (json: unknown): string => (Array.isArray(json) ? 'array' : typeof json)

function formatted({ format }: DeclaredType, text: string): Value {
  if (format === 'byte') {
    try {
      return fromBase64(text)
    } catch {
      throw new EvaluationError(`Invalid byte formatted string ${text}`)
    }
  }
  const value =
    format === 'duration' ? parseDuration(text) : parseTimestamp(format === 'date' ? `${text}T00:00:00Z` : text)
  if (value === undefined) throw new EvaluationError(`Invalid ${format} formatted string ${text}`)
  return value
}

class TypedMap extends MapValue {
  readonly #element: DeclaredType
  readonly #json: JsonObject

  constructor(declared: DeclaredType, json: JsonObject) {
    super()
    this.#element = declared.element!
    this.#json = json
  }

  get size(): number {
    return Object.keys(this.#json).length
  }

  get(key: Value): Value | undefined {
    return this.has(key) ? typedValue(this.#element, this.#json[key as string]) : undefined
  }

  override has(key: Value): boolean {
    return typeof key === 'string' && Object.hasOwn(this.#json, key) && this.#json[key] !== undefined
  }

  keys(): readonly Value[] {
    return Object.keys(this.#json)
  }
}

class TypedObject extends MapValue {
  readonly declared: DeclaredType
  readonly #json: JsonObject
  /**
   * What was looked for last, and what was found: expressions ask whether a field is there and then read it, often more
   * than once.
   */
  #key: string | undefined
  #field: DeclaredField | undefined
  #found: unknown
  #value: Value | undefined

  constructor(declared: DeclaredType, json: JsonObject) {
    super()
    this.declared = declared
    this.#json = json
  }

  override get type(): DeclaredType['type'] {
    return this.declared.type
  }

  get size(): number {
    return this.keys().length
  }

  get(key: Value): Value | undefined {
    if (!this.has(key)) return undefined
    return (this.#value ??= typedValue(this.#field!.declared, this.#found))
  }

  override has(key: Value): boolean {
    if (typeof key !== 'string') return false
    if (key !== this.#key) {
      this.#key = key
      this.#value = undefined
      this.#field = this.declared.fields!.get(key)
      this.#found = this.#field === undefined ? undefined : ownMember(this.#json, this.#field.name)
    }
    return this.#found !== undefined
  }

  keys(): readonly Value[] {
    const names: string[] = []
    for (const [escaped, { name }] of this.declared.fields!) {
      if (Object.hasOwn(this.#json, name) && !(escaped === name && this.declared.fields!.has(`__${name}__`)))
        names.push(escaped)
    }
    return names
  }
}

/** A member of JSON itself: what all objects inherit are functions, and `__proto__`. */
function ownMember(json: JsonObject, name: string): unknown {
  const found = json[name]
  return typeof found === 'function' || (name === '__proto__' && !Object.hasOwn(json, name)) ? undefined : found
}

function typedList(declared: DeclaredType, json: readonly unknown[]): ListValue {
  switch (declared.schema.listType) {
    case 'set':
      return new SetList(declared, json)
    case 'map':
      return new KeyedList(declared, json)
    default:
      return new TypedList(declared, json)
  }
}

class TypedList extends ListValue {
  readonly declared: DeclaredType
  readonly json: readonly unknown[]

  constructor(declared: DeclaredType, json: readonly unknown[]) {
    super()
    this.declared = declared
    this.json = json
  }

  get length(): number {
    return this.json.length
  }

  at(index: number): Value {
    return typedValue(this.declared.element!, this.json[index])
  }
}

/** Its order does not matter, and what is in it is not added again. */
class SetList extends TypedList {
  override equals(other: ListValue): boolean {
    if (this.length !== other.length) return false
    const theirs = [...other]
    return [...this].every((each) => theirs.some((one) => equals(each, one)))
  }

  override concat(other: ListValue): ListValue {
    const mine = [...this]
    return new List([...mine, ...[...other].filter((each) => !mine.some((one) => equals(each, one)))])
  }
}

/** Items are known by their keys: their order does not matter, and one added in place of another replaces it. */
class KeyedList extends TypedList {
  override equals(other: ListValue): boolean {
    if (this.length !== other.length) return false
    const theirs = this.#byKey(other)
    return [...this].every((each) => {
      const one = theirs.get(this.#keyOf(each))
      return one !== undefined && equals(each, one)
    })
  }

  override concat(other: ListValue): ListValue {
    const added = this.#byKey(other)
    const kept = [...this].map((each) => {
      const key = this.#keyOf(each)
      const one = added.get(key)
      added.delete(key)
      return one ?? each
    })
    return new List([...kept, ...added.values()])
  }

  #byKey(list: ListValue): Map<string, Value> {
    return new Map([...list].map((each) => [this.#keyOf(each), each]))
  }

  #keyOf(item: Value): string {
    const keys = this.declared.schema.listMapKeys ?? []
    return JSON.stringify(keys.map((key) => (item instanceof MapValue ? String(item.get(key)) : '')))
  }
}
