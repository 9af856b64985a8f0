import { sameJson } from '#lib/encoding/sameJson.ts'
import { isObject, schemaOfField, type Schema } from '#machinery/schema/model.ts'

/** A value and the one that it replaces, with the schema of both. */
export interface Correlation {
  readonly schema: Schema | undefined
  readonly value: unknown
  readonly old: unknown
}

/** The pair at a field or a map's key; undefined where there is no old value or no schema to compare by. */
export function correlateField({ schema, value, old }: Correlation, name: string): Correlation | undefined {
  if (!isObject(value) || !isObject(old) || !Object.hasOwn(value, name) || !Object.hasOwn(old, name)) return undefined
  const below = schemaOfField(schema, name)
  return below === undefined ? undefined : { schema: below, value: value[name], old: old[name] }
}

/** The pair of an item, which is found by its keys: only lists of type `map` tell which item was which. */
export function correlateItem({ schema, value, old }: Correlation, index: number): Correlation | undefined {
  if (schema?.listType !== 'map' || !Array.isArray(value) || !Array.isArray(old)) return undefined
  const item: unknown = value[index]
  const keys = schema.listMapKeys ?? []
  const before: unknown = itemsByKey(old, keys).get(keyText(item, keys))
  return before === undefined ? undefined : { schema: schema.items, value: item, old: before }
}

/** Made once for each list, which is looked through item by item. */
const indexes = new WeakMap<
  readonly unknown[],
  { readonly keys: readonly string[]; readonly map: Map<string, unknown> }
>()

function itemsByKey(list: readonly unknown[], keys: readonly string[]): ReadonlyMap<string, unknown> {
  const known = indexes.get(list)
  if (known !== undefined && sameJson(known.keys, keys)) return known.map
  const map = new Map<string, unknown>()
  for (const item of list) map.set(keyText(item, keys), item)
  indexes.set(list, { keys, map })
  return map
}

/** The keys of an item as text; absent ones differ from all values. */
export function keyText(item: unknown, keys: readonly string[]): string {
  if (!isObject(item)) return ''
  return JSON.stringify(keys.map((key) => (Object.hasOwn(item, key) ? [item[key]] : [])))
}
