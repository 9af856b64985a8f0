// The rules of a schema's single words: which are allowed where, and what they ask of each other.
import type { JSONSchemaProps, ValidationRule } from '#api/apiextensions/v1/jsonSchema.ts'
import { fieldPathIn } from '#machinery/structural/fieldPath.ts'
import { toSchema } from '#machinery/structural/toSchema.ts'
import type { Report } from '#machinery/validate/report.ts'
import { unsupportedSchema } from '#machinery/structural/structuralRules.ts'

type Props = JSONSchemaProps

/** What is not asked of a definition that was stored before it was asked. */
export interface SchemaLeniency {
  readonly unknownTypes: boolean
  readonly setsOfObjects: boolean
  readonly mapKeysWithoutValue: boolean
}

/** Where a schema stands, as far as rules depend on it. */
interface Context {
  readonly leniency: SchemaLeniency
  /** Why nothing here may have a default; undefined when it may. */
  readonly noDefaults?: string
  /** Within the `apiVersion`, `kind` or `metadata` of a whole object. */
  readonly insideMetadata?: true
}

/** Checks a schema and everything below it. */
export function checkSchema(schema: Props, leniency: SchemaLeniency, report: Report): void {
  check(schema, true, { leniency }, report)
}

function check(schema: Props | undefined, isRoot: boolean, context: Context, report: Report): void {
  if (schema === undefined) return
  checkWords(schema, context, report)
  if (schema.uniqueItems === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
    report.at('uniqueItems').forbidden(why)
  }
  checkBelow(schema, isRoot, context, report)
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    report.at('x-kubernetes-preserve-unknown-fields').invalid(false, 'must be true or undefined')
  }
  checkMapType(schema, report)
  checkListType(schema, context.leniency, report)
  checkMapKeys(schema, report)
  if (!context.leniency.mapKeysWithoutValue) checkKeysHaveValues(schema, report)
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    checkRule(schema, rule, report.at('x-kubernetes-validations', i))
  }
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string']

function checkWords(schema: Props, { leniency, noDefaults, insideMetadata }: Context, report: Report): void {
  const { type = '' } = schema
  if (!leniency.unknownTypes && type !== '' && !types.includes(type)) report.at('type').notSupported(type, types)
  if (schema.default !== undefined && noDefaults !== undefined) {
    report.at('default').forbidden(`must not be set ${noDefaults}`)
  }
  if ((schema.id ?? '') !== '') report.at('id').forbidden('id is not supported')
  if (schema.additionalItems !== undefined) report.at('additionalItems').forbidden('additionalItems is not supported')
  for (const name of ['patternProperties', 'definitions'] as const) {
    if (Object.keys(schema[name] ?? {}).length > 0) report.at(name).forbidden(`${name} is not supported`)
  }
  if (schema.dependencies !== undefined) report.at('dependencies').forbidden('dependencies is not supported')
  if (schema.$ref !== undefined) report.at('$ref').forbidden('$ref is not supported')
  if (type === 'null') report.at('type').forbidden('type cannot be set to null, use nullable as an alternative')
  if (Array.isArray(schema.items) && schema.items.length > 0) {
    report.at('items').forbidden('items must be a schema object and not an array')
  }
  if (insideMetadata === true && schema['x-kubernetes-embedded-resource'] === true) {
    report.at('x-kubernetes-embedded-resource').forbidden('must not be used inside of resource meta')
  }
}

const objectFields = new Set(['metadata', 'kind', 'apiVersion'])

function checkBelow(schema: Props, isRoot: boolean, context: Context, report: Report): void {
  const { properties = {}, additionalProperties, not, items } = schema
  if (additionalProperties !== undefined) {
    if (Object.keys(properties).length > 0 && additionalProperties !== true) {
      report.at('additionalProperties').forbidden('additionalProperties and properties are mutual exclusive')
    }
    const noDefaults = 'inside additionalProperties applying to object metadata'
    const inside = context.insideMetadata === true ? { ...context, noDefaults } : context
    const values = typeof additionalProperties === 'object' ? additionalProperties : undefined
    check(values, false, inside, report.at('additionalProperties'))
  }
  for (const name of Object.keys(properties)) {
    const isObjectField = (isRoot || schema['x-kubernetes-embedded-resource'] === true) && objectFields.has(name)
    const inside: Context = !isObjectField
      ? context
      : { ...context, insideMetadata: true, ...(isRoot ? { noDefaults: `in top-level ${name}` } : {}) }
    check(properties[name], false, inside, report.at('properties').key(name))
  }
  check(not, false, context, report.at('not'))
  for (const word of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [i, each] of (schema[word] ?? []).entries()) check(each, false, context, report.at(word, i))
  }
  for (const [name, each] of Object.entries(schema.definitions ?? {})) {
    check(each, false, context, report.at('definitions').key(name))
  }
  if (Array.isArray(items)) {
    for (const [i, each] of items.entries()) check(each, false, context, report.at('items', i))
  } else check(items, false, context, report.at('items'))
  for (const [name, each] of Object.entries(schema.dependencies ?? {})) {
    if (!Array.isArray(each)) check(each, false, context, report.at('dependencies').key(name))
  }
}

function checkMapType(schema: Props, report: Report): void {
  const mapType = schema['x-kubernetes-map-type']
  if (mapType === undefined) return
  const { type = '' } = schema
  if (type !== 'object') {
    const problem = 'must be object if x-kubernetes-map-type is specified'
    if (type === '') report.at('type').required(problem)
    else report.at('type').invalid(type, problem)
  }
  if (mapType !== 'atomic' && mapType !== 'granular') {
    report.at('x-kubernetes-map-type').notSupported(mapType, ['atomic', 'granular'])
  }
}

function checkListType(schema: Props, leniency: SchemaLeniency, report: Report): void {
  const listType = schema['x-kubernetes-list-type']
  if (listType === undefined) return
  const { type = '', items } = schema
  if (type !== 'array') {
    const problem = 'must be array if x-kubernetes-list-type is specified'
    if (type === '') report.at('type').required(problem)
    else report.at('type').invalid(type, problem)
  } else if (!leniency.setsOfObjects) {
    const word = splitItemOfSet(schema)
    if (word !== undefined) {
      const value = (items as Props)['x-kubernetes-list-type'] ?? 'null'
      report.at('items', word).invalid(value, 'must be atomic as item of a list with x-kubernetes-list-type=set')
    }
  }
  if (!['atomic', 'set', 'map'].includes(listType)) {
    report.at('x-kubernetes-list-type').notSupported(listType, ['atomic', 'set', 'map'])
  }
}

/** The word by which items of a set would merge member by member, so that they are no members of a set. */
export function splitItemOfSet(schema: Props): string | undefined {
  const { items } = schema
  if (schema['x-kubernetes-list-type'] !== 'set' || items === undefined || Array.isArray(items)) return undefined
  const listType = items['x-kubernetes-list-type']
  if (items.type === 'array') {
    return listType !== undefined && listType !== 'atomic' ? 'x-kubernetes-list-type' : undefined
  }
  return items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic' ? 'x-kubernetes-map-type' : undefined
}

function checkMapKeys(schema: Props, report: Report): void {
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const { items } = schema
  if (keys.length > 0 && listType !== 'map') {
    const problem = 'must be map if x-kubernetes-list-map-keys is non-empty'
    if (listType === undefined) report.at('x-kubernetes-list-type').required(problem)
    else report.at('x-kubernetes-list-type').invalid(listType, problem)
  }
  if (listType !== 'map') return
  const keyPlace = report.at('x-kubernetes-list-map-keys')
  if (keys.length === 0) keyPlace.required('must not be empty if x-kubernetes-list-type is map')
  if (items === undefined) report.at('items').required('must have a schema if x-kubernetes-list-type is map')
  else if (Array.isArray(items)) {
    report.at('items').invalid(items, 'must only have a single schema if x-kubernetes-list-type is map')
  } else if (items.type !== 'object') {
    const problem = "must be object if parent array's x-kubernetes-list-type is map"
    report.at('items', 'type').invalid(items.type ?? '', problem)
  } else {
    const seen = new Set<string>()
    for (const key of keys) {
      const field = Object.hasOwn(items.properties ?? {}, key) ? items.properties![key]! : undefined
      if (field === undefined) keyPlace.invalid(keys, 'entries must all be names of item properties')
      else if (field.type === 'array' || field.type === 'object') {
        const problem = "must be a scalar type if parent array's x-kubernetes-list-type is map"
        report.at('items', 'properties').key(key).at('type').invalid(items.type, problem)
      }
      if (seen.has(key)) keyPlace.invalid(keys, 'must not contain duplicate entries')
      seen.add(key)
    }
  }
}

/** Items of sets and map lists are values, and so are the keys by which they are told apart. */
export function checkKeysHaveValues(schema: Props, report: Report): void {
  const listType = schema['x-kubernetes-list-type']
  const { items } = schema
  if (items === undefined || Array.isArray(items) || (listType !== 'set' && listType !== 'map')) return
  if (items.nullable === true) {
    report.at('items', 'nullable').forbidden(`cannot be nullable when x-kubernetes-list-type is ${listType}`)
  }
  if (listType !== 'map') return
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    if (!Object.hasOwn(items.properties ?? {}, key)) continue
    const field = items.properties![key]!
    const place = report.at('items', 'properties').key(key)
    const what = 'this property is in x-kubernetes-list-map-keys, so it'
    if (items.required?.includes(key) !== true && field.default === undefined) {
      place.at('default').required(`${what} must have a default or be a required property`)
    }
    if (field.nullable === true) place.at('nullable').forbidden(`${what} cannot be nullable`)
  }
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']
const breaksLine = (text: string): boolean => /[\n\r]/.test(text)

/** What can be said of a rule without reading its expressions. */
function checkRule(schema: Props, rule: ValidationRule, report: Report): void {
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule
  const expression = rule.rule.trim()
  if (expression === '') report.at('rule').required('rule is not specified')
  else if (message !== '' && message.trim() === '') {
    report.at('message').invalid(message, 'must be non-empty if specified')
  } else if (breaksLine(message.trim())) report.at('message').invalid(message, 'must not contain line breaks')
  else if (breaksLine(expression) && message.trim() === '') {
    report.at('message').required('message must be specified if rule contains line breaks')
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    report.at('messageExpression').required('messageExpression must be non-empty if specified')
  }
  if (reason !== undefined && !reasons.includes(reason)) report.at('reason').notSupported(reason, reasons)
  if (fieldPath === '') return
  const place = report.at('fieldPath')
  if (fieldPath.trim() === '') place.invalid(fieldPath, 'must be non-empty if specified')
  if (breaksLine(fieldPath)) place.invalid(fieldPath, 'must not contain line breaks')
  if (unsupportedSchema(schema) === undefined && 'problem' in fieldPathIn(toSchema(schema), fieldPath)) {
    place.invalid(fieldPath, 'must be a valid path')
  }
}
