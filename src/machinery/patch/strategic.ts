// Strategic merge patch: a merge patch that knows from the schema which lists merge by a key. Directives in the patch say
// more: `$patch` (replace, delete), `$retainKeys`, `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`.
import { schemaOfField, type Schema } from '#machinery/schema/model.ts'
import { isJsonObject, type Json, type JsonObject } from './merge.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'

/** Why a strategic merge patch does not apply. `badPatch` and `unprocessable` are the client's fault. */
export class StrategicPatchError extends Error {
  readonly fault: 'badPatch' | 'unprocessable' | 'other'

  constructor(fault: 'badPatch' | 'unprocessable' | 'other', message: string) {
    super(message)
    this.name = 'StrategicPatchError'
    this.fault = fault
  }
}

const directive = '$patch'
const retainKeys = '$retainKeys'
const deletePrefix = '$deleteFromPrimitiveList/'
const orderPrefix = '$setElementOrder/'

/**
 * The object with the patch merged in. Lists whose schema has a merge key merge item by item, others are replaced:
 *
 *     containers: [a, b]  +  [{ name: b, image: x }, { name: c }]  =  [a, b with image x, c]
 *
 * Unchanged parts are shared with the original; neither argument is changed.
 */
export function applyStrategicMergePatch(original: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  return mergeMap(original, patch, schema)
}

function mergeMap(original: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  if (Object.hasOwn(patch, directive)) return mapDirective(patch)
  const retained = Object.hasOwn(patch, retainKeys) ? checkRetainKeys(patch) : undefined
  const result: Record<string, Json> = { ...original }
  if (retained !== undefined) for (const key of Object.keys(result)) if (!retained.has(key)) delete result[key]

  const ordered = new Set<string>()
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix)) continue
    const field = key.slice(orderPrefix.length)
    ordered.add(field)
    const merged = mergeInOrder(result[field], patch[field], order, schemaOfField(schema, field))
    if (merged !== undefined) setOwn(result, field, merged)
  }

  for (const [key, value] of Object.entries(patch)) {
    if (key === retainKeys || key.startsWith(orderPrefix) || ordered.has(key)) continue
    if (key.startsWith(deletePrefix)) {
      const field = key.slice(deletePrefix.length)
      if (!Array.isArray(value)) throw new StrategicPatchError('badPatch', 'invalid patch format of primitive list')
      const list = result[field]
      const removed = new Set(value.map((each: Json) => JSON.stringify(each)))
      if (Array.isArray(list)) {
        setOwn(
          result,
          field,
          list.filter((item: Json) => !removed.has(JSON.stringify(item))),
        )
      }
      continue
    }
    if (value === null) {
      delete result[key]
      continue
    }
    const old = Object.hasOwn(result, key) ? result[key] : undefined
    setOwn(result, key, mergeValue(old, value, schemaOfField(schema, key)))
  }
  return result
}

function mergeValue(old: Json | undefined, value: Json, schema: Schema | undefined): Json {
  if (old === undefined || old === null) return withoutNulls(value)
  if (isJsonObject(old) && isJsonObject(value)) return mergeMap(old, value, schema)
  if (Array.isArray(old) && Array.isArray(value)) return mergeList(old, value, schema)
  return value
}

/** A part of the patch that has nothing to merge with: its nulls have nothing to remove. */
function withoutNulls(value: Json): Json {
  if (!isJsonObject(value)) return value
  const result: Record<string, Json> = {}
  for (const [key, each] of Object.entries(value)) if (each !== null) setOwn(result, key, withoutNulls(each))
  return result
}

function mapDirective(patch: JsonObject): JsonObject {
  const { [directive]: kind, ...rest } = patch
  if (kind === 'replace') return rest
  if (kind === 'delete') return {}
  throw unknownDirective(kind, patch)
}

function unknownDirective(kind: Json | undefined, patch: JsonObject): StrategicPatchError {
  return new StrategicPatchError('other', `unknown patch type: ${goText(kind ?? null)} in map: ${goText(patch)}`)
}

function checkRetainKeys(patch: JsonObject): ReadonlySet<string> {
  const list = patch[retainKeys]
  const bad = (): StrategicPatchError => new StrategicPatchError('badPatch', 'invalid patch format of retainKeys')
  if (!Array.isArray(list) || !list.every((key: Json) => typeof key === 'string')) throw bad()
  const keys = new Set<string>(list as string[])
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null && key !== retainKeys && !key.includes('/') && !keys.has(key)) throw bad()
  }
  return keys
}

function mergeList(old: readonly Json[], patch: readonly Json[], schema: Schema | undefined): Json {
  const mergeKey = schema?.mergeKey
  if (mergeKey === undefined || schema === undefined) return patch
  if (old.length === 0 && patch.length === 0) return old
  const sample = old[0] ?? patch[0]
  if (Array.isArray(sample)) throw new StrategicPatchError('unprocessable', 'lists of lists are not supported')
  if (mergeKey === '' || !isJsonObject(sample)) {
    const merged = uniqueScalars([...old, ...patch])
    return inOrder(merged, patch, old, (item) => item)
  }
  const keyOf = keyReader(mergeKey)
  const { items, kept, replaced } = listDirectives(old, patch, mergeKey)
  if (replaced) return items
  const merged = mergeItems(kept, items, schema, keyOf)
  return inOrder(merged, items, kept, keyOf)
}

function mergeItems(
  old: readonly Json[],
  patch: readonly JsonObject[],
  schema: Schema,
  keyOf: (item: Json) => Json,
): readonly Json[] {
  if (patch.length === 0) return old
  const merged = [...old]
  // Of equal items the first is merged. Looking for each in turn would take too long in long lists.
  const places = new Map(old.map((item, at) => [goText(keyOf(item)), at] as const).toReversed())
  for (const item of patch) {
    const key = goText(keyOf(item))
    const at = places.get(key)
    if (at === undefined) places.set(key, merged.push(withoutNulls(item)) - 1)
    else merged[at] = mergeMap(merged[at] as JsonObject, item, schema.items)
  }
  return merged
}

/** Takes the items that are orders out of a patch list and obeys them. */
function listDirectives(
  old: readonly Json[],
  patch: readonly Json[],
  mergeKey: string,
): { readonly items: readonly JsonObject[]; readonly kept: readonly Json[]; readonly replaced: boolean } {
  const items: JsonObject[] = []
  const deleted = new Set<string>()
  let replaced = false
  for (const item of patch) {
    if (!isJsonObject(item)) {
      throw new StrategicPatchError('other', `list element types are not identical: ${goText(patch)}`)
    }
    switch (item[directive]) {
      case undefined:
        items.push(item)
        break
      case 'delete':
        deleted.add(goText(keyReader(mergeKey)(item)))
        break
      case 'replace':
        replaced = true
        break
      case 'merge':
        throw new StrategicPatchError('other', 'merging list cannot yet be specified in the patch')
      default:
        throw unknownDirective(item[directive], item)
    }
  }
  const isKept = (item: Json): boolean => !deleted.has(goText((item as JsonObject)[mergeKey] ?? null))
  return { items, kept: deleted.size === 0 ? old : old.filter(isKept), replaced }
}

function keyReader(mergeKey: string): (item: Json) => Json {
  return (item) => {
    const key = isJsonObject(item) ? item[mergeKey] : undefined
    if (key === undefined) {
      throw new StrategicPatchError('other', `map: ${goText(item)} does not contain declared merge key: ${mergeKey}`)
    }
    return key
  }
}

/** Merges a list whose whole order the patch gives; undefined when there is no list at all. */
function mergeInOrder(
  old: Json | undefined,
  patch: Json | undefined,
  order: Json,
  schema: Schema | undefined,
): Json | undefined {
  if (!Array.isArray(order)) {
    throw new StrategicPatchError('badPatch', 'invalid patch format of setElementOrder list')
  }
  if (patch !== undefined && patch !== null && !Array.isArray(patch)) {
    throw new StrategicPatchError('badPatch', 'invalid patch format of setElementOrder list')
  }
  const mergeKey = schema?.mergeKey ?? ''
  const keyOf = mergeKey === '' ? (item: Json): Json => item : keyReader(mergeKey)
  if (Array.isArray(patch)) checkOrder(patch, order, keyOf)
  const oldList = Array.isArray(old) ? old : undefined
  if (oldList === undefined && !Array.isArray(patch)) return undefined
  let merged: Json
  if (!Array.isArray(patch)) merged = oldList!
  else if (oldList === undefined) merged = patch.filter((item: Json) => !isDeletion(item)).map(withoutNulls)
  else merged = mergeList(oldList, patch, schema)
  return inOrder(merged as readonly Json[], order, oldList ?? [], keyOf)
}

const isDeletion = (item: Json): boolean => isJsonObject(item) && item[directive] === 'delete'

/** What a patch list changes must be in the order list, in the same order. */
function checkOrder(patch: readonly Json[], order: readonly Json[], keyOf: (item: Json) => Json): void {
  const places = new Map(order.map((item, at) => [JSON.stringify(keyOf(item)), at] as const).toReversed())
  const positions = patch
    .filter((item) => !(isJsonObject(item) && Object.hasOwn(item, directive)))
    .map((item) => places.get(JSON.stringify(keyOf(item))) ?? -1)
  if (positions.some((position, index) => position < 0 || (index > 0 && position < positions[index - 1]!))) {
    throw new StrategicPatchError(
      'other',
      `The order in patch list:\n${goText(patch)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
    )
  }
}

/**
 * Puts the items that the patch speaks of in its order and weaves in the others, which keep their places relative to
 * them: an item that was in front of one of the patch's items stays in front of it.
 */
function inOrder(
  merged: readonly Json[],
  patchOrder: readonly Json[],
  serverOrder: readonly Json[],
  keyOf: (item: Json) => Json,
): Json[] {
  const positions = (list: readonly Json[]): ReadonlyMap<string, number> =>
    new Map(list.toReversed().map((item, index) => [goText(keyOf(item)), list.length - 1 - index]))
  const inPatch = positions(patchOrder)
  const onServer = positions(serverOrder)
  const place = (order: ReadonlyMap<string, number>, item: Json): number => order.get(goText(keyOf(item))) ?? -1
  const spoken = merged.filter((item) => place(inPatch, item) >= 0)
  const others = merged.filter((item) => place(inPatch, item) < 0)
  spoken.sort((a, b) => place(inPatch, a) - place(inPatch, b))
  others.sort((a, b) => place(onServer, a) - place(onServer, b))
  const result: Json[] = []
  let at = 0
  for (const item of spoken) {
    const own = place(onServer, item)
    while (own >= 0 && at < others.length && place(onServer, others[at]!) < own) result.push(others[at++]!)
    result.push(item)
  }
  return [...result, ...others.slice(at)]
}

function uniqueScalars(items: readonly Json[]): readonly Json[] {
  const seen = new Set<string>()
  return items.filter((item) => {
    const text = JSON.stringify(item)
    return !seen.has(text) && seen.add(text) !== undefined
  })
}

/** A value as Go's `%v` prints it, for messages: `map[name:a ports:[80 81]]`. */
export function goText(value: Json): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isJsonObject(value)) {
    return `map[${Object.keys(value)
      .sort()
      .map((key) => `${key}:${goText(value[key]!)}`)
      .join(' ')}]`
  }
  return String(value)
}
