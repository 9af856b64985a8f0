// Why a value is not as a structural schema wants it, in upstream's words (kube-openapi's validator) and order. Slow and
// thorough: it runs only after accepts.ts has said no.
import { sameJson } from '#lib/encoding/sameJson.ts'
import { linearRegExp } from '#lib/linearRegExp.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { isObject, type Schema } from '#machinery/schema/model.ts'
import { quoteString, type ProblemType } from '#machinery/validate/report.ts'
import {
  acceptsOf,
  beginEffort,
  charactersOf,
  isAmong,
  isIntOrString,
  isMultiple,
  isOfType,
  isWordFormat,
  matchesSoon,
  spendEffort,
  TooMuchEffort,
  type Accepts,
} from './accepts.ts'
import { correlateField, correlateItem, type Correlation } from './correlate.ts'
import { hasFormat } from './formats.ts'

/** One thing that is wrong. */
export interface ValueProblem {
  readonly type: ProblemType
  /** The place below the value that was looked at, such as `spec.items[0]`; undefined for what has no place of its own. */
  readonly path: string | undefined
  readonly detail: string
  readonly value?: unknown
  /** Values that are allowed, of `NotSupported`. */
  readonly supported?: readonly string[]
  /** How much there may be, of `TooLong` and `TooMany`. */
  readonly maximum?: number
}

/**
 * Everything that is wrong with a value; an empty list when nothing is. With `old`, what did not change is let pass: values
 * that were stored before a schema forbade them can be kept (KEP-4008).
 */
export function explainValue(schema: Schema, value: unknown, old?: unknown): readonly ValueProblem[] {
  let isValid: boolean | undefined
  try {
    beginEffort()
    isValid = acceptsOf(schema)(value)
    if (isValid) return []
    beginEffort()
    const correlation = old === undefined ? undefined : { schema, value, old }
    return ratcheted(explain(schema, value, { path: '', isRoot: true, correlation }), correlation).problems
  } catch (error) {
    if (!(error instanceof TooMuchEffort)) throw error
    const detail =
      isValid === false
        ? 'it is not as its schema wants it, and too large to say why'
        : 'it is too large to be checked against its schema'
    return [{ type: 'Invalid', path: '', value: typeOfValue(value).type, detail }]
  }
}

/** An explanation takes so many times as long as a check. */
const effortOfExplaining = 40

/** Where the walk is. */
interface Place {
  readonly path: string
  readonly isRoot: boolean
  readonly correlation: Correlation | undefined
}

/** What was found. `matches` counts what was right: of several ways to be valid, the nearest is explained. */
class Outcome {
  readonly problems: ValueProblem[] = []
  readonly #seen = new Set<string>()
  matches = 0

  add(problem: ValueProblem): void {
    if (this.isFull) return
    const text = `${problem.path} ${problem.type} ${problem.detail}`
    if (this.#seen.has(text)) return
    this.#seen.add(text)
    this.problems.push(problem)
  }

  /** Whether nothing more is added. */
  get isFull(): boolean {
    return this.problems.length >= mostProblems
  }

  merge({ problems, matches }: Outcome): void {
    for (const problem of problems) this.add(problem)
    this.matches += matches
  }
}

/** Nobody reads more. */
const mostProblems = 1_000

/** Lets pass what is as it was. */
function ratcheted(outcome: Outcome, correlation: Correlation | undefined): Outcome {
  if (outcome.problems.length === 0 || correlation === undefined) return outcome
  if (!sameJson(correlation.value, correlation.old)) return outcome
  const passed = new Outcome()
  passed.matches = outcome.matches
  return passed
}

function explainBelow(schema: Schema, value: unknown, path: string, correlation: Correlation | undefined): Outcome {
  return ratcheted(explain(schema, value, { path, isRoot: false, correlation }), correlation)
}

function explain(schema: Schema, value: unknown, place: Place): Outcome {
  spendEffort(effortOfExplaining)
  const outcome = new Outcome()
  explainType(schema, value, place, outcome)
  if (value === null || value === undefined) {
    explainEnum(schema, value, place, outcome)
    return outcome
  }
  explainJunctors(schema, value, place, outcome)
  if (typeof value === 'string') explainText(schema, value, place, outcome)
  else if (typeof value === 'number') explainNumber(schema, value, place, outcome)
  else if (Array.isArray(value)) explainList(schema, value, place, outcome)
  explainEnum(schema, value, place, outcome)
  if (isObject(value)) explainObject(schema, value, place, outcome)
  outcome.matches++
  return outcome
}

/** The type of a value as messages name it, and the format that goes with it. */
function typeOfValue(value: unknown): { readonly type: string; readonly format: string } {
  if (Array.isArray(value)) return { type: 'array', format: '' }
  if (typeof value !== 'number') return { type: typeof value, format: '' }
  return Number.isInteger(value) ? { type: 'integer', format: 'int64' } : { type: 'number', format: 'float64' }
}

function explainType(schema: Schema, value: unknown, { path }: Place, outcome: Outcome): void {
  const { type, format, nullable } = schema
  const isEither = format === 'int-or-string'
  outcome.matches++
  if (type === undefined && !isEither && !isWordFormat(format)) return
  const wanted = isEither ? 'integer,string' : (type ?? '')
  const wrong = (expected: string, found: string): void =>
    outcome.add({
      type: 'TypeInvalid',
      path,
      value: found,
      detail: `${path} in body must be of type ${expected}: ${quoteString(found)}`,
    })
  if (value === null || value === undefined) {
    if (wanted !== '' && nullable !== true) wrong(wanted, 'null')
    return
  }
  const found = typeOfValue(value)
  if (isEither ? isIntOrString(value) : isOfType(schema, value)) {
    outcome.matches++
    return
  }
  const isSimple = typeof value !== 'string' && !Array.isArray(value)
  if (isWordFormat(format) && isSimple) wrong(format, found.format)
  else wrong(wanted, found.type)
}

/** What has no place of its own stands at the root of the object. */
function general(detail: string): ValueProblem {
  return { type: 'Invalid', path: undefined, value: '', detail }
}

function explainJunctors(schema: Schema, value: unknown, place: Place, outcome: Outcome): void {
  const { anyOf, oneOf, allOf, not } = schema
  const path = quoteString(place.path)
  if (anyOf !== undefined) {
    const outcomes = anyOf.map((each) => explain(each, value, place))
    const valid = outcomes.find(({ problems }) => problems.length === 0)
    if (valid === undefined) outcome.add(general(`${path} must validate at least one schema (anyOf)`))
    outcome.merge(valid ?? nearest(outcomes))
  }
  if (oneOf !== undefined) {
    const outcomes = oneOf.map((each) => explain(each, value, place))
    const valid = outcomes.filter(({ problems }) => problems.length === 0)
    if (valid.length === 1) outcome.merge(valid[0]!)
    else {
      const why = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`
      outcome.add(general(`${path} must validate one and only one schema (oneOf). ${why}`))
      if (valid.length === 0) outcome.merge(nearest(outcomes))
    }
  }
  if (allOf !== undefined) {
    const outcomes = allOf.map((each) => explain(each, value, place))
    for (const each of outcomes) outcome.merge(each)
    const valid = outcomes.filter(({ problems }) => problems.length === 0).length
    if (valid < outcomes.length) {
      outcome.add(general(`${path} must validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`))
    }
  }
  if (not !== undefined && acceptsOf(not)(value)) {
    outcome.add(general(`${path} must not validate the schema (not)`))
  }
  outcome.matches += 2
}

/** The outcome with the most that was right; the first of several. */
function nearest(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((best, each) => (each.matches > best.matches ? each : best))
}

function explainText(schema: Schema, text: string, { path }: Place, outcome: Outcome): void {
  const { maxLength, minLength, pattern, format } = schema
  const characters = charactersOf(text)
  if (maxLength !== undefined && characters > maxLength) {
    outcome.add({ type: 'TooLong', path, detail: `${maxLength}`, maximum: maxLength })
  } else if (minLength !== undefined && characters < minLength) {
    const detail = `${path} in body should be at least ${minLength} chars long`
    outcome.add({ type: 'Invalid', path, value: text, detail })
  } else if (pattern !== undefined && pattern !== '') {
    const expression = linearRegExp(pattern)
    if ('problem' in expression) {
      const detail = `${path} in body should match '${pattern}, but pattern is invalid: ${expression.problem}'`
      outcome.add({ type: 'Invalid', path, value: text, detail })
    } else if (!matchesSoon(expression, text)) {
      outcome.add({ type: 'Invalid', path, value: text, detail: `${path} in body should match '${pattern}'` })
    }
  }
  outcome.matches++
  if (!isWordFormat(format)) return
  if (!hasFormat(format, text)) {
    const detail = `${path} in body must be of type ${format}: ${quoteString(text)}`
    outcome.add({ type: 'TypeInvalid', path, value: text, detail })
  }
  outcome.matches++
}

function explainNumber(schema: Schema, value: number, { path }: Place, outcome: Outcome): void {
  const { maximum, minimum, multipleOf, exclusiveMaximum = false, exclusiveMinimum = false } = schema
  const wrong = (detail: string): void =>
    outcome.add({ type: 'Invalid', path, value, detail: `${path} in body should be ${detail}` })
  if (multipleOf !== undefined) {
    if (multipleOf <= 0) {
      const detail = `factor MultipleOf declared for ${path} must be positive: ${goNumber(multipleOf)}`
      outcome.add({ type: 'Invalid', path, value: multipleOf, detail })
    } else if (!isMultiple(value, multipleOf)) wrong(`a multiple of ${goNumber(multipleOf)}`)
  }
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    wrong(`greater than ${exclusiveMinimum ? '' : 'or equal to '}${goNumber(minimum)}`)
  }
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    wrong(`less than ${exclusiveMaximum ? '' : 'or equal to '}${goNumber(maximum)}`)
  }
  outcome.matches += 2
}

/** A number as Go prints it: exponents have two digits, and begin below a ten-thousandth. */
function goNumber(value: number): string {
  const text = value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

function explainList(schema: Schema, list: readonly unknown[], place: Place, outcome: Outcome): void {
  const { items, maxItems, minItems, uniqueItems } = schema
  const { path, correlation } = place
  if (items !== undefined) {
    for (const [i, item] of list.entries()) {
      if (outcome.isFull) break
      const below = correlation === undefined ? undefined : correlateItem(correlation, i)
      outcome.merge(explainBelow(items, item, `${path}[${i}]`, below))
    }
  }
  if (minItems !== undefined && list.length < minItems) {
    const detail = `${path} in body should have at least ${minItems} items`
    outcome.add({ type: 'Invalid', path, value: list.length, detail })
  }
  if (maxItems !== undefined && list.length > maxItems) {
    outcome.add({ type: 'TooMany', path, value: list.length, detail: '', maximum: maxItems })
  }
  if (uniqueItems === true && new Set(list.map((item) => JSON.stringify(item))).size < list.length) {
    outcome.add({ type: 'Invalid', path, value: '', detail: `${path} in body shouldn't contain duplicates` })
  }
  outcome.matches += 2
}

function explainEnum({ enum: values }: Schema, value: unknown, { path }: Place, outcome: Outcome): void {
  if (values === undefined || (value !== null && testOf(values)(value))) {
    outcome.matches++
    return
  }
  const supported = values.slice(0, mostNamed).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  if (values.length > mostNamed) supported.push(`and ${values.length - mostNamed} more`)
  outcome.add({ type: 'NotSupported', path, value: value ?? 'null', detail: '', supported })
}

/** So many of the values of an enum are named. */
const mostNamed = 250

const enumTests = new WeakMap<readonly unknown[], Accepts>()

function testOf(values: readonly unknown[]): Accepts {
  let test = enumTests.get(values)
  if (test === undefined) enumTests.set(values, (test = isAmong(values)))
  return test
}

function explainObject(
  schema: Schema,
  object: Readonly<Record<string, unknown>>,
  place: Place,
  outcome: Outcome,
): void {
  const { properties = {}, required = [], additionalProperties, maxProperties, minProperties } = schema
  const { path, isRoot, correlation } = place
  const names = Object.keys(object)
  if (minProperties !== undefined && names.length < minProperties) {
    const detail = `${path} in body should have at least ${minProperties} properties`
    outcome.add({ type: 'Invalid', path, value: names.length, detail })
  }
  if (maxProperties !== undefined && names.length > maxProperties) {
    outcome.add({ type: 'TooMany', path, value: names.length, detail: '', maximum: maxProperties })
  }
  const below = (name: string): Correlation | undefined => {
    const isTypeName = isRoot && (name === 'kind' || name === 'apiVersion')
    return correlation === undefined || isTypeName ? undefined : correlateField(correlation, name)
  }
  for (const name of additionalProperties === undefined ? [] : names.toSorted()) {
    if (Object.hasOwn(properties, name)) continue
    if (outcome.isFull) break
    if (additionalProperties === false) {
      const detail = `${path}.${name} in body is a forbidden property`
      outcome.add({ type: 'Invalid', path, value: name, detail })
    } else if (typeof additionalProperties === 'object') {
      outcome.merge(explainBelow(additionalProperties, object[name], `${path}.${name}`, below(name)))
    }
  }
  for (const name of Object.keys(properties)) {
    if (!Object.hasOwn(object, name)) continue
    const place = path === '' ? name : `${path}.${name}`
    outcome.merge(explainBelow(ownValue(properties, name)!, object[name], place, below(name)))
  }
  for (const name of required) {
    if (!Object.hasOwn(object, name)) outcome.add({ type: 'Required', path: `${path}.${name}`, detail: '' })
  }
  outcome.matches++
}
