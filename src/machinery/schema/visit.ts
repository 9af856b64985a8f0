import { isObject, schemaOfField, type Schema } from './model.ts'

/** Where a value stands: field names, map keys and list positions from the root. */
export type Path = readonly (string | number)[]

/**
 * Calls `see` for a value and everything below it, with the schema of each; undefined where the schema knows nothing.
 * Returning `'skip'` leaves out what is below. Order: fields as the object has them, lists from the front.
 */
export function visit(
  value: unknown,
  schema: Schema | undefined,
  see: (value: unknown, schema: Schema | undefined, path: Path) => 'skip' | void,
  path: Path = [],
): void {
  if (see(value, schema, path) === 'skip') return
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) visit(item, schema?.items, see, [...path, i])
  } else if (isObject(value)) {
    for (const name of Object.keys(value)) visit(value[name], schemaOfField(schema, name), see, [...path, name])
  }
}

/** A path as messages write it: `spec.containers[0].image`; map keys are in brackets where the schema says so. */
export function pathText(path: Path, schema?: Schema): string {
  let text = ''
  let at = schema
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (at !== undefined && at.properties === undefined && at.additionalProperties !== undefined)
      text += `[${step}]`
    else text += text === '' ? step : `.${step}`
    at = typeof step === 'number' ? at?.items : schemaOfField(at, step)
  }
  return text
}
