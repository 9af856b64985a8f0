// Whether a schema is structural: types stand outside of `allOf`, `anyOf`, `oneOf` and `not`, and everything that these
// speak of is also described outside of them. Only then can objects be pruned and completed by it.
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { patternProblem } from '#lib/linearRegExp.ts'
import { createReport, problemMessage, type FieldProblem, type Report } from '#machinery/validate/report.ts'

type Props = JSONSchemaProps
type Level = 'root' | 'item' | 'field'

/** Why a schema cannot be looked at at all; what it says is not part of any structural schema. */
export function unsupportedSchema(schema: Props): string | undefined {
  const has = (name: keyof Props): boolean => {
    const value = schema[name]
    return typeof value === 'object' ? Object.keys(value as object).length > 0 : value !== undefined && value !== ''
  }
  const names = ['id', '$schema', '$ref', 'patternProperties', 'dependencies'] as const
  for (const name of names) {
    if (has(name)) return `OpenAPIV3Schema '${name === '$schema' ? 'schema' : name}' is not supported`
  }
  if (schema.additionalItems !== undefined) return "OpenAPIV3Schema 'additionalItems' is not supported"
  if (has('definitions')) return "OpenAPIV3Schema 'definitions' is not supported"
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
  }
  if (Array.isArray(schema.items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array"
  const below = [
    ...(schema.not === undefined ? [] : [schema.not]),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.items === undefined ? [] : [schema.items as Props]),
    ...Object.values(schema.properties ?? {}),
    ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
  ]
  for (const each of below) {
    const problem = unsupportedSchema(each)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** What keeps a schema from being structural, ordered by its text. `path` is where the schema stands. */
export function structuralProblems(schema: Props, path: string): FieldProblem[] {
  const { report, problems } = createReport(path)
  checkInvariants(schema, 'root', report)
  checkCompleteness(schema, schema, report, report)
  const text = (problem: FieldProblem): string => `${problem.field}: ${problemMessage(problem)}`
  return problems.toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
}

function checkInvariants(schema: Props, level: Level, report: Report): void {
  const { type = '', properties = {}, additionalProperties, items } = schema
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true
  const isEither = schema['x-kubernetes-int-or-string'] === true
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true
  if (type === 'array' && items === undefined) report.at('items').required('must be specified')
  if (items !== undefined) checkInvariants(items as Props, 'item', report.at('items'))
  for (const name of Object.keys(properties)) {
    checkInvariants(properties[name]!, 'field', report.at('properties').key(name))
  }
  if (additionalProperties !== undefined) {
    if (level === 'root') report.at('additionalProperties').forbidden('must not be used at the root')
    if (typeof additionalProperties === 'object') {
      checkInvariants(additionalProperties, 'field', report.at('additionalProperties'))
    }
  }
  if (isEither && keepsUnknown) {
    const problem = 'must be false if x-kubernetes-int-or-string is true'
    report.at('x-kubernetes-preserve-unknown-fields').invalid(true, problem)
  }
  if (isEither && isEmbedded) {
    report.at('x-kubernetes-embedded-resource').invalid(true, 'must be false if x-kubernetes-int-or-string is true')
  }
  checkValues(schema, isEitherPattern(schema.anyOf), isEitherPattern(schema.allOf?.[0]?.anyOf), level, report)
  checkType(schema, level, report)
  if (isEmbedded && additionalProperties !== undefined) {
    report.at('additionalProperties').forbidden('must not be used if x-kubernetes-embedded-resource is set')
  }
  checkObjectFields(schema, level, report)
  if (isEmbedded && !keepsUnknown && Object.keys(properties).length === 0) {
    const why =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields'
    report.at('properties').required(why)
  }
}

const missingType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
}

function checkType(schema: Props, level: Level, report: Report): void {
  const { type = '' } = schema
  const place = report.at('type')
  if (schema['x-kubernetes-embedded-resource'] === true && type !== 'object') {
    const problem = 'must be object if x-kubernetes-embedded-resource is true'
    if (type === '') place.required(problem)
    else place.invalid(type, problem)
  } else if (
    type === '' &&
    schema['x-kubernetes-int-or-string'] !== true &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  ) {
    place.required(missingType[level])
  }
  if (level === 'root' && type !== '' && type !== 'object') place.invalid(type, 'must be object at the root')
}

/** `apiVersion`, `kind` and `metadata` of whole objects are not for the schema to decide. */
function checkObjectFields(schema: Props, level: Level, report: Report): void {
  const { properties = {} } = schema
  const isWhole = level === 'root' || schema['x-kubernetes-embedded-resource'] === true
  const has = (name: string): boolean => Object.hasOwn(properties, name)
  if (isWhole) {
    for (const name of ['kind', 'apiVersion']) {
      if (has(name) && properties[name]!.type !== 'string') {
        report
          .at('properties')
          .key(name)
          .at('type')
          .invalid(properties[name]!.type ?? '', 'must be string')
      }
    }
  }
  if (!has('metadata')) return
  const metadata = properties['metadata']!
  const place = report.at('properties').key('metadata')
  if (isWhole && metadata.type !== 'object') place.at('type').invalid(metadata.type ?? '', 'must be object')
  if (level !== 'root') return
  const { type: _, properties: fields = {}, default: __, ...rest } = metadata
  const others = Object.keys(fields).filter((name) => name !== 'name' && name !== 'generateName')
  if (others.length > 0 || Object.keys(rest).length > 0) {
    const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified'
    place.forbidden(why)
  }
}

const eitherType = [{ type: 'integer' }, { type: 'string' }]

/** The one form in which types may stand within `anyOf`. */
function isEitherPattern(anyOf: readonly Props[] | undefined): boolean {
  return anyOf !== undefined && sameJson(anyOf, eitherType)
}

/** The rules over values, of which only what says nothing about structure may stand in junctors. */
function checkValues(schema: Props, skipsAnyOf: boolean, skipsFirstAllOf: boolean, level: Level, report: Report): void {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema
  if (!skipsAnyOf) for (const [i, each] of anyOf.entries()) checkNested(each, false, level, report.at('anyOf', i))
  for (const [i, each] of allOf.entries()) checkNested(each, skipsFirstAllOf && i === 0, level, report.at('allOf', i))
  for (const [i, each] of oneOf.entries()) checkNested(each, false, level, report.at('oneOf', i))
  if (not !== undefined) checkNested(not, false, level, report.at('not'))
  if (pattern !== undefined && pattern !== '') {
    const wrong = patternProblem(pattern)
    if (wrong !== undefined) {
      report.at('pattern').invalid(pattern, `must be a valid regular expression, but isn't: ${wrong}`)
    }
  }
}

function checkNested(schema: Props, skipsAnyOf: boolean, level: Level, report: Report): void {
  checkValues(schema, skipsAnyOf, false, level, report)
  const { items, properties = {} } = schema
  if (items !== undefined) checkNested(items as Props, false, level, report.at('items'))
  for (const name of Object.keys(properties)) {
    checkNested(properties[name]!, false, 'field', report.at('properties').key(name))
  }
  const forbid = (name: keyof Props, isSet: boolean, must: string): void => {
    if (isSet) report.at(name).forbidden(`must be ${must} to be structural`)
  }
  const has = (name: keyof Props): boolean => schema[name] !== undefined
  const isText = (name: keyof Props): boolean => has(name) && schema[name] !== ''
  const isList = (name: keyof Props): boolean => ((schema[name] as unknown[] | undefined)?.length ?? 0) > 0
  forbid('type', isText('type'), 'empty')
  forbid('additionalProperties', has('additionalProperties') && schema.additionalProperties !== false, 'undefined')
  forbid('default', has('default'), 'undefined')
  forbid('title', isText('title'), 'empty')
  forbid('description', isText('description'), 'empty')
  forbid('nullable', schema.nullable === true, 'false')
  for (const name of ['preserve-unknown-fields', 'embedded-resource', 'int-or-string'] as const) {
    forbid(`x-kubernetes-${name}`, schema[`x-kubernetes-${name}`] === true, 'false')
  }
  forbid('x-kubernetes-list-map-keys', isList('x-kubernetes-list-map-keys'), 'empty')
  forbid('x-kubernetes-list-type', has('x-kubernetes-list-type'), 'undefined')
  forbid('x-kubernetes-map-type', has('x-kubernetes-map-type'), 'undefined')
  forbid('x-kubernetes-validations', isList('x-kubernetes-validations'), 'empty')
  if (Object.hasOwn(properties, 'metadata')) {
    report.at('properties').key('metadata').forbidden('must not be specified in a nested context')
  }
}

/** What junctors speak of must also be described outside of them. `place` is where that would be, `spoken` where they are. */
function checkCompleteness(rules: Props, schema: Props, place: Report, spoken: Report): void {
  const { not, allOf = [], anyOf = [], oneOf = [] } = rules
  if (not !== undefined) checkNestedCompleteness(not, schema, place, spoken.at('not'))
  for (const [i, each] of allOf.entries()) checkNestedCompleteness(each, schema, place, spoken.at('allOf', i))
  for (const [i, each] of anyOf.entries()) checkNestedCompleteness(each, schema, place, spoken.at('anyOf', i))
  for (const [i, each] of oneOf.entries()) checkNestedCompleteness(each, schema, place, spoken.at('oneOf', i))
}

function checkNestedCompleteness(rules: Props, schema: Props | undefined, place: Report, spoken: Report): void {
  if (schema === undefined) return place.required(`because it is defined in ${spoken.path}`)
  checkCompleteness(rules, schema, place, spoken)
  if (rules.items !== undefined) {
    const [itemPlace, itemSpoken] = [place.at('items'), spoken.at('items')]
    checkNestedCompleteness(rules.items as Props, schema.items as Props | undefined, itemPlace, itemSpoken)
  }
  const { properties = {} } = rules
  for (const name of Object.keys(properties)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, name)
    const [fieldPlace, fieldSpoken] = [place.at('properties').key(name), spoken.at('properties').key(name)]
    if (!known) fieldPlace.required(`because it is defined in ${fieldSpoken.path}`)
    else checkNestedCompleteness(properties[name]!, schema.properties![name], fieldPlace, fieldSpoken)
  }
}
