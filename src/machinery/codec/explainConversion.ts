// Says why a value is not of a type in the words of upstream's converter from maps to structs, which strategic merge
// patches go through instead of the decoder. Runs only after the decoder refused the value.
import { isObject, type Schema } from '#machinery/schema/model.ts'
import { goTypeOf, scalarProblem } from './explain.ts'

/** What the converter trips over first, going through structs in the order of their fields; undefined when over nothing. */
export function conversionProblem(schema: Schema, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  if (schema.format === 'byte') {
    if (typeof value !== 'string') return `cannot restore slice from ${kindOf(value)}`
    const problem = scalarProblem(schema, value)
    return problem === undefined ? undefined : `error decoding from json: ${problem}`
  }
  switch (schema.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'unrecognized type: bool'
    case 'integer':
    case 'number':
      return numberProblem(schema, value)
    case 'array':
      if (!Array.isArray(value)) return `cannot restore slice from ${kindOf(value)}`
      return firstOf(value, (item) => conversionProblem(schema.items ?? {}, item))
    case 'string':
      if (schema.format !== undefined) return scalarProblem(schema, value)
      if (typeof value === 'string') return undefined
      return kindOf(value) === 'int64' ? `cannot convert int64 to ${goTypeOf(schema)}` : 'unrecognized type: string'
    case 'object':
      return objectProblem(schema, value)
    default:
      return scalarProblem(schema, value)
  }
}

function objectProblem({ properties, additionalProperties }: Schema, value: unknown): string | undefined {
  if (properties !== undefined) {
    if (!isObject(value)) return `cannot restore struct from: ${kindOf(value)}`
    return firstOf(Object.entries(properties), ([name, field]) =>
      Object.hasOwn(value, name) ? conversionProblem(field, value[name]) : undefined,
    )
  }
  if (!isObject(value)) return `cannot restore map from ${kindOf(value)}`
  if (!isObject(additionalProperties)) return undefined
  return firstOf(Object.values(value), (member) => conversionProblem(additionalProperties as Schema, member))
}

function numberProblem(schema: Schema, value: unknown): string | undefined {
  const type = schema.type === 'number' ? 'float64' : (schema.format ?? 'int64')
  if (typeof value !== 'number') return `unrecognized type: ${type}`
  return schema.type === 'number' || Number.isInteger(value) ? undefined : `cannot convert float64 to ${type}`
}

function firstOf<T>(all: readonly T[], look: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const problem = look(one)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** What Go's reflection calls what JSON of this kind was read into. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value === 'object' ? 'map' : 'string'
}
