/** Plain JSON as values, wrapped only where an expression looks. Whole numbers are ints; all others are doubles. */
import { Double, ListValue, MapValue, type Value } from './values.ts'

/** How a piece of JSON is read where it is not plain. */
export interface JsonReading {
  /** The value of a number. */
  number(json: number): Value
  /** The name of the member that an expression asks for by `key`. */
  nameOf(key: string): string
}

const plainReading: JsonReading = { number: intOrDouble, nameOf: (key) => key }

export function fromJson(json: unknown, reading: JsonReading = plainReading): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return json
    case 'number':
      return reading.number(json)
    case 'object':
      if (json === null) return null
      return Array.isArray(json) ? new JsonList(json, reading) : new JsonMap(json, reading)
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
  readonly #reading: JsonReading

  constructor(json: readonly unknown[], reading: JsonReading) {
    super()
    this.#json = json
    this.#reading = reading
  }

  get length(): number {
    return this.#json.length
  }

  at(index: number): Value {
    return fromJson(this.#json[index], this.#reading)
  }
}

class JsonMap extends MapValue {
  readonly #json: Readonly<Record<string, unknown>>
  readonly #reading: JsonReading

  constructor(json: object, reading: JsonReading) {
    super()
    this.#json = json as Readonly<Record<string, unknown>>
    this.#reading = reading
  }

  get size(): number {
    return Object.keys(this.#json).length
  }

  get(key: Value): Value | undefined {
    const json = this.#member(key)
    return json === undefined ? undefined : fromJson(json, this.#reading)
  }

  override has(key: Value): boolean {
    return this.#member(key) !== undefined
  }

  keys(): readonly Value[] {
    return Object.keys(this.#json)
  }

  #member(key: Value): unknown {
    if (typeof key !== 'string') return undefined
    const name = this.#reading.nameOf(key)
    return Object.hasOwn(this.#json, name) ? this.#json[name] : undefined
  }
}
