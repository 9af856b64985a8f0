import { sameJson } from '#lib/encoding/sameJson.ts'
import { isObject, schemaOfField, type Schema } from '#machinery/schema/model.ts'
import type { Report } from './report.ts'

/** Field names from the root of an object. */
type FieldPath = readonly string[]

const compiled = new WeakMap<Schema, readonly FieldPath[]>()

/** Reports every field marked immutable that had a value and has another one, or none, now. */
export function validateImmutable(schema: Schema, object: unknown, old: unknown, report: Report): void {
  let paths = compiled.get(schema)
  if (paths === undefined) compiled.set(schema, (paths = immutablePaths(schema, [], new Set())))
  for (const path of paths) {
    const before = valueAt(old, path)
    if (before === undefined || before === null || before === '') continue
    const now = valueAt(object, path)
    const place = report.at(...path)
    if (!sameJson(before, now) && !place.isReported()) place.invalid(now ?? null, 'field is immutable')
  }
}

/** Paths through structs alone: what is immutable inside lists needs a rule that knows how items are matched. */
function immutablePaths(schema: Schema, path: FieldPath, above: Set<Schema['properties']>): FieldPath[] {
  const { properties } = schema
  if (properties === undefined || above.has(properties)) return []
  const paths: FieldPath[] = []
  above.add(properties)
  for (const name of Object.keys(properties)) {
    const child = schemaOfField(schema, name)!
    const below = [...path, name]
    if (child.immutable === true) paths.push(below)
    else paths.push(...immutablePaths(child, below, above))
  }
  above.delete(properties)
  return paths
}

function valueAt(value: unknown, path: FieldPath): unknown {
  let at = value
  for (const step of path) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined
  return at
}
