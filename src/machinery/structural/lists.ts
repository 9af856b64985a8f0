import { isObject, schemaOfField, type Schema } from '#machinery/schema/model.ts'
import type { Report } from '#machinery/validate/report.ts'
import { keyText } from './correlate.ts'

/** Reports items of sets that stand twice, and items of map lists that have the same keys. */
export function reportLists(schema: Schema | undefined, value: unknown, report: Report): void {
  if (schema === undefined || !hasLists(schema)) return
  if (Array.isArray(value)) {
    if (schema.listType === 'set') reportDuplicates(value, (i) => value[i], report)
    else if (schema.listType === 'map') reportMap(schema.listMapKeys ?? [], value, report)
    if (schema.items === undefined || !hasLists(schema.items)) return
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
function reportDuplicates(keys: readonly unknown[], shown: (index: number) => unknown, report: Report): void {
  const once = new Set<unknown>()
  const twice = new Set<unknown>()
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    const isPlain = typeof key !== 'object' && !(typeof key === 'string' && key.startsWith('\0'))
    const value = isPlain ? key : `\0${JSON.stringify(key)}`
    if (!once.has(value)) once.add(value)
    else if (!twice.has(value)) {
      twice.add(value)
      report.at(i).duplicate(shown(i))
    }
  }
}

function reportMap(keys: readonly string[], list: readonly unknown[], report: Report): void {
  const wrong = list.findIndex((item) => item !== null && !isObject(item))
  if (wrong >= 0) return report.at(wrong).invalid(list[wrong], 'must be an object for an array of list-type map')
  const shown = (index: number): unknown => {
    const item = list[index]
    return Object.fromEntries(
      keys.flatMap((key) => (isObject(item) && Object.hasOwn(item, key) ? [[key, item[key]]] : [])),
    )
  }
  const texts = list.map((item) => keyText(item ?? {}, keys))
  reportDuplicates(texts, shown, report)
}
