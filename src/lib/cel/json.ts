/** Plain JSON as values, wrapped only where an expression looks. Whole numbers are ints; all others are doubles. */
import { Double, ListValue, MapValue, type Value } from './values.ts'

export function fromJson(json: unknown): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return json
    case 'number':
      return intOrDouble(json)
    case 'object':
      if (json === null) return null
      return Array.isArray(json) ? new JsonList(json) : new JsonMap(json as Readonly<Record<string, unknown>>)
    default:
      return null
  }
}

export function intOrDouble(json: number): Value {
  if (Number.isSafeInteger(json)) return json
  return Number.isInteger(json) && Math.abs(json) < 2 ** 63 ? BigInt(json) : new Double(json)
}

class JsonList extends ListValue {
  readonly #json: readonly unknown[]

  constructor(json: readonly unknown[]) {
    super()
    this.#json = json
  }

  get length(): number {
    return this.#json.length
  }

  at(index: number): Value {
    return fromJson(this.#json[index])
  }
}

class JsonMap extends MapValue {
  readonly #json: Readonly<Record<string, unknown>>

  constructor(json: Readonly<Record<string, unknown>>) {
    super()
    this.#json = json
  }

  get size(): number {
    return Object.keys(this.#json).length
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.#json, key)) return undefined
    const json = this.#json[key]
    return json === undefined ? undefined : fromJson(json)
  }

  override has(key: Value): boolean {
    return typeof key === 'string' && Object.hasOwn(this.#json, key) && this.#json[key] !== undefined
  }

  keys(): readonly Value[] {
    return Object.keys(this.#json)
  }
}
