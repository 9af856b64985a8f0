import { setOwn } from '#lib/encoding/setOwn.ts'
import { isObject, type JsonObject, type Schema } from './schema/model.ts'
import { requestTooLarge } from './status.ts'

/**
 * Fills in, in place, what the schema gives a default for: in every struct that is present, in every item of lists and
 * every value of maps. A default that is itself a struct (`{}`) gets the defaults of its fields.
 */
export function applyDefaults(schema: Schema, value: unknown): void {
  left = mostCopied
  defaulterOf(schema)?.(value)
}

/** How much may be filled in, in characters; a value counts as sixteen. A long list of `{}` must not become all the memory. */
const mostCopied = 32_000_000
/** What is left of it for the object that is being completed. */
let left = mostCopied

type Fill = (value: unknown) => void

/** Compiled once per schema; undefined: nothing below has a default. */
const compiled = new WeakMap<Schema, Fill | null>()

function defaulterOf(schema: Schema): Fill | undefined {
  const known = compiled.get(schema)
  if (known !== undefined) return known ?? undefined
  if (!hasDefaults(schema, new Set())) {
    compiled.set(schema, null)
    return undefined
  }
  // Types contain themselves: what is below is looked up at the first use.
  let run: Fill | undefined
  const lazy: Fill = (value) => (run ??= compile(schema))(value)
  compiled.set(schema, lazy)
  return lazy
}

function hasDefaults(schema: Schema, seen: Set<Schema>): boolean {
  if (seen.has(schema)) return false
  seen.add(schema)
  for (const child of Object.values(schema.properties ?? {})) {
    if (child.default !== undefined || hasDefaults(child, seen)) return true
  }
  const { items, additionalProperties: values } = schema
  if (items !== undefined && (items.default !== undefined || hasDefaults(items, seen))) return true
  return typeof values === 'object' && (values.default !== undefined || hasDefaults(values, seen))
}

function compile(schema: Schema): Fill {
  const { items, additionalProperties } = schema
  if (items !== undefined) {
    const fill = defaulterOf(items)
    return (list) => {
      if (!Array.isArray(list)) return
      for (let i = 0; i < list.length; i++) {
        if (isMissing(items, list[i])) list[i] = copyOf(items.default)
        fill?.(list[i])
      }
    }
  }
  const fields: { name: string; schema: Schema; fill: Fill | undefined }[] = []
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const fill = defaulterOf(child)
    if (child.default !== undefined || fill !== undefined) fields.push({ name, schema: child, fill })
  }
  const values = typeof additionalProperties === 'object' ? additionalProperties : undefined
  const fillValue = values === undefined ? undefined : defaulterOf(values)
  return (value) => {
    if (!isObject(value)) return
    for (const { name, schema: child, fill } of fields) {
      const present = Object.hasOwn(value, name) ? value[name] : undefined
      // A nullable field may say null; elsewhere null is nothing.
      if (
        child.default !== undefined &&
        (present === undefined || (present === null && child.nullable !== true) || isEmptyText(child, present))
      ) {
        setOwn(value, name, copyOf(child.default))
      }
      fill?.(value[name])
    }
    if (values === undefined || (fillValue === undefined && values.default === undefined)) return
    for (const key of Object.keys(value)) {
      if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) continue
      if (isMissing(values, value[key])) setOwn(value, key, copyOf(values.default))
      fillValue?.(value[key])
    }
  }
}

/** Whether an item of a list or a value of a map is a null that stands for the default. */
function isMissing(schema: Schema, value: unknown): boolean {
  return value === null && schema.default !== undefined && schema.nullable !== true
}

/** Where Go cannot tell `""` or `0` from absence, neither can defaults. */
function isEmptyText(schema: Schema, value: unknown): boolean {
  return schema.zero !== undefined && schema.zero !== 'keep' && (value === '' || value === 0 || value === false)
}

function copyOf(value: unknown): unknown {
  left -= typeof value === 'string' ? value.length + 16 : 16
  if (left < 0)
    throw requestTooLarge('Request entity too large: with its defaults, the object is larger than any may be')
  if (Array.isArray(value)) return value.map(copyOf)
  if (!isObject(value)) return value
  const copy: JsonObject = {}
  for (const [key, member] of Object.entries(value)) setOwn(copy, key, copyOf(member))
  return copy
}
