import { definitions } from './load.ts'
import type { GroupVersionKind, JsonObject, Schema } from './model.ts'
import { customDefinition } from './openapiCustom.ts'
import { metaPrefix, patchDefinition, versionDefinition, type ServedResource, type Words } from './openapiModel.ts'

/** Which of the two documents a schema is written for. */
export type Dialect = 'v2' | 'v3'

const extensionsPrefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.'

/** Formats that are types of their own in documents. */
const formatDefinitions: Readonly<Record<string, string>> = {
  time: `${metaPrefix}Time`,
  'micro-time': `${metaPrefix}MicroTime`,
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  'int-or-string': 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  raw: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  fields: `${metaPrefix}FieldsV1`,
  json: `${extensionsPrefix}JSON`,
  'or-list': `${extensionsPrefix}JSONSchemaPropsOrArray`,
  'or-boolean': `${extensionsPrefix}JSONSchemaPropsOrBool`,
  'or-texts': `${extensionsPrefix}JSONSchemaPropsOrStringArray`,
}

/** The types that exist in documents alone, as both dialects or each of them write them. */
function documentDefinition(name: string, dialect: Dialect): JsonObject | undefined {
  const either = (types: readonly string[], format?: string): JsonObject =>
    dialect === 'v2'
      ? { type: 'string', ...(format === undefined ? {} : { format }) }
      : { ...(format === undefined ? {} : { format }), oneOf: types.map((type) => ({ type })) }
  switch (name) {
    case formatDefinitions['time']:
      return { description: 'A moment in RFC 3339, to the second.', type: 'string', format: 'date-time' }
    case formatDefinitions['micro-time']:
      return { description: 'A moment in RFC 3339, to the microsecond.', type: 'string', format: 'date-time' }
    case formatDefinitions['quantity']:
      return {
        description: 'An amount with an optional suffix: `100m`, `2`, `1.5Gi`, `1e3`.',
        ...either(['string', 'number']),
      }
    case formatDefinitions['int-or-string']:
      return {
        description: 'A whole number, or text such as `25%`.',
        ...either(['integer', 'string'], 'int-or-string'),
      }
    case formatDefinitions['raw']:
      return { description: 'An object of any kind.', type: 'object' }
    case formatDefinitions['fields']:
      return { description: 'A set of fields, as a tree of their names.', type: 'object' }
    case formatDefinitions['json']:
      return { description: 'Any value of JSON.' }
    case formatDefinitions['or-list']:
      return { description: 'A schema, or a list of schemas.' }
    case formatDefinitions['or-boolean']:
      return { description: 'A schema, or whether anything goes.' }
    case formatDefinitions['or-texts']:
      return { description: 'A schema, or a list of texts.' }
    case patchDefinition:
      return { description: 'The changes to an object, in one of the forms that the media type names.', type: 'object' }
    case versionDefinition:
      return versionSchema
    default:
      return undefined
  }
}

const versionFields: Readonly<Record<string, string>> = {
  buildDate: 'When the server was built.',
  compiler: 'What compiled the server.',
  emulationMajor: 'The major version whose behaviour is emulated.',
  emulationMinor: 'The minor version whose behaviour is emulated.',
  gitCommit: 'The commit from which the server was built.',
  gitTreeState: '`clean` when nothing was changed beside that commit.',
  gitVersion: 'The whole version, such as `v1.34.0`.',
  goVersion: 'The version of the language.',
  major: 'The major version.',
  minCompatibilityMajor: 'The oldest major version with which the server can work.',
  minCompatibilityMinor: 'The oldest minor version with which the server can work.',
  minor: 'The minor version.',
  platform: 'Operating system and architecture, such as `linux/amd64`.',
}

const versionSchema: JsonObject = {
  description: 'How a server came to be and what it is compatible with.',
  type: 'object',
  required: [
    'major',
    'minor',
    'gitVersion',
    'gitCommit',
    'gitTreeState',
    'buildDate',
    'goVersion',
    'compiler',
    'platform',
  ],
  properties: Object.fromEntries(
    Object.entries(versionFields).map(([name, description]) => [name, { description, type: 'string' }]),
  ),
}

/** Writes schemas in one dialect and remembers which definitions they name. */
export class SchemaWriter {
  readonly #dialect: Dialect
  readonly #words: Words
  readonly #root: string
  readonly #named = new Set<string>()

  constructor(dialect: Dialect, words: Words) {
    this.#dialect = dialect
    this.#words = words
    this.#root = dialect === 'v2' ? '#/definitions/' : '#/components/schemas/'
  }

  /** A reference to a definition, which will then be among `definitions`. */
  reference(name: string): { $ref: string } {
    this.#named.add(name)
    return { $ref: this.#root + name }
  }

  /** All definitions named so far, and those that these name, by name. */
  definitions(served: readonly ServedResource[]): Record<string, JsonObject> {
    const written = new Map<string, JsonObject>()
    for (const name of this.#named) written.set(name, this.#definition(name, served))
    return Object.fromEntries([...written].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  #definition(name: string, served: readonly ServedResource[]): JsonObject {
    const special = documentDefinition(name, this.#dialect)
    if (special !== undefined) return special
    const custom = customDefinition(name, served, this.#dialect, this.#words, (other) => this.reference(other))
    if (custom !== undefined) return custom
    const schema = definitions().get(name)
    if (schema === undefined) throw new Error(`Cannot find definition "${name}"`)
    const { required, properties = {}, kind, mapType } = schema
    const description = this.#words.get(name)
    return {
      ...(description === undefined ? {} : { description }),
      type: 'object',
      ...(required === undefined || required.length === 0 ? {} : { required: [...required] }),
      ...(Object.keys(properties).length === 0 ? {} : { properties: this.#properties(name, properties) }),
      ...(kind === undefined ? {} : { 'x-kubernetes-group-version-kind': kindsOf(name, kind, served) }),
      ...(mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }),
    }
  }

  #properties(name: string, properties: Readonly<Record<string, Schema>>): JsonObject {
    const fields = Object.entries(properties).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(
      fields.map(([field, schema]) => {
        const description = this.#words.get(`${name} ${field}`)
        const isList = field === 'items' && schema.items?.kind !== undefined
        const written = isList ? this.#value(schema, false, false) : this.#field(schema)
        return [field, { ...(description === undefined ? {} : { description }), ...written }]
      }),
    )
  }

  /** The schema of a field: its type, and how it merges. */
  #field(schema: Schema): JsonObject {
    const merges = schema.mergeKey !== undefined
    const strategies = [
      ...(merges ? ['merge'] : []),
      ...(schema.retainKeys === true ? ['retainKeys'] : []),
      ...(schema.patchReplace === true ? ['replace'] : []),
    ]
    const isReference = schema.definition !== undefined || definitionOfFormat(schema) !== undefined
    return {
      ...this.#value(schema, schema.zero === 'fill' || schema.zero === 'drop', schema.zero === 'fill'),
      ...(schema.type === 'array' && !isReference ? { 'x-kubernetes-list-type': schema.listType ?? 'atomic' } : {}),
      ...(schema.listMapKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': [...schema.listMapKeys] }),
      ...(schema.mapType === undefined || isReference ? {} : { 'x-kubernetes-map-type': schema.mapType }),
      ...(merges && schema.mergeKey !== '' ? { 'x-kubernetes-patch-merge-key': schema.mergeKey } : {}),
      ...(strategies.length === 0 ? {} : { 'x-kubernetes-patch-strategy': strategies.join(',') }),
    }
  }

  /**
   * The type of a value. `isFilled`, `isFilledScalar`: whether absence means an empty struct, or the zero of a scalar;
   * both stand as defaults in v3, v2 has no defaults.
   */
  #value(schema: Schema, isFilled: boolean, isFilledScalar: boolean): JsonObject {
    const name = definitionOfFormat(schema) ?? schema.definition
    if (name !== undefined) {
      const hasDefault = schema.default !== undefined || (isFilled && schema.definition !== undefined)
      if (this.#dialect === 'v2') return this.reference(name)
      return hasDefault
        ? { default: schema.default ?? {}, allOf: [this.reference(name)] }
        : { allOf: [this.reference(name)] }
    }
    const { type, format, items, additionalProperties } = schema
    const zero = schema.default ?? (isFilledScalar ? zeroOf(schema) : undefined)
    return {
      ...(type === undefined ? {} : { type }),
      ...(format === undefined || type === 'object' || format === 'duration' ? {} : { format }),
      ...(schema.enum === undefined || schema.unlisted === true ? {} : { enum: schema.enum.toSorted() }),
      ...(zero === undefined || this.#dialect === 'v2' ? {} : { default: zero }),
      ...(items === undefined ? {} : { items: this.#item(items) }),
      ...(additionalProperties === undefined || additionalProperties === true
        ? {}
        : { additionalProperties: typeof additionalProperties === 'object' ? this.#item(additionalProperties) : {} }),
    }
  }

  /** An item of a list or the value of a map: never absent. */
  #item(schema: Schema): JsonObject {
    const ofFormat = definitionOfFormat(schema)
    if (ofFormat !== undefined) return this.reference(ofFormat)
    return this.#value(schema, true, true)
  }
}

function definitionOfFormat({ format }: Schema): string | undefined {
  return format === undefined ? undefined : formatDefinitions[format]
}

function zeroOf({ type }: Schema): string | number | boolean | undefined {
  return type === 'string' ? '' : type === 'boolean' ? false : type === 'integer' || type === 'number' ? 0 : undefined
}

/** Under which names a type travels: options of deletion and events of watches belong to every version of every group. */
function kindsOf(name: string, kind: GroupVersionKind, served: readonly ServedResource[]): GroupVersionKind[] {
  if (name !== `${metaPrefix}DeleteOptions` && name !== `${metaPrefix}WatchEvent`) return [kind]
  const versions = new Map<string, GroupVersionKind>([[`/${kind.version}`, kind]])
  for (const { kind: own, custom } of served) {
    if (custom !== undefined) continue
    versions.set(`${own.group}/${own.version}`, { group: own.group, version: own.version, kind: kind.kind })
  }
  return [...versions].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}
