/**
 * Values of the Common Expression Language, as JavaScript has them where it can:
 *
 *     null, bool, string    null, boolean, string
 *     int                   number while it is exact, bigint beyond ±(2^53 - 1); never a bigint below
 *     bytes                 Uint8Array
 *     uint, double          Uint, Double: rare, and not to be taken for an int
 *     list, map             ListValue, MapValue, which may read lazily from something else
 *     all else              Duration, Timestamp, Optional, TypeValue and classes that extend OpaqueValue
 */
import { codePointLength } from './text.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  optionalType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type Type,
} from './types.ts'

export type Int = number | bigint

export type Value =
  | null
  | boolean
  | Int
  | string
  | Uint8Array
  | Uint
  | Double
  | Duration
  | Timestamp
  | ListValue
  | MapValue
  | Optional
  | TypeValue
  | OpaqueValue

/** What went wrong in an evaluation. Thrown, and absorbed by `||`, `&&` and the macros made of them. */
export class EvaluationError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

export const noSuchOverload = (): EvaluationError => new EvaluationError('no such overload')

export class Uint {
  readonly value: bigint

  constructor(value: bigint) {
    this.value = value
  }
}

export class Double {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

export abstract class ListValue {
  abstract readonly length: number
  /** The element at an index that is known to be in the list. */
  abstract at(index: number): Value

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }

  equals(other: ListValue): boolean {
    if (this.length !== other.length) return false
    for (let index = 0; index < this.length; index++) {
      if (!equals(this.at(index), other.at(index))) return false
    }
    return true
  }

  concat(other: ListValue): ListValue {
    return new List([...this, ...other])
  }
}

export class List extends ListValue {
  readonly items: readonly Value[]

  constructor(items: readonly Value[]) {
    super()
    this.items = items
  }

  get length(): number {
    return this.items.length
  }

  at(index: number): Value {
    return this.items[index]!
  }

  override [Symbol.iterator](): IterableIterator<Value> {
    return this.items[Symbol.iterator]()
  }
}

export abstract class MapValue {
  abstract readonly size: number
  /** The type that `type()` answers and functions are chosen by. */
  get type(): Type {
    return anyMapType
  }
  abstract get(key: Value): Value | undefined
  abstract keys(): readonly Value[]

  /** Whether `has()` finds the field. */
  has(key: Value): boolean {
    return this.get(key) !== undefined
  }

  equals(other: MapValue): boolean {
    if (this.size !== other.size) return false
    return this.keys().every((key) => {
      const theirs = other.get(key)
      return theirs !== undefined && equals(this.get(key)!, theirs)
    })
  }
}

const anyMapType = mapType(dynType, dynType)
const anyListType = listType(dynType)
const anyOptionalType = optionalType(dynType)

/** A map made by an expression. Keys that are equal numbers are one key, whatever their types. */
export class MapOfEntries extends MapValue {
  readonly #entries = new Map<unknown, { readonly key: Value; readonly value: Value }>()

  /** Adds an entry; false when the key is there already. */
  add(key: Value, value: Value): boolean {
    const index = keyIndex(key)
    if (index === undefined) throw new EvaluationError(`unsupported key type: ${typeOf(key).name}`)
    if (this.#entries.has(index)) return false
    this.#entries.set(index, { key, value })
    return true
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(keyIndex(key))?.value
  }

  keys(): readonly Value[] {
    return [...this.#entries.values()].map((entry) => entry.key)
  }
}

/** Equal keys have the same index; values that cannot be keys have none. */
function keyIndex(key: Value): unknown {
  if (typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean') return key
  if (typeof key === 'bigint') return key
  if (key instanceof Uint) return smallest(key.value)
  if (key instanceof Double && Number.isInteger(key.value)) return smallest(BigInt(key.value))
  return undefined
}

/** A whole number in the one form that an int has. */
export function smallest(value: bigint): Int {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
}

export class Optional {
  readonly value: Value | undefined

  constructor(value: Value | undefined) {
    this.value = value
  }

  static readonly none = new Optional(undefined)
}

/** A type as a value: what `type(x)` and the names of types give. */
export class TypeValue {
  readonly type: Type

  constructor(type: Type) {
    this.type = type
  }
}

/** A value that only functions can look into. */
export abstract class OpaqueValue {
  abstract readonly type: Type
  abstract equals(other: OpaqueValue): boolean

  /** What `size` counts for costs; 1 unless the value has a size. */
  get costSize(): number {
    return 1
  }
}

/** A span of time, within the 292 years that 64 bits of nanoseconds hold. */
export class Duration {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

/** A moment between the years 1 and 9999. */
export class Timestamp {
  /** Since 1970, rounded down. */
  readonly seconds: number
  /** From 0 to 999,999,999. */
  readonly nanos: number

  constructor(seconds: number, nanos: number) {
    this.seconds = seconds
    this.nanos = nanos
  }
}

export function typeOf(value: Value): Type {
  switch (typeof value) {
    case 'string':
      return stringType
    case 'number':
    case 'bigint':
      return intType
    case 'boolean':
      return boolType
    default:
  }
  if (value === null) return nullType
  if (value instanceof ListValue) return anyListType
  if (value instanceof MapValue) return value.type
  if (value instanceof Double) return doubleType
  if (value instanceof Uint) return uintType
  if (value instanceof Uint8Array) return bytesType
  if (value instanceof Optional) return anyOptionalType
  if (value instanceof TypeValue) return typeType(dynType)
  if (value instanceof OpaqueValue) return value.type
  return value instanceof Duration ? durationType : timestampType
}

export function equals(a: Value, b: Value): boolean {
  if (a === b) return true
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return false
  if (isNumeric(a)) return isNumeric(b) && compareNumbers(a, b) === 0
  if (a instanceof ListValue) return b instanceof ListValue && a.equals(b)
  if (a instanceof MapValue) return b instanceof MapValue && a.equals(b)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false
    if (a.value === undefined || b.value === undefined) return a.value === b.value
    return equals(a.value, b.value)
  }
  if (a instanceof TypeValue) return b instanceof TypeValue && a.type.name === b.type.name
  if (a instanceof OpaqueValue) return b instanceof OpaqueValue && a.type.name === b.type.name && a.equals(b)
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos
  if (a instanceof Timestamp) return b instanceof Timestamp && a.seconds === b.seconds && a.nanos === b.nanos
  return false
}

export type Numeric = Int | Uint | Double

export function isNumeric(value: unknown): value is Numeric {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Double || value instanceof Uint
}

/** Below, at or above zero; NaN when one of them is. */
export function compareNumbers(a: Numeric, b: Numeric): number {
  let x = a instanceof Double || a instanceof Uint ? a.value : a
  let y = b instanceof Double || b instanceof Uint ? b.value : b
  // As in cel-go, whole numbers lose what a double cannot hold when they meet one.
  if (a instanceof Double) y = Number(y)
  else if (b instanceof Double) x = Number(x)
  return x < y ? -1 : x > y ? 1 : Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : 0
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!
  }
  return a.length - b.length
}

/** What `size()` would answer, and 1 for what has no size. Costs are counted in it. */
export function costSize(value: Value): number {
  if (typeof value === 'string') return codePointLength(value)
  if (typeof value !== 'object' || value === null) return 1
  if (value instanceof ListValue || value instanceof Uint8Array) return value.length
  if (value instanceof MapValue) return value.size
  if (value instanceof Optional) return value.value === undefined ? 1 : costSize(value.value)
  return value instanceof OpaqueValue ? value.costSize : 1
}
