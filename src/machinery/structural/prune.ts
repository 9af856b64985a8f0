// What becomes of fields that a structural schema does not know, and of nulls where it wants values.
import { isObject, schemaOfField, type Schema } from '#machinery/schema/model.ts'

/**
 * Removes, in place, the fields that a structural schema does not know, and says where they were, in order
 * (`spec.items[0].bogus`). The schemas of built-in kinds prune while they decode; this is for custom resources.
 * `isWhole`: the value is a whole object, whose `apiVersion`, `kind` and `metadata` are no business of the schema.
 */
export function prune(schema: Schema, value: unknown, isWhole = true): string[] {
  const removed: string[] = []
  pruneValue(schema, value, [], isWhole, removed)
  return removed.sort()
}

/** What a whole object has beside what its schema says. */
const objectFields = new Set(['apiVersion', 'kind', 'metadata'])

/** Without a schema, as below a map whose values may be anything, everything with a name goes. */
function pruneValue(
  schema: Schema | undefined,
  value: unknown,
  path: (string | number)[],
  isWhole: boolean,
  removed: string[],
): void {
  const keepsUnknown = schema?.preserveUnknownFields === true
  if (Array.isArray(value)) {
    // Items of what is kept are looked into only where they have a schema.
    if (keepsUnknown && schema.items === undefined) return
    for (let i = 0; i < value.length; i++) {
      if (typeof value[i] !== 'object') continue
      path.push(i)
      pruneValue(schema?.items, value[i], path, false, removed)
      path.pop()
    }
    return
  }
  if (!isObject(value)) return
  const isObjectField = isWhole || schema?.embeddedResource === true
  for (const key of Object.keys(value)) {
    if (isObjectField && objectFields.has(key)) continue
    const isKnown =
      schema !== undefined &&
      (schema.additionalProperties !== undefined ||
        (schema.properties !== undefined && Object.hasOwn(schema.properties, key)))
    if (isKnown) {
      const member = value[key]
      if (typeof member !== 'object') continue
      path.push(key)
      pruneValue(schemaOfField(schema, key), member, path, false, removed)
      path.pop()
    } else if (!keepsUnknown) {
      delete value[key]
      removed.push(pathText([...path, key]))
    }
  }
}

/** Written only where something goes: most objects lose nothing. */
function pathText(path: readonly (string | number)[]): string {
  let text = ''
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`
  return text
}

/** Removes, in place, every null that stands where the schema wants a value and has no default for it. */
export function pruneNulls(schema: Schema | undefined, value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') pruneNulls(schema?.items, item)
  } else if (isObject(value)) {
    for (const key in value) {
      const member = value[key]
      if (typeof member !== 'object') continue
      const below = schemaOfField(schema, key)
      const isMeaningless = below !== undefined && below.nullable !== true && below.default === undefined
      if (member === null && isMeaningless) delete value[key]
      else pruneNulls(below, member)
    }
  }
}

/** Whether pruning and completing a value would leave it as it is. Says no where a closer look is needed. */
export function isSettled(schema: Schema | undefined, value: unknown, isWhole = true): boolean {
  const keepsUnknown = schema?.preserveUnknownFields === true
  if (Array.isArray(value)) {
    const items = schema?.items
    if (keepsUnknown && items === undefined) return true
    for (const item of value) {
      if (typeof item !== 'object') continue
      if (item === null ? items?.default !== undefined && items.nullable !== true : !isSettled(items, item, false)) {
        return false
      }
    }
    return true
  }
  if (!isObject(value)) return true
  const isObjectField = isWhole || schema?.embeddedResource === true
  const { properties, additionalProperties } = schema ?? {}
  for (const key in value) {
    const member = value[key]
    const below = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined
    if (isObjectField && objectFields.has(key)) {
      if (member === null || below?.properties !== undefined || below?.additionalProperties !== undefined) return false
      continue
    }
    if (below === undefined && additionalProperties === undefined && !keepsUnknown) return false
    if (typeof member !== 'object') continue
    const inner = below ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
    if (
      member === null ? inner !== undefined && inner.nullable !== true : !isSettledBelow(inner, member, keepsUnknown)
    ) {
      return false
    }
  }
  for (const name of namesWithDefaults(schema)) if (!Object.hasOwn(value, name)) return false
  return true
}

/** What is kept although nothing is known about it is not looked into. */
function isSettledBelow(schema: Schema | undefined, value: unknown, isKept: boolean): boolean {
  return (schema === undefined && isKept) || isSettled(schema, value, false)
}

const withDefaults = new WeakMap<Schema, readonly string[]>()
const none: readonly string[] = []

function namesWithDefaults(schema: Schema | undefined): readonly string[] {
  if (schema?.properties === undefined) return none
  let names = withDefaults.get(schema)
  if (names === undefined) {
    const { properties } = schema
    names = Object.keys(properties).filter((name) => properties[name]!.default !== undefined)
    withDefaults.set(schema, names)
  }
  return names
}
