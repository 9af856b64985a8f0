import type { CustomResourceDefinitionSpec } from '#api/apiextensions/v1/customResourceDefinition.ts'
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

/** The patterns of all schemas of a definition. */
export function patternsOf({ versions }: CustomResourceDefinitionSpec): ReadonlySet<string> {
  const found = new Set<string>()
  const collect = (schema: Props): void => {
    if (schema.pattern !== undefined && schema.pattern !== '') found.add(schema.pattern)
    for (const below of schemasBelow(schema)) collect(below)
  }
  for (const { schema } of versions) if (schema?.openAPIV3Schema !== undefined) collect(schema.openAPIV3Schema)
  return found
}
