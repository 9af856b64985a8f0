// The schemas of custom kinds in documents about the API, as both dialects write them: what a user described, with what
// every object has.
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { GroupVersionKind, JsonObject } from './model.ts'
import { metaPrefix, type CustomSchema, type ServedResource, type Words } from './openapiModel.ts'

type Props = JSONSchemaProps
type Dialect = 'v2' | 'v3'

/** The name of a custom kind's definition: the group backwards, the version, the kind. */
export function customDefinitionName({ group, version, kind }: GroupVersionKind): string {
  return `${group.split('.').toReversed().join('.')}.${version}.${kind}`
}

/** How a schema refers to a definition. */
type Refer = (name: string) => { $ref: string }

/** A definition of a custom kind, or of a list of its objects; undefined when the name is none of theirs. */
export function customDefinition(
  name: string,
  served: readonly ServedResource[],
  dialect: Dialect,
  words: Words,
  refer: Refer,
): JsonObject | undefined {
  const found = definitionsOf(served).get(name)
  if (found === undefined) return undefined
  const { kind, plural, custom } = found.resource
  const writer = new Writer(dialect, words, refer)
  return found.list === undefined ? writer.object(kind, custom!) : writer.list(kind, found.list, plural, custom!)
}

interface Found {
  readonly resource: ServedResource
  /** Set for the list of its objects. */
  readonly list: GroupVersionKind | undefined
}

const known = new WeakMap<readonly ServedResource[], ReadonlyMap<string, Found>>()

/** The definitions of all custom kinds and of their lists by name. */
function definitionsOf(served: readonly ServedResource[]): ReadonlyMap<string, Found> {
  let definitions = known.get(served)
  if (definitions === undefined) {
    const made = new Map<string, Found>()
    for (const resource of served) {
      if (resource.custom === undefined) continue
      const list = { ...resource.kind, kind: resource.custom.listKind }
      made.set(customDefinitionName(list), { resource, list })
      made.set(customDefinitionName(resource.kind), { resource, list: undefined })
    }
    known.set(served, (definitions = made))
  }
  return definitions
}

class Writer {
  readonly #dialect: Dialect
  readonly #words: Words
  readonly #refer: Refer

  constructor(dialect: Dialect, words: Words, refer: Refer) {
    this.#dialect = dialect
    this.#words = words
    this.#refer = refer
  }

  object(kind: GroupVersionKind, custom: CustomSchema): JsonObject {
    const { schema } = custom
    const keepsUnknown = custom.preservesUnknown || schema?.['x-kubernetes-preserve-unknown-fields'] === true
    const extensions = { 'x-kubernetes-group-version-kind': [kind], ...selectable(custom) }
    // kubectl takes the fields of a document of version 2 for all there are.
    if (schema === undefined || (this.#dialect === 'v2' && keepsUnknown)) return { type: 'object', ...extensions }
    const written = this.#write(schema)
    const properties = { ...(written['properties'] as JsonObject | undefined), ...this.#objectFields() }
    return { ...written, properties, ...extensions }
  }

  list(kind: GroupVersionKind, list: GroupVersionKind, plural: string, custom: CustomSchema): JsonObject {
    return {
      description: `${list.kind} is a list of ${kind.kind}`,
      type: 'object',
      required: ['items'],
      properties: {
        ...this.#typeFields(),
        items: {
          description: `List of ${plural}.`,
          type: 'array',
          items: this.#refer(customDefinitionName(kind)),
        },
        metadata: this.#reference(`${metaPrefix}ListMeta`, 'The revision that was read and where to continue.'),
      },
      'x-kubernetes-group-version-kind': [list],
      ...selectable(custom),
    }
  }

  #reference(name: string, description: string): JsonObject {
    const reference = this.#refer(name)
    return this.#dialect === 'v2' ? { description, ...reference } : { description, allOf: [reference] }
  }

  #typeFields(): JsonObject {
    // They mean the same in every kind.
    const field = (name: string): JsonObject => ({
      description: this.#words.get(`io.k8s.api.core.v1.ConfigMap ${name}`) ?? '',
      type: 'string',
    })
    return { apiVersion: field('apiVersion'), kind: field('kind') }
  }

  #objectFields(): JsonObject {
    const metadata = this.#reference(
      `${metaPrefix}ObjectMeta`,
      'Name, labels, owners and other data that every object has.',
    )
    return { ...this.#typeFields(), metadata }
  }

  #write(schema: Props): JsonObject {
    const plain = this.#dialect === 'v2' ? plainProps(schema) : unfolded(schema)
    const { properties, items, additionalProperties, allOf, anyOf, oneOf, not, ...rest } = plain
    const written: JsonObject = { ...rest }
    if (properties !== undefined) {
      const fields: JsonObject = {}
      for (const name of Object.keys(properties).toSorted()) setOwn(fields, name, this.#write(properties[name]!))
      written['properties'] = fields
    }
    if (items !== undefined && !Array.isArray(items)) written['items'] = this.#write(items)
    if (additionalProperties !== undefined) {
      written['additionalProperties'] =
        typeof additionalProperties === 'object' ? this.#write(additionalProperties) : additionalProperties
    }
    for (const [word, list] of Object.entries({ allOf, anyOf, oneOf })) {
      if (list !== undefined) written[word] = list.map((each) => this.#write(each))
    }
    if (not !== undefined) written['not'] = this.#write(not)
    return this.#isWhole(schema) ? this.#embedded(written) : written
  }

  #isWhole(schema: Props): boolean {
    const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true
    return schema['x-kubernetes-embedded-resource'] === true && !(this.#dialect === 'v2' && keepsUnknown)
  }

  /** An object within another has the fields of every object. */
  #embedded(written: JsonObject): JsonObject {
    const required = new Set([...((written['required'] as string[] | undefined) ?? []), 'kind', 'apiVersion'])
    const properties = { ...(written['properties'] as JsonObject | undefined), ...this.#objectFields() }
    return { ...written, properties, required: [...required] }
  }
}

function selectable({ selectableFields }: CustomSchema): JsonObject {
  if (selectableFields.length === 0) return {}
  return { 'x-kubernetes-selectable-fields': selectableFields.map((fieldPath) => ({ fieldPath })) }
}

const eitherType: Props[] = [{ type: 'integer' }, { type: 'string' }]

/** Says of a whole number or text that it is one of both types. */
function unfolded(schema: Props): Props {
  if (schema['x-kubernetes-int-or-string'] !== true) return schema
  if (sameJson(schema.anyOf, eitherType) || sameJson(schema.allOf?.[0]?.anyOf, eitherType)) return schema
  if (schema.anyOf === undefined) return { ...schema, anyOf: eitherType }
  return { ...schema, allOf: [{ anyOf: eitherType }, ...(schema.allOf ?? [])] }
}

/** What version 2 can say of a value: no junctors, no null; a value that may be anything has no type. */
function plainProps(schema: Props): Props {
  const { allOf: _, anyOf: __, oneOf: ___, not: ____, nullable, ...rest } = schema
  const plain: Props = rest
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true
  if (nullable === true || keepsUnknown) {
    delete plain.items
    delete plain.properties
  }
  const hasNoItems = plain.type === 'array' && plain.items === undefined
  if (nullable === true || hasNoItems || (keepsUnknown && plain.type === 'object')) delete plain.type
  const { additionalProperties } = plain
  const anyNull = typeof additionalProperties === 'object' && additionalProperties.nullable === true
  const required = anyNull
    ? []
    : (plain.required ?? []).filter((name) => {
        const properties = plain.properties ?? {}
        return !Object.hasOwn(properties, name) || properties[name]!.nullable !== true
      })
  if (required.length === 0) delete plain.required
  else plain.required = required
  return plain
}
