// From the schema that a user wrote to the one that everything here walks along.
import type { JSONSchemaProps, ValidationRule } from '#api/apiextensions/v1/jsonSchema.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import type { Schema, SchemaType } from '#machinery/schema/model.ts'
import { isKnownFormat } from './formats.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is taken over as it is. */
const same = [
  'maximum',
  'minimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'multipleOf',
  'maxProperties',
  'minProperties',
  'enum',
  'default',
] as const

/** What counts only when it is true. */
const flags = ['exclusiveMaximum', 'exclusiveMinimum', 'uniqueItems', 'nullable'] as const

/**
 * The schema of a custom object as the model has it. What structural schemas do not have (`$ref`, `definitions`, lists of
 * item schemas) is left out, and so are formats that nobody checks. Fields are in the order of their names.
 */
export function toSchema(props: JSONSchemaProps): Schema {
  const schema: Mutable<Schema> = {}
  if (props.type !== undefined && props.type !== '') schema.type = props.type as SchemaType
  if (props['x-kubernetes-int-or-string'] === true) schema.format = 'int-or-string'
  else if (props.format !== undefined && isKnownFormat(props.type, props.format)) schema.format = props.format
  for (const name of same) if (props[name] !== undefined) (schema as Record<string, unknown>)[name] = props[name]
  for (const name of flags) if (props[name] === true) schema[name] = true
  if (props.required !== undefined && props.required.length > 0) schema.required = props.required
  if (props.properties !== undefined && Object.keys(props.properties).length > 0) {
    const properties: Record<string, Schema> = {}
    for (const name of Object.keys(props.properties).toSorted()) {
      setOwn(properties, name, toSchema(props.properties[name]!))
    }
    schema.properties = properties
  }
  const { items, additionalProperties } = props
  if (items !== undefined && !Array.isArray(items)) schema.items = toSchema(items)
  if (additionalProperties !== undefined) {
    schema.additionalProperties =
      typeof additionalProperties === 'boolean' ? additionalProperties : toSchema(additionalProperties)
  }
  addJunctors(schema, props)
  addExtensions(schema, props)
  return schema
}

function addJunctors(schema: Mutable<Schema>, { allOf, anyOf, oneOf, not }: JSONSchemaProps): void {
  if (allOf !== undefined && allOf.length > 0) schema.allOf = allOf.map(toSchema)
  if (anyOf !== undefined && anyOf.length > 0) schema.anyOf = anyOf.map(toSchema)
  if (oneOf !== undefined && oneOf.length > 0) schema.oneOf = oneOf.map(toSchema)
  if (not !== undefined) schema.not = toSchema(not)
}

function addExtensions(schema: Mutable<Schema>, props: JSONSchemaProps): void {
  if (props['x-kubernetes-preserve-unknown-fields'] === true) schema.preserveUnknownFields = true
  if (props['x-kubernetes-embedded-resource'] === true) schema.embeddedResource = true
  const listType = props['x-kubernetes-list-type']
  if (listType !== undefined) schema.listType = listType as NonNullable<Schema['listType']>
  const keys = props['x-kubernetes-list-map-keys']
  if (keys !== undefined && keys.length > 0) schema.listMapKeys = keys
  const mapType = props['x-kubernetes-map-type']
  if (mapType !== undefined) schema.mapType = mapType as NonNullable<Schema['mapType']>
  const rules: readonly ValidationRule[] | undefined = props['x-kubernetes-validations']
  if (rules !== undefined && rules.length > 0) schema.rules = rules
}
