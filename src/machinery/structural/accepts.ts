import { sameJson } from '#lib/encoding/sameJson.ts'
import { linearRegExp, type LinearRegExp } from '#lib/linearRegExp.ts'
import { isObject, type Schema } from '#machinery/schema/model.ts'
import { hasFormat } from './formats.ts'

/** Whether a value is as a structural schema wants it. Why not, tells explain.ts. */
export type Accepts = (value: unknown) => boolean

const compiled = new WeakMap<Schema, Accepts>()

/** The test of a schema, compiled once. Valid values, which are most, cost little and allocate nothing. */
export function acceptsOf(schema: Schema): Accepts {
  let accepts = compiled.get(schema)
  if (accepts === undefined) compiled.set(schema, (accepts = compile(schema)))
  return accepts
}

/** Values that one check may look at, each as often as it is looked at: schemas of alternatives multiply. */
const mostEffort = 20_000_000
/** What is left of it for the value that is being checked. */
let left = mostEffort

/** A value that could only be checked at the cost of everybody else. */
export class TooMuchEffort extends Error {}

/** Begins the check of another value. */
export function beginEffort(): void {
  left = mostEffort
}

export function spendEffort(cost: number): void {
  left -= cost
  if (left < 0) throw new TooMuchEffort('the check takes too long')
}

/** The test for the values that an enum has. */
export function isAmong(values: readonly unknown[]): Accepts {
  const simple = new Set(values.filter((one) => typeof one !== 'object'))
  const others = values.filter((one) => typeof one === 'object')
  return (value) => {
    if (typeof value !== 'object') return simple.has(value)
    if (others.length > 0) spendEffort(others.length)
    return others.some((one) => sameJson(one, value))
  }
}

function compile(schema: Schema): Accepts {
  const tests: Accepts[] = [
    ...typeTests(schema),
    ...junctorTests(schema),
    ...textTests(schema),
    ...numberTests(schema),
    ...listTests(schema),
    ...objectTests(schema),
  ]
  const { type, nullable = false, enum: values } = schema
  const acceptsNull = ((type === undefined && schema.format !== 'int-or-string') || nullable) && values === undefined
  if (values !== undefined) tests.push(isAmong(values))
  return (value) => {
    if (--left < 0) throw new TooMuchEffort('the check takes too long')
    if (value === null || value === undefined) return acceptsNull
    for (const test of tests) if (!test(value)) return false
    return true
  }
}

/** Whether a value is of the schema's type. A text or list with a format for texts passes whatever the type is. */
export function isOfType({ type, format }: Schema, value: unknown): boolean {
  if (isWordFormat(format) && type !== 'number' && type !== 'integer') {
    if (typeof value === 'string' || Array.isArray(value)) return true
  }
  switch (type) {
    case undefined:
      return !isWordFormat(format)
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/** Whether a format is a user's own; an int-or-string has none. */
export function isWordFormat(format: string | undefined): format is string {
  return format !== undefined && format !== 'int-or-string'
}

function typeTests(schema: Schema): Accepts[] {
  if (schema.type === undefined && !isWordFormat(schema.format)) {
    return schema.format === 'int-or-string' ? [isIntOrString] : []
  }
  return [(value) => isOfType(schema, value)]
}

export function isIntOrString(value: unknown): boolean {
  return typeof value === 'string' || Number.isInteger(value)
}

function junctorTests({ allOf, anyOf, oneOf, not }: Schema): Accepts[] {
  const tests: Accepts[] = []
  if (anyOf !== undefined) {
    const some = anyOf.map(acceptsOf)
    tests.push((value) => some.some((test) => test(value)))
  }
  if (oneOf !== undefined) {
    const all = oneOf.map(acceptsOf)
    tests.push((value) => {
      let found = 0
      for (const test of all) if (test(value) && ++found > 1) return false
      return found === 1
    })
  }
  for (const each of allOf ?? []) tests.push(acceptsOf(each))
  if (not !== undefined) {
    const forbidden = acceptsOf(not)
    tests.push((value) => !forbidden(value))
  }
  return tests
}

function textTests({ maxLength, minLength, pattern, format }: Schema): Accepts[] {
  const tests: ((text: string) => boolean)[] = []
  if (maxLength !== undefined) tests.push((text) => text.length <= maxLength || charactersOf(text) <= maxLength)
  if (minLength !== undefined) tests.push((text) => charactersOf(text) >= minLength)
  if (pattern !== undefined && pattern !== '') {
    // Of thousands of expressions, an object may need a few.
    let expression: ReturnType<typeof linearRegExp> | undefined
    tests.push((text) => {
      expression ??= linearRegExp(pattern)
      return 'test' in expression && matchesSoon(expression, text)
    })
  }
  if (isWordFormat(format)) tests.push((text) => hasFormat(format, text))
  return tests.map((test) => (value) => typeof value !== 'string' || test(value))
}

/** Linear is not fast: a large expression on a long text would hold up everybody else, and counts as no match. */
const mostSteps = 40_000_000

/** Whether an expression matches somewhere in a text. */
export function matchesSoon(expression: LinearRegExp, text: string): boolean {
  return text.length * expression.size <= mostSteps && expression.test(text)
}

/** The characters of a text as Go counts them. */
export function charactersOf(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length - 1; i++) {
    const code = text.charCodeAt(i)
    if (code < 0xd800 || code > 0xdbff) continue
    const next = text.charCodeAt(i + 1)
    if (next >= 0xdc00 && next <= 0xdfff) count--
  }
  return count
}

function numberTests(schema: Schema): Accepts[] {
  const { maximum, minimum, multipleOf, exclusiveMaximum, exclusiveMinimum } = schema
  const tests: ((value: number) => boolean)[] = []
  if (multipleOf !== undefined) tests.push((value) => isMultiple(value, multipleOf))
  if (maximum !== undefined) tests.push((value) => (exclusiveMaximum === true ? value < maximum : value <= maximum))
  if (minimum !== undefined) tests.push((value) => (exclusiveMinimum === true ? value > minimum : value >= minimum))
  return tests.map((test) => (value) => typeof value !== 'number' || test(value))
}

/** Whether a number is a multiple, up to the last digits that a double has. */
export function isMultiple(value: number, factor: number): boolean {
  if (factor <= 0) return false
  const times = factor < 1 ? (1 / factor) * value : value / factor
  if (!Number.isFinite(times)) return false
  const off = Math.abs(times - Math.trunc(times))
  return off === 0 || off < 1e-9 * Math.abs(times) || 1 - off < 1e-9 * Math.abs(times)
}

function listTests({ items, maxItems, minItems, uniqueItems }: Schema): Accepts[] {
  const tests: ((list: readonly unknown[]) => boolean)[] = []
  if (maxItems !== undefined) tests.push((list) => list.length <= maxItems)
  if (minItems !== undefined) tests.push((list) => list.length >= minItems)
  if (items !== undefined) {
    const accepts = acceptsOf(items)
    tests.push((list) => list.every(accepts))
  }
  if (uniqueItems === true) tests.push((list) => new Set(list.map((item) => JSON.stringify(item))).size === list.length)
  return tests.map((test) => (value) => !Array.isArray(value) || test(value))
}

function objectTests(schema: Schema): Accepts[] {
  const { properties = {}, required, additionalProperties, maxProperties, minProperties } = schema
  const tests: ((object: Readonly<Record<string, unknown>>) => boolean)[] = []
  if (required !== undefined) tests.push((object) => required.every((name) => Object.hasOwn(object, name)))
  if (maxProperties !== undefined) tests.push((object) => Object.keys(object).length <= maxProperties)
  if (minProperties !== undefined) tests.push((object) => Object.keys(object).length >= minProperties)
  const fields = new Map(Object.keys(properties).map((name) => [name, acceptsOf(properties[name]!)]))
  if (typeof additionalProperties === 'object') {
    const accepts = acceptsOf(additionalProperties)
    tests.push((object) => Object.keys(object).every((name) => (fields.get(name) ?? accepts)(object[name])))
  } else if (additionalProperties === false) {
    tests.push((object) => Object.keys(object).every((name) => fields.get(name)?.(object[name]) === true))
  } else if (fields.size > 0) {
    tests.push((object) => {
      for (const name in object) {
        const accepts = fields.get(name)
        if (accepts !== undefined && !accepts(object[name])) return false
      }
      return true
    })
  }
  return tests.map((test) => (value) => !isObject(value) || test(value))
}
