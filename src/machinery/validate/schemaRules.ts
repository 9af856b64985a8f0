// The rules that stand in the schema of a kind: values of enums, bounds of numbers, lists that must not be empty,
// fields that never change. Rules that people wrote by hand know better where both speak: what they reported, and
// anything around it, is not reported again, so run these rules after them.
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { validateImmutable } from './immutable.ts'
import type { Report } from './report.ts'

/**
 * Checks an object of a built-in kind against its schema. Not looked at: parts that it shares with the one before;
 * `status`, which reports what is rather than asks for something; and presence, which OpenAPI calls required far more
 * often than the server insists on it.
 */
export function validateObject(schema: Schema, object: object, old: object | undefined, report: Report): void {
  for (const { name, validate } of askedFields(schema)) {
    const value = (object as Record<string, unknown>)[name]
    if (value !== (old as Record<string, unknown> | undefined)?.[name])
      validate(value, report.at(name), (old as JsonObject | undefined)?.[name])
  }
  if (old !== undefined) validateImmutable(schema, object, old, report)
}

/** `before` is what the old object has in the same place; what is the very same is not looked at. */
type Validate = (value: unknown, report: Report, before: unknown) => void

/** A field with something to check at or below it. */
interface CheckedField {
  readonly name: string
  readonly validate: Validate
}

const asked = new WeakMap<Schema, readonly CheckedField[]>()

/** The fields of whole objects that are looked at. */
function askedFields(schema: Schema): readonly CheckedField[] {
  let fields = asked.get(schema)
  if (fields === undefined) {
    fields = checkedFields(schema).filter(({ name }) => name !== 'status' && name !== 'metadata')
    asked.set(schema, fields)
  }
  return fields
}

function checkedFields({ properties = {} }: Schema): CheckedField[] {
  return Object.entries(properties).flatMap(([name, child]) => {
    const validate = validatorOf(child)
    return validate === undefined ? [] : [{ name, validate }]
  })
}

/** Compiled once per schema; null: nothing to check at or below. */
const compiled = new WeakMap<Schema, Validate | null>()

function validatorOf(schema: Schema): Validate | undefined {
  const known = compiled.get(schema)
  if (known !== undefined) return known ?? undefined
  if (!hasRules(schema, new Set())) {
    compiled.set(schema, null)
    return undefined
  }
  // Types contain themselves: what is below is compiled at the first use.
  let run: Validate | undefined
  const lazy: Validate = (value, report, before) => {
    if (value !== undefined && value !== null) (run ??= compile(schema))(value, report, before)
  }
  compiled.set(schema, lazy)
  return lazy
}

function hasOwnRules(schema: Schema): boolean {
  return (
    schema.enum !== undefined ||
    schema.minimum !== undefined ||
    schema.maximum !== undefined ||
    schema.minItems !== undefined ||
    schema.maxItems !== undefined ||
    schema.maxLength !== undefined
  )
}

function hasRules(schema: Schema, seen: Set<Schema>): boolean {
  if (hasOwnRules(schema)) return true
  if (seen.has(schema)) return false
  seen.add(schema)
  const below = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties]
  return below.some((child) => typeof child === 'object' && hasRules(child, seen))
}

const nothing: Readonly<JsonObject> = Object.freeze({})

function compile(schema: Schema): Validate {
  const { items, additionalProperties } = schema
  if (schema.type === 'array') {
    const validateItem = items === undefined ? undefined : validatorOf(items)
    return (value, report, before) => {
      if (!Array.isArray(value) || value === before) return
      checkCount(schema, value.length, report)
      if (validateItem === undefined) return
      const known: readonly unknown[] = Array.isArray(before) ? before : []
      for (let i = 0; i < value.length; i++) validateItem(value[i], report.at(i), known[i])
    }
  }
  if (schema.properties !== undefined) {
    const fields = checkedFields(schema)
    return (value, report, before) => {
      if (!isObject(value) || value === before) return
      const known = isObject(before) ? before : nothing
      for (const { name, validate } of fields) {
        const member = value[name]
        if (member !== undefined) validate(member, report.at(name), known[name])
      }
    }
  }
  if (typeof additionalProperties === 'object') {
    const validate = validatorOf(additionalProperties)
    return (value, report, before) => {
      if (!isObject(value) || value === before) return
      const known = isObject(before) ? before : nothing
      for (const key of Object.keys(value)) validate?.(value[key], report.key(key), known[key])
    }
  }
  return (value, report) => checkScalar(schema, value, report)
}

function checkCount(schema: Schema, count: number, report: Report): void {
  if (schema.minItems !== undefined && count < schema.minItems && !report.isReported()) {
    if (count === 0) report.required()
    else report.problem('TooFew', `must have at least ${schema.minItems} items`, count)
  }
  if (schema.maxItems !== undefined && count > schema.maxItems && !report.isReported())
    report.tooMany(count, schema.maxItems)
}

function checkScalar(schema: Schema, value: unknown, report: Report): void {
  if (typeof value === 'string') {
    if (schema.maxLength !== undefined && value.length > schema.maxLength && !report.isReported()) {
      report.tooLong(schema.maxLength)
    }
    // An empty string is absence; whether the field may be absent is for the rules of the kind.
    if (schema.enum === undefined || value === '' || schema.enum.includes(value) || report.isReported()) return
    const supported = schema.enum.filter((one): one is string => typeof one === 'string' && one !== '')
    report.notSupported(value, supported.toSorted())
    return
  }
  if (typeof value !== 'number') return
  const { minimum, maximum } = schema
  const isBelow = minimum !== undefined && value < minimum
  const isAbove = maximum !== undefined && value > maximum
  if ((isBelow || isAbove) && !report.isReported()) report.invalid(value, boundsText(minimum, maximum))
}

/** What a number had to be, as upstream says it. */
function boundsText(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined) return `must be less than or equal to ${maximum}`
  if (maximum === undefined) return `must be greater than or equal to ${minimum}`
  return `must be between ${minimum} and ${maximum}, inclusive`
}
