// From any JSON value to an object of a known type: wrong types refused as Go's decoder would, unknown fields named,
// nulls and meaningless zeros removed, what Go always writes filled in, keys in the order of the schema. Two objects
// that mean the same therefore have the same text.
//
// Decoders are closures, compiled once per schema; they only notice that something is wrong. What exactly, explain.ts
// finds out by walking again.
import { setOwn } from '#lib/encoding/setOwn.ts'
import { areOwners } from '#machinery/patch/managedFields.ts'
import { canonicalQuantity } from '#machinery/quantity.ts'
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { explainMismatch } from './explain.ts'
import { canonicalBase64, canonicalDuration, canonicalMicroTime, canonicalTime, type Canonical } from './scalars.ts'

/** The object, and what strict reading would complain about: `unknown field "spec.foo"`. */
export type DecodedValue =
  | { readonly value: JsonObject; readonly complaints: readonly string[] }
  | { readonly problem: string }

/**
 * Reads a value as one of the schema's type. The result is a new object; free-form parts of it are shared with the
 * input. `problem` is the text of Go's decoder, such as
 * `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
 */
export function decodeValue(schema: Schema, input: unknown): DecodedValue {
  return decode(schema, input, { trouble: false, shares: false }, undefined)
}

/**
 * As `decodeValue`, but the result shares with the input whatever is as it should be already. The input is not changed.
 * `known` is another object of the type as this decoder gives it: parts that are the very ones that it has in the same
 * place are not looked at.
 */
export function decodeOwnValue(schema: Schema, input: unknown, known?: object): DecodedValue {
  return decode(schema, input, { trouble: false, shares: true }, known)
}

function decode(schema: Schema, input: unknown, state: State, known: object | undefined): DecodedValue {
  const value = decoderOf(schema)(input, state, known)
  if (!state.trouble && isObject(value)) return { value, complaints: none }
  const { problem, unknownFields } = explainMismatch(schema, input)
  if (problem !== undefined) return { problem }
  if (!isObject(value)) return { problem: 'json: cannot unmarshal null into an object' }
  return { value, complaints: unknownFields.map((path) => `unknown field "${path}"`) }
}

interface State {
  trouble: boolean
  /** Whether parts of the input may become parts of the result. */
  readonly shares: boolean
}

/** Gives undefined for what is the same as absent. `known` is what another object that was read has in the same place. */
type Decode = (value: unknown, state: State, known?: unknown) => unknown

const none: readonly string[] = []
const nothing: Readonly<JsonObject> = Object.freeze({})
const decoders = new WeakMap<Schema, Decode>()

function decoderOf(schema: Schema): Decode {
  let decode = decoders.get(schema)
  if (decode === undefined) decoders.set(schema, (decode = compile(schema)))
  return decode
}

function compile(schema: Schema): Decode {
  const special = schema.format === undefined ? undefined : formats[schema.format]
  if (special !== undefined) return special
  const simpler = schema.format === undefined ? undefined : variants[schema.format]
  if (simpler !== undefined) return compileVariant(schema, simpler)
  switch (schema.type) {
    case 'string':
      return decodeString
    case 'boolean':
      return decodeBoolean
    case 'integer':
      return schema.format === 'int32' ? decodeInt32 : decodeInt64
    case 'number':
      return decodeNumber
    case 'array':
      return compileList(schema.items ?? {})
    case 'object':
      if (schema.properties !== undefined) return compileStruct(schema.properties)
      return isObject(schema.additionalProperties)
        ? compileMap(schema.additionalProperties as Schema)
        : decodeFreeObject
    default:
      return decodeAny
  }
}

const absent = (value: unknown): boolean => value === undefined || value === null

function decodeString(value: unknown, state: State): unknown {
  if (typeof value === 'string') return value
  if (!absent(value)) state.trouble = true
  return undefined
}

function decodeBoolean(value: unknown, state: State): unknown {
  if (typeof value === 'boolean') return value
  if (!absent(value)) state.trouble = true
  return undefined
}

function decodeInt32(value: unknown, state: State): unknown {
  if (typeof value === 'number' && (value | 0) === value) return value === 0 ? 0 : value
  if (!absent(value)) state.trouble = true
  return undefined
}

function decodeInt64(value: unknown, state: State): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value === 0 ? 0 : value
  if (!absent(value)) state.trouble = true
  return undefined
}

function decodeNumber(value: unknown, state: State): unknown {
  if (typeof value === 'number') return value
  if (!absent(value)) state.trouble = true
  return undefined
}

function decodeAny(value: unknown): unknown {
  return absent(value) ? undefined : value
}

function decodeFreeObject(value: unknown, state: State): unknown {
  if (isObject(value)) return value
  if (!absent(value)) state.trouble = true
  return undefined
}

function decodeIntOrString(value: unknown, state: State): unknown {
  return typeof value === 'string' ? value : decodeInt32(value, state)
}

function decodeQuantity(value: unknown, state: State): unknown {
  return decodeCanonical(typeof value === 'number' ? String(value) : value, state, canonicalQuantity)
}

function decodeCanonical(value: unknown, state: State, canonical: (text: string) => Canonical): unknown {
  if (typeof value === 'string') {
    const text = canonical(value)
    if (typeof text === 'string') return text
  }
  if (!absent(value)) state.trouble = true
  return undefined
}

const formats: Readonly<Record<string, Decode | undefined>> = {
  'int-or-string': decodeIntOrString,
  quantity: decodeQuantity,
  byte: (value, state) => decodeCanonical(value, state, canonicalBase64),
  time: (value, state) => decodeCanonical(value, state, canonicalTime),
  'micro-time': (value, state) => decodeCanonical(value, state, canonicalMicroTime),
  duration: (value, state) => decodeCanonical(value, state, canonicalDuration),
  json: decodeAny,
  raw: decodeAny,
  fields: decodeAny,
}

/** How a value may be simpler than its type, by format; undefined: it is not. */
const variants: Readonly<Record<string, (schema: Schema, value: unknown) => Schema | undefined>> = {
  'or-list': (schema, value) => (Array.isArray(value) ? { type: 'array', items: plain(schema) } : undefined),
  'or-boolean': (_, value) => (typeof value === 'boolean' ? { type: 'boolean' } : undefined),
  'or-texts': (_, value) => (Array.isArray(value) ? texts : undefined),
}

const texts: Schema = { type: 'array', items: { type: 'string' } }

/** The type itself of a value that may also be simpler. */
function plain({ format: _, ...schema }: Schema): Schema {
  return schema
}

function compileVariant(schema: Schema, simpler: (schema: Schema, value: unknown) => Schema | undefined): Decode {
  let decode: Decode | undefined
  return (value, state, known) => {
    const other = simpler(schema, value)
    if (other !== undefined) return decoderOf(other)(value, state, known)
    return (decode ??= decoderOf(plain(schema)))(value, state, known)
  }
}

/** The type of entries that the server writes itself; what it wrote is as it should be and never changed. */
const ownEntry = 'io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry'

function compileList(items: Schema): Decode {
  let decode: Decode | undefined
  const mayBeOwn = items.definition === ownEntry
  return (value, state, known) => {
    if (!Array.isArray(value)) {
      if (!absent(value)) state.trouble = true
      return undefined
    }
    if (value === known || (mayBeOwn && areOwners(value))) return value
    decode ??= decoderOf(items)
    const before = Array.isArray(known) ? (known as readonly unknown[]) : none
    const list: unknown[] = []
    let isSame = state.shares
    for (const item of value) {
      const decoded = decode(item, state, before[list.length]) ?? zeroValue(items, state)
      if (decoded !== item) isSame = false
      list.push(decoded)
    }
    return isSame ? value : list
  }
}

function compileMap(values: Schema): Decode {
  let decode: Decode | undefined
  return (value, state, known) => {
    if (!isObject(value)) {
      if (!absent(value)) state.trouble = true
      return undefined
    }
    if (value === known) return value
    const before = isObject(known) ? known : nothing
    decode ??= decoderOf(values)
    const keys = Object.keys(value)
    let isSame = state.shares
    let previous = ''
    for (const key of keys) {
      if (key < previous) {
        keys.sort()
        isSame = false
        break
      }
      previous = key
    }
    const map: JsonObject = {}
    for (const key of keys) {
      const decoded = decode(value[key], state, before[key]) ?? zeroValue(values, state)
      if (decoded !== value[key]) isSame = false
      setOwn(map, key, decoded)
    }
    return isSame ? value : map
  }
}

interface Field {
  readonly name: string
  readonly schema: Schema
  readonly decode: Decode
  readonly drops: boolean
  /** Whether it is a list that is written as null when it is empty: upstream stores protobuf, which cannot tell them apart. */
  readonly isNullable: boolean
}

function compileStruct(properties: Readonly<Record<string, Schema>>): Decode {
  const positions = new Map(Object.keys(properties).map((name, i) => [name, i]))
  let fields: readonly Field[] | undefined
  /** Positions of the fields that are written even when they are absent. */
  let fills: readonly number[] = []
  /** By the place behind a field: the position that came there last. Objects of one kind mostly have the same fields. */
  const followers: number[] = []

  /** The position of a member that comes behind the one at `last`; undefined when the type has no such field. */
  const positionOf = (key: string, last: number): number | undefined => {
    const guess = followers[last + 1]
    if (guess !== undefined && fields![guess]!.name === key) return guess
    const position = positions.get(key)
    if (position !== undefined) followers[last + 1] = position
    return position
  }

  /** Members in any order: put in that of the schema as they come. The first `done` are in `begun` already. */
  const decodeUnordered = (
    value: JsonObject,
    state: State,
    before: Readonly<JsonObject>,
    begun: JsonObject,
    done: number,
  ): JsonObject => {
    const found: number[] = []
    const members: unknown[] = []
    let count = 0
    let last = -1
    for (const key in value) {
      const i = positionOf(key, last)
      if (i === undefined) state.trouble = true
      else {
        const member = count < done ? begun[key] : fields![i]!.decode(value[key], state, before[key])
        let at = found.length
        for (; at > 0 && found[at - 1]! > i; at--) {
          found[at] = found[at - 1]!
          members[at] = members[at - 1]
        }
        found[at] = i
        members[at] = member
        last = i
      }
      count++
    }
    const struct: JsonObject = {}
    let fill = 0
    for (let at = 0; at < found.length; at++) {
      const i = found[at]!
      for (; fill < fills.length && fills[fill]! < i; fill++) writeZero(struct, fields![fills[fill]!]!, state)
      const { name, drops } = fields![i]!
      let member = members[at]
      if (fills[fill] === i) {
        fill++
        member = filled(fields![i]!, member, state)
      } else if (drops && isZero(member)) continue
      if (member !== undefined) struct[name] = member
    }
    for (; fill < fills.length; fill++) writeZero(struct, fields![fills[fill]!]!, state)
    return struct
  }

  return (value, state, known) => {
    if (!isObject(value)) {
      if (!absent(value)) state.trouble = true
      return undefined
    }
    if (value === known) return value
    const before = isObject(known) ? known : nothing
    if (fields === undefined) {
      // At first use, because types contain themselves.
      fields = Object.entries(properties).map(([name, schema]) => ({
        name,
        schema,
        decode: decoderOf(schema),
        drops: schema.zero === 'drop',
        isNullable: schema.type === 'array' && schema.zero === 'fill' && schema.nullable === true,
      }))
      fills = fields.flatMap(({ schema }, i) => (schema.zero === 'fill' ? [i] : []))
    }
    // Programs mostly send members in the order of the schema: then they are written as they come. Types with dozens
    // of fields have few of them set, so what is absent should cost nothing.
    let struct: JsonObject | undefined = state.shares ? undefined : {}
    let last = -1
    let fill = 0
    let done = 0
    for (const key in value) {
      const i = positionOf(key, last)
      if (i === undefined) {
        state.trouble = true
        struct ??= firstMembers(value, done)
        done++
        continue
      }
      if (i <= last) return decodeUnordered(value, state, before, struct ?? value, done)
      last = i
      for (; fill < fills.length && fills[fill]! < i; fill++) {
        writeZero((struct ??= firstMembers(value, done)), fields[fills[fill]!]!, state)
      }
      const { name, decode, drops } = fields[i]!
      const given = value[key]
      let member = decode(given, state, before[name])
      if (fills[fill] === i) {
        fill++
        member = filled(fields[i]!, member, state)
      } else if (drops && isZero(member)) member = undefined
      if (member === undefined || member !== given) struct ??= firstMembers(value, done)
      if (struct !== undefined && member !== undefined) struct[name] = member
      done++
    }
    for (; fill < fills.length; fill++) {
      writeZero((struct ??= firstMembers(value, done)), fields[fills[fill]!]!, state)
    }
    return struct ?? value
  }
}

/** A new object with the first `count` members of another. */
function firstMembers(value: JsonObject, count: number): JsonObject {
  const first: JsonObject = {}
  for (const key in value) {
    if (count-- === 0) break
    first[key] = value[key]
  }
  return first
}

function writeZero(struct: JsonObject, field: Field, state: State): void {
  const zero = zeroOf(field, state)
  if (zero !== undefined) struct[field.name] = zero
}

/** What is written of a field that is always written. */
function filled(field: Field, member: unknown, state: State): unknown {
  if (member === undefined) return zeroOf(field, state)
  return field.isNullable && isZero(member) ? null : member
}

function zeroOf({ schema, decode }: Field, state: State): unknown {
  return schema.type === 'object' && schema.format === undefined ? decode({}, state) : zeroValue(schema, state)
}

function isZero(value: unknown): boolean {
  if (typeof value !== 'object') return value === '' || value === 0 || value === false || value === undefined
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}

/** What Go has in the place of a value that is absent. */
function zeroValue(schema: Schema, state: State): unknown {
  switch (schema.format) {
    case 'time':
    case 'micro-time':
    case 'raw':
    case 'fields':
      return null
    case 'quantity':
      return '0'
    case 'int-or-string':
      return 0
    case 'duration':
      return '0s'
  }
  switch (schema.type) {
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'integer':
    case 'number':
      return 0
    case 'array':
      return schema.nullable === true ? null : []
    case 'object':
      return decoderOf(schema)({}, state)
    default:
      return null
  }
}
