// What becomes of fields that a structural schema does not know, and of nulls where it wants values.
import { isObject, schemaOfField, type Schema } from '#machinery/schema/model.ts'

/**
 * Removes, in place, the fields that a structural schema does not know, and says where they were, in order
 * (`spec.items[0].bogus`). The schemas of built-in kinds prune while they decode; this is for custom resources.
 * `isWhole`: the value is a whole object, whose `apiVersion`, `kind` and `metadata` are no business of the schema.
 */
export function prune(schema: Schema, value: unknown, isWhole = true): string[] {
  const removed: string[] = []
  pruneValue(schema, value, '', isWhole, removed)
  return removed.sort()
}

/** What a whole object has beside what its schema says. */
const objectFields = new Set(['apiVersion', 'kind', 'metadata'])

/** Without a schema, as below a map whose values may be anything, everything with a name goes. */
function pruneValue(
  schema: Schema | undefined,
  value: unknown,
  path: string,
  isWhole: boolean,
  removed: string[],
): void {
  const keepsUnknown = schema?.preserveUnknownFields === true
  if (Array.isArray(value)) {
    // Items of what is kept are looked into only where they have a schema.
    if (keepsUnknown && schema.items === undefined) return
    for (const [i, item] of value.entries()) pruneValue(schema?.items, item, `${path}[${i}]`, false, removed)
    return
  }
  if (!isObject(value)) return
  const isObjectField = isWhole || schema?.embeddedResource === true
  for (const key of Object.keys(value)) {
    if (isObjectField && objectFields.has(key)) continue
    const below = path === '' ? key : `${path}.${key}`
    const isKnown =
      schema !== undefined &&
      (schema.additionalProperties !== undefined ||
        (schema.properties !== undefined && Object.hasOwn(schema.properties, key)))
    if (isKnown) pruneValue(schemaOfField(schema, key), value[key], below, false, removed)
    else if (!keepsUnknown) {
      delete value[key]
      removed.push(below)
    }
  }
}

/** Removes, in place, every null that stands where the schema wants a value and has no default for it. */
export function pruneNulls(schema: Schema | undefined, value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) pruneNulls(schema?.items, item)
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const below = schemaOfField(schema, key)
      const isMeaningless = below !== undefined && below.nullable !== true && below.default === undefined
      if (value[key] === null && isMeaningless) delete value[key]
      else pruneNulls(below, value[key])
    }
  }
}
