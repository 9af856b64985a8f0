import { isObject, schemaOfField, type Schema } from './schema/model.ts'

/**
 * Removes, in place, the fields that a structural schema does not know, and says where they were
 * (`spec.items[0].bogus`). The schemas of built-in kinds prune while they decode; this is for custom resources.
 */
export function prune(schema: Schema, value: unknown): string[] {
  const removed: string[] = []
  pruneValue(schema, value, '', true, removed)
  return removed
}

/** What a whole object has beside what its schema says. */
const objectFields = new Set(['apiVersion', 'kind', 'metadata'])

function pruneValue(schema: Schema, value: unknown, path: string, isRoot: boolean, removed: string[]): void {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return
    for (const [i, item] of value.entries()) pruneValue(schema.items, item, `${path}[${i}]`, false, removed)
    return
  }
  if (!isObject(value)) return
  const isWhole = isRoot || schema.embeddedResource === true
  for (const key of Object.keys(value)) {
    if (isWhole && objectFields.has(key)) continue
    const below = path === '' ? key : `${path}.${key}`
    const child = schemaOfField(schema, key)
    if (child !== undefined) pruneValue(child, value[key], below, false, removed)
    else if (!keepsUnknown(schema)) {
      delete value[key]
      removed.push(below)
    }
  }
}

function keepsUnknown(schema: Schema): boolean {
  return schema.preserveUnknownFields === true || schema.additionalProperties === true
}
