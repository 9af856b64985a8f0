import { isObject, schemaOfField, type Schema } from '#machinery/schema/model.ts'
import type { Report } from '#machinery/validate/report.ts'
import { keyText } from './correlate.ts'

/** Reports items of sets that stand twice, and items of map lists that have the same keys. */
export function reportLists(schema: Schema | undefined, value: unknown, report: Report): void {
  if (schema === undefined || !hasLists(schema)) return
  if (Array.isArray(value)) {
    if (schema.listType === 'set') reportDuplicates(value, value, report)
    else if (schema.listType === 'map') reportMap(schema.listMapKeys ?? [], value, report)
    for (const [i, item] of value.entries()) reportLists(schema.items, item, report.at(i))
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const isProperty = schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      reportLists(schemaOfField(schema, key), value[key], isProperty ? report.at(key) : report.key(key))
    }
  }
}

const known = new WeakMap<Schema, boolean>()

/** Whether a schema has a set or a map list anywhere, so that most objects need no walk. */
function hasLists(schema: Schema): boolean {
  let has = known.get(schema)
  if (has === undefined) {
    const { properties = {}, items, additionalProperties } = schema
    const below = [...Object.values(properties), items, additionalProperties]
    has =
      schema.listType === 'set' ||
      schema.listType === 'map' ||
      below.some((each) => typeof each === 'object' && hasLists(each))
    known.set(schema, has)
  }
  return has
}

/** Each value that stands more than once is reported at its second place. */
function reportDuplicates(keys: readonly unknown[], shown: readonly unknown[], report: Report): void {
  const seen = new Map<string, number>()
  for (const [i, key] of keys.entries()) {
    const text = JSON.stringify(key)
    const times = seen.get(text) ?? 0
    if (times === 1) report.at(i).duplicate(shown[i])
    seen.set(text, times + 1)
  }
}

function reportMap(keys: readonly string[], list: readonly unknown[], report: Report): void {
  const wrong = list.findIndex((item) => item !== null && !isObject(item))
  if (wrong >= 0) return report.at(wrong).invalid(list[wrong], 'must be an object for an array of list-type map')
  const shown = list.map((item) =>
    Object.fromEntries(keys.flatMap((key) => (isObject(item) && Object.hasOwn(item, key) ? [[key, item[key]]] : []))),
  )
  const texts = list.map((item) => keyText(item ?? {}, keys))
  reportDuplicates(texts, shown, report)
}
