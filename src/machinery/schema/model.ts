// What the program knows about the shape of objects, as plain data: the generated schema of the built-in kinds and the
// structural schemas of custom resources are the same type, so everything that walks objects is written once.
// Here: the model alone. Reading the generated file is load.ts, walking an object is visit.ts.

export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'

/**
 * How a string, number or object is to be read, beyond its type:
 * - `int32`, `int64`, `double`: numbers
 * - `quantity`, `time`, `micro-time`, `duration`, `byte`: strings with a syntax (`byte` is base64)
 * - `int-or-string`: a whole number or a string
 * - `json`: any value; `or-list`, `or-boolean`, `or-texts`: the value itself, or something simpler in its place
 * - `raw`: any object with `apiVersion` and `kind` (RawExtension); `fields`: a managed field set (FieldsV1)
 * - any other word: a format of a custom resource's schema, such as `ipv4` or `uuid`
 */
export type SchemaFormat =
  | 'int32'
  | 'int64'
  | 'double'
  | 'quantity'
  | 'time'
  | 'micro-time'
  | 'duration'
  | 'byte'
  | 'int-or-string'
  | 'json'
  | 'or-list'
  | 'or-boolean'
  | 'or-texts'
  | 'raw'
  | 'fields'
  | (string & {})

/**
 * What happens to the zero value (`""`, `0`, `false`, an empty list or map) of an optional field:
 * - `keep`: it is a value of its own; only absence is absence (a pointer upstream)
 * - `drop`: it is the same as absence and is never stored
 * - `fill`: absence is stored as the zero value
 */
export type ZeroRule = 'keep' | 'drop' | 'fill'

/**
 * The schema of one value. References are resolved: a field of type PodSpec *is* an object schema here, whose
 * `definition` says `io.k8s.api.core.v1.PodSpec`. Recursive types make the graph cyclic, so never walk it
 * without an object to walk along.
 */
export interface Schema {
  /** Absent: any JSON value. */
  readonly type?: SchemaType
  /** The OpenAPI name of the named type this is an instance of, such as `io.k8s.api.core.v1.PodSpec`. */
  readonly definition?: string
  /** Set on types that travel alone: what they carry as apiVersion and kind. */
  readonly kind?: GroupVersionKind
  readonly format?: SchemaFormat
  readonly description?: string

  /** Fields in the order in which they are written. */
  readonly properties?: Readonly<Record<string, Schema>>
  /** What every value of a map is; `true`: anything. An object without properties and without this is free-form. */
  readonly additionalProperties?: Schema | boolean
  /** What every item of a list is. */
  readonly items?: Schema
  /** Fields that must be there. */
  readonly required?: readonly string[]

  readonly enum?: readonly unknown[]
  /** The values of `enum` do not stand in published schemas: Kubernetes publishes those of some types only (`+enum`). */
  readonly unlisted?: boolean
  /** Filled in where the field is absent and the struct around it is present. */
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly multipleOf?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly uniqueItems?: boolean
  /** In RE2 syntax; never give it to RegExp unchecked. */
  readonly pattern?: string
  /** `null` is a value. Of lists of built-in kinds with `zero: 'fill'`: the empty one. */
  readonly nullable?: boolean
  /** May be set once and then only stay as it is. */
  readonly immutable?: boolean

  /** How lists merge and who may own items. Absent means atomic. */
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
  /** How objects merge. Absent means field by field. */
  readonly mapType?: 'atomic' | 'granular'
  /** Strategic merge patch: lists merge by this field instead of being replaced; `''`: merge as a set of scalars. */
  readonly mergeKey?: string
  /** Strategic merge patch drops fields that the patch does not mention when it selects another member of a union. */
  readonly retainKeys?: boolean
  /** Strategic merge patch replaces the whole object instead of merging field by field. */
  readonly patchReplace?: boolean

  /** Fields that the schema does not know are kept (custom resources, `raw`). */
  readonly preserveUnknownFields?: boolean
  /** The value is a whole object with apiVersion, kind and metadata (custom resources). */
  readonly embeddedResource?: boolean
  /** Custom resources: rules over the value; built-in kinds have none. */
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly not?: Schema
  readonly rules?: readonly ValidationRule[]

  readonly zero?: ZeroRule
  /** The path of protobuf field numbers: `[3]`, or `[2, 1]` for a field inside an embedded message. */
  readonly wire?: readonly number[]
  /** How messages about wrong types call the field's type, such as `*int32`'s `int32` or `map[string]string`. */
  readonly goType?: string
}

/** One CEL rule of a custom resource's schema (`x-kubernetes-validations`). */
export interface ValidationRule {
  readonly rule: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}

/** Names one kind on the wire. */
export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** Any JSON object. */
export type JsonObject = { [key: string]: unknown }

/** Whether a value is a JSON object: not null, not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The schema below a field name: a property, or the value of a map; undefined where the schema knows none. */
export function schemaOfField(schema: Schema | undefined, name: string): Schema | undefined {
  if (schema === undefined) return undefined
  const properties = schema.properties
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name]
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

/** The schema along a path of field names and list positions; undefined where the schema ends. */
export function schemaAt(schema: Schema | undefined, path: readonly (string | number)[]): Schema | undefined {
  let at = schema
  for (const step of path) at = typeof step === 'number' ? at?.items : schemaOfField(at, step)
  return at
}
