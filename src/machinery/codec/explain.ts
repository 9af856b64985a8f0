// Says why a value is not of a type, and which of its fields the type does not have. Slow and thorough: it runs only
// after the decoder noticed that something is wrong.
import { canonicalQuantity } from '#machinery/quantity.ts'
import { isObject, type Schema } from '#machinery/schema/model.ts'
import { canonicalBase64, canonicalDuration, canonicalMicroTime, canonicalTime, type Canonical } from './scalars.ts'

/** Strict reading complains about so many things and no more; Go's decoder stops at the same number. */
export const mostComplaints = 100

/** The first wrong type in the order of the value, and unknown fields by path. */
export interface Mismatch {
  readonly problem?: string
  readonly unknownFields: readonly string[]
}

/** Where the walk is: the path as users write it, and the struct and field names that Go's messages mention. */
interface Place {
  readonly path: string
  readonly struct: string
  readonly fields: string
}

/** Looks at a whole value. */
export function explainMismatch(schema: Schema, value: unknown): Mismatch {
  const found: { problem?: string; unknownFields: string[] } = { unknownFields: [] }
  walk(schema, value, { path: '', struct: '', fields: '' }, found)
  return found
}

function walk(
  schema: Schema,
  value: unknown,
  place: Place,
  found: { problem?: string; unknownFields: string[] },
): void {
  if (value === null || value === undefined) return
  const wrong = (text: string | undefined): void => {
    if (text !== undefined) found.problem ??= text
  }
  if (schema.format === 'or-boolean' && typeof value === 'boolean') return
  if (schema.format === 'or-list' && Array.isArray(value)) {
    for (const [i, item] of value.entries()) walk(schema, item, { ...place, path: `${place.path}[${i}]` }, found)
    return
  }
  if (schema.format === 'or-texts' && Array.isArray(value)) return walk(texts, value, place, found)
  const scalar = schema.format === undefined ? undefined : scalars[schema.format]
  if (scalar !== undefined) return wrong(scalar(schema, value, place))
  switch (schema.type) {
    case 'string':
      return wrong(typeof value === 'string' ? undefined : typeMismatch(schema, value, place))
    case 'boolean':
      return wrong(typeof value === 'boolean' ? undefined : typeMismatch(schema, value, place))
    case 'integer':
      return wrong(integerProblem(schema, value, place))
    case 'number':
      return wrong(typeof value === 'number' ? undefined : typeMismatch(schema, value, place))
    case 'array':
      if (!Array.isArray(value)) return wrong(typeMismatch(schema, value, place))
      for (const [i, item] of value.entries())
        walk(schema.items ?? {}, item, { ...place, path: `${place.path}[${i}]` }, found)
      return
    case 'object':
      if (!isObject(value)) return wrong(typeMismatch(schema, value, place))
      for (const [key, member] of Object.entries(value)) {
        const path = place.path === '' ? key : `${place.path}.${key}`
        if (schema.properties !== undefined) {
          const field = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined
          if (field === undefined) {
            if (found.unknownFields.length < mostComplaints) found.unknownFields.push(path)
          } else
            walk(
              field,
              member,
              { path, struct: shortName(schema), fields: place.fields === '' ? key : `${place.fields}.${key}` },
              found,
            )
        } else if (isObject(schema.additionalProperties)) {
          walk(schema.additionalProperties as Schema, member, { ...place, path }, found)
        }
      }
  }
}

const texts: Schema = { type: 'array', items: { type: 'string' } }

type Check = (schema: Schema, value: unknown, place: Place) => string | undefined

const canonical =
  (read: (text: string) => Canonical, whenOther: Check): Check =>
  (schema, value, place) => {
    if (typeof value !== 'string') return whenOther(schema, value, place)
    const text = read(value)
    return typeof text === 'string' ? undefined : text.problem
  }

/** Types that read their own text forget where they stand. */
const lostPlace: Check = (_, value) => `json: cannot unmarshal ${kindWord(value)} into Go value of type string`

const scalars: Readonly<Record<string, Check>> = {
  byte: canonical(canonicalBase64, (_, value, place) => message(kindWord(value), place, '[]uint8')),
  time: canonical(canonicalTime, lostPlace),
  'micro-time': canonical(canonicalMicroTime, lostPlace),
  duration: canonical(canonicalDuration, lostPlace),
  quantity: canonical(canonicalQuantity, (_, value) => {
    const text = canonicalQuantity(typeof value === 'number' ? String(value) : JSON.stringify(value))
    return typeof text === 'string' ? undefined : text.problem
  }),
  'int-or-string': (_, value) => {
    if (typeof value === 'string' || (typeof value === 'number' && (value | 0) === value)) return undefined
    const word = typeof value === 'number' ? `number ${value}` : kindWord(value)
    return `json: cannot unmarshal ${word} into Go value of type int32`
  },
  json: () => undefined,
  raw: () => undefined,
  fields: () => undefined,
}

/** What is wrong with a scalar that has a text of its own, such as a time, wherever it stands. */
export function scalarProblem(schema: Schema, value: unknown): string | undefined {
  return scalars[schema.format ?? '']?.(schema, value, { path: '', struct: '', fields: '' })
}

function integerProblem(schema: Schema, value: unknown, place: Place): string | undefined {
  if (typeof value !== 'number') return typeMismatch(schema, value, place)
  const fits = schema.format === 'int32' ? (value | 0) === value : Number.isSafeInteger(value)
  return fits ? undefined : message(`number ${value}`, place, goTypeOf(schema))
}

function typeMismatch(schema: Schema, value: unknown, place: Place): string {
  return message(kindWord(value), place, goTypeOf(schema))
}

function message(what: string, place: Place, goType: string): string {
  const into =
    place.fields === ''
      ? `Go value of type ${goType}`
      : `Go struct field ${place.struct}.${place.fields} of type ${goType}`
  return `json: cannot unmarshal ${what} into ${into}`
}

function kindWord(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

function shortName(schema: Schema): string {
  return schema.definition?.slice(schema.definition.lastIndexOf('.') + 1) ?? ''
}

/** How Go's messages call the type of a schema. */
export function goTypeOf(schema: Schema): string {
  if (schema.goType !== undefined) return schema.goType
  if (schema.definition !== undefined) return schema.definition.split('.').slice(-2).join('.')
  switch (schema.format) {
    case 'quantity':
      return 'resource.Quantity'
    case 'byte':
      return '[]uint8'
    case 'time':
      return 'v1.Time'
    case 'micro-time':
      return 'v1.MicroTime'
    case 'duration':
      return 'v1.Duration'
    case 'int-or-string':
      return 'intstr.IntOrString'
    case 'raw':
      return 'runtime.RawExtension'
    case 'fields':
      return 'v1.FieldsV1'
  }
  switch (schema.type) {
    case 'boolean':
      return 'bool'
    case 'integer':
      return schema.format ?? 'int64'
    case 'number':
      return 'float64'
    case 'array':
      return `[]${goTypeOf(schema.items ?? {})}`
    case 'object':
      return `map[string]${isObject(schema.additionalProperties) ? goTypeOf(schema.additionalProperties as Schema) : 'interface {}'}`
    case 'string':
      return 'string'
    default:
      return 'interface {}'
  }
}
