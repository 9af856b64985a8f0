import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'

type Props = JSONSchemaProps

/** Every schema directly below a schema, wherever it stands. */
export function schemasBelow(schema: Props): Props[] {
  const { items, additionalProperties, additionalItems, not } = schema
  return [
    ...(items === undefined ? [] : Array.isArray(items) ? items : [items]),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(not === undefined ? [] : [not]),
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...Object.values(schema.definitions ?? {}),
    ...Object.values(schema.dependencies ?? {}).flatMap((each) => (Array.isArray(each) ? [] : [each])),
    ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
    ...(typeof additionalItems === 'object' ? [additionalItems] : []),
  ]
}

/** Whether a schema, or one within it, has a property. */
export function someSchema(schema: Props | undefined, has: (schema: Props) => boolean): boolean {
  if (schema === undefined) return false
  return has(schema) || schemasBelow(schema).some((below) => someSchema(below, has))
}
