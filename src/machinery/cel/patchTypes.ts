/**
 * What expressions of mutating policies make: objects, `Object{spec: Object.spec{replicas: 1}}`, and operations of patches,
 * `JSONPatch{op: "add", path: "/spec/replicas", value: 1}`.
 */
import { declare, plain, type Library } from '#lib/cel/declarations.ts'
import type { ObjectTypes } from '#lib/cel/environment.ts'
import { dynType, stringType, structType, type Type } from '#lib/cel/types.ts'
import {
  Double,
  Duration,
  EvaluationError,
  ListValue,
  MapValue,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from '#lib/cel/values.ts'
import { formatDuration, formatTimestamp } from '#lib/cel/time.ts'
import { toBase64 } from '#lib/encoding/base64.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'

export const objectResult = structType('Object')
export const patchOperation = structType('JSONPatch')

const operationFields: Readonly<Record<string, Type>> = {
  op: stringType,
  path: stringType,
  from: stringType,
  value: dynType,
}

/** A value that was made with fields. */
export class MadeObject extends MapValue {
  readonly #type: Type
  readonly fields: ReadonlyMap<string, Value>

  constructor(type: Type, fields: ReadonlyMap<string, Value>) {
    super()
    this.#type = type
    this.fields = fields
  }

  override get type(): Type {
    return this.#type
  }

  get size(): number {
    return this.fields.size
  }

  get(key: Value): Value | undefined {
    return typeof key === 'string' ? this.fields.get(key) : undefined
  }

  keys(): readonly Value[] {
    return [...this.fields.keys()]
  }
}

/** Objects may have any field; the name of a field's own object type is the path to it. */
export const patchTypes: ObjectTypes = {
  find: (name) =>
    name === 'JSONPatch' || name === 'Object' || name.startsWith('Object.') ? structType(name) : undefined,
  field({ name }, field) {
    if (name === 'JSONPatch') return Object.hasOwn(operationFields, field) ? operationFields[field] : undefined
    return name === 'Object' || name.startsWith('Object.') ? dynType : undefined
  },
  construct: (type, fields) => new MadeObject(type, fields),
}

/** Whether the name of each object within an object is the path that leads to it; else, which is not. */
export function misplacedObject(object: MadeObject): string | undefined {
  for (const [field, value] of object.fields) {
    const found = misplacedBelow(value, `${object.type.name}.${field}`)
    if (found !== undefined) return found
  }
  return undefined
}

function misplacedBelow(value: Value, path: string): string | undefined {
  if (value instanceof MadeObject) {
    if (value.type.name !== path)
      return `unexpected type name ${JSON.stringify(value.type.name)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`
    return misplacedObject(value)
  }
  const parts =
    value instanceof ListValue
      ? [...value]
      : value instanceof MapValue
        ? value.keys().map((key) => value.get(key)!)
        : []
  for (const part of parts) {
    const found = misplacedBelow(part, path)
    if (found !== undefined) return found
  }
  return undefined
}

/** A value as JSON. Throws for what JSON cannot say. */
export function toJson(value: Value): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Double) return value.value
  if (value instanceof Uint) return Number(value.value)
  if (value instanceof Uint8Array) return toBase64(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Duration) return formatDuration(value)
  if (value instanceof ListValue) return [...value].map(toJson)
  if (value instanceof Optional && value.value !== undefined) return toJson(value.value)
  if (value instanceof MapValue) {
    const json: Record<string, unknown> = {}
    for (const key of value.keys()) {
      if (typeof key !== 'string') throw new EvaluationError('keys of objects must be strings')
      setOwn(json, key, toJson(value.get(key)!))
    }
    return json
  }
  throw new EvaluationError('the value cannot be written as JSON')
}

export const patchLibrary: Library = {
  name: 'jsonPatch',
  functions: [
    declare(
      'jsonpatch.escapeKey',
      plain('string_jsonpatch_escapeKey_string', [stringType], stringType, (key: string) =>
        key.replaceAll('~', '~0').replaceAll('/', '~1'),
      ),
    ),
  ],
}
