/**
 * Whether a custom object keeps the rules of its schema. A rule that compares with the old value is asked only where there
 * is one; with ratcheting (KEP-4008) a broken rule is forgiven where nothing changed.
 */
import { evaluate, type Program } from '#lib/cel/program.ts'
import { Optional, type Value } from '#lib/cel/values.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isObject, type Schema, type ValidationRule } from '#machinery/schema/model.ts'
import { fieldPathIn } from '#machinery/structural/fieldPath.ts'
import type { Report } from '#machinery/validate/report.ts'
import type { DeclaredType } from './declaredType.ts'
import { callLimit, longestMessage, objectLimit } from './environment.ts'
import { compileRules, ruleScope, type CompiledRule, type RuleScope } from './rules.ts'
import { typedValue } from './typedValue.ts'

/** What is asked of a value and of what is in it. */
interface RuleNode {
  readonly schema: Schema
  readonly declared: DeclaredType
  readonly rules: readonly CompiledRule[]
  readonly fields: ReadonlyMap<string, RuleNode>
  readonly entries: RuleNode | undefined
  readonly items: RuleNode | undefined
  readonly allOf: readonly RuleNode[]
}

const nodes = new WeakMap<Schema, RuleNode | null>()

/** Whether rules stand anywhere in a schema. */
export function hasRules(schema: Schema): boolean {
  const { rules = [], properties = {}, items, additionalProperties, allOf = [] } = schema
  if (rules.length > 0 || allOf.some(hasRules) || Object.values(properties).some(hasRules)) return true
  if (items !== undefined && hasRules(items)) return true
  return typeof additionalProperties === 'object' && hasRules(additionalProperties)
}

function nodeOf(schema: Schema, isPart = false): RuleNode | undefined {
  let node = nodes.get(schema)
  if (node === undefined) {
    const scope = hasRules(schema) ? ruleScope(schema, !isPart) : undefined
    node = (scope === undefined ? undefined : build(schema, schema, scope)) ?? null
    nodes.set(schema, node)
  }
  return node ?? undefined
}

/** `asking` has the rules; `schema`, which differs within `allOf`, says what the values are. */
function build(asking: Schema, schema: Schema, scope: RuleScope): RuleNode | undefined {
  const { types, declared } = scope
  const below = (
    from: Schema | undefined,
    to: Schema | undefined,
    part: DeclaredType | undefined,
  ): RuleNode | undefined =>
    from === undefined || to === undefined || part === undefined
      ? undefined
      : build(from, to, { types, declared: part })
  const rules = compileRules(asking.rules ?? [], scope)
  const fields = new Map<string, RuleNode>()
  for (const [name, from] of Object.entries(asking.properties ?? {})) {
    const to =
      schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined
    if (to === undefined || !hasRules(from)) continue
    const field = declared.fields?.values().find((each) => each.name === name)
    // A field that no expression can name still may have rules of its own.
    const node = field === undefined ? standingAlone(from, to) : below(from, to, field.declared)
    if (node !== undefined) fields.set(name, node)
  }
  const items = below(asking.items, schema.items, declared.element)
  const entries = below(valuesOf(asking), valuesOf(schema), declared.element)
  const allOf = (asking.allOf ?? []).flatMap((each) => build(each, schema, scope) ?? [])
  if (rules.length + fields.size + allOf.length === 0 && items === undefined && entries === undefined) return undefined
  return { schema, declared, rules, fields, entries, items, allOf }
}

function standingAlone(asking: Schema, schema: Schema): RuleNode | undefined {
  const scope = ruleScope(schema, schema.embeddedResource === true)
  return scope === undefined ? undefined : build(asking, schema, scope)
}

const valuesOf = ({ additionalProperties }: Schema): Schema | undefined =>
  typeof additionalProperties === 'object' ? additionalProperties : undefined

/** What is left to spend, and whom to tell. */
export interface RuleContext {
  /** The cost that may still be spent; below zero once nothing more is asked. */
  budget: number
  /** The value is a part of an object, such as a default; nothing is forgiven. */
  readonly isPart?: boolean
  /** Told of what was forgiven. */
  warn?(message: string): void
}

/** Asks all rules of a schema about a whole object; `old` is the one that it replaces. Reports what is broken. */
export function validateRules(
  schema: Schema,
  value: unknown,
  old: unknown,
  report: Report,
  context: RuleContext = { budget: objectLimit },
): void {
  const node = nodeOf(schema, context.isPart)
  if (node === undefined) return
  const correlation = old === undefined || context.isPart === true ? undefined : { value, old, isRoot: true }
  walk(node, value, old, report, { current: correlation, parent: undefined }, context)
}

/** A value and the one that it replaces. */
interface Pair {
  readonly value: unknown
  readonly old: unknown
  readonly isRoot?: boolean
}

/** What is forgiven: a broken rule where the value, or else the nearest one around it with an old value, is as it was. */
interface Ratchet {
  readonly current: Pair | undefined
  readonly parent: Pair | undefined
}

const nothingForgiven: Ratchet = { current: undefined, parent: undefined }

function isUnchanged({ current, parent }: Ratchet): boolean {
  const pair = current ?? parent
  return pair !== undefined && sameJson(pair.value, pair.old)
}

function descend({ current, parent }: Ratchet, below: Pair | undefined, name?: string): Ratchet {
  if (current === undefined) return { current, parent }
  if (current.isRoot === true && (name === 'apiVersion' || name === 'kind')) return nothingForgiven
  return { current: below, parent: current }
}

function walk(
  node: RuleNode,
  value: unknown,
  old: unknown,
  report: Report,
  ratchet: Ratchet,
  context: RuleContext,
): void {
  // A null is for the rules around it to judge.
  if (value === null || value === undefined) return
  askRules(node, value, old ?? undefined, report, ratchet, context)
  for (const each of node.allOf) {
    if (context.budget < 0) return
    walk(each, value, old, report, { current: undefined, parent: ratchet.parent }, context)
  }
  if (Array.isArray(value)) walkList(node, value, Array.isArray(old) ? old : [], report, ratchet, context)
  else if (isObject(value)) walkObject(node, value, isObject(old) ? old : {}, report, ratchet, context)
}

function walkObject(
  node: RuleNode,
  value: Readonly<Record<string, unknown>>,
  old: Readonly<Record<string, unknown>>,
  report: Report,
  ratchet: Ratchet,
  context: RuleContext,
): void {
  if (node.fields.size === 0 && node.entries === undefined) return
  for (const name of Object.keys(value)) {
    if (context.budget < 0) return
    const field = node.fields.get(name)
    const below = field ?? node.entries
    if (below === undefined) continue
    const before = Object.hasOwn(old, name) ? old[name] : undefined
    const pair = before === undefined ? undefined : { value: value[name], old: before }
    const place = field === undefined ? report.key(name) : report.at(name)
    walk(below, value[name], before, place, descend(ratchet, pair, name), context)
  }
}

function walkList(
  node: RuleNode,
  value: readonly unknown[],
  old: readonly unknown[],
  report: Report,
  ratchet: Ratchet,
  context: RuleContext,
): void {
  if (node.items === undefined) return
  const keys = node.schema.listType === 'map' ? (node.schema.listMapKeys ?? []) : []
  const before = new Map<string, unknown>()
  if (keys.length > 0) for (const item of old) before.set(keyOf(item, keys), item)
  for (const [index, item] of value.entries()) {
    if (context.budget < 0) return
    // Only the items of keyed lists are known again.
    const previous = keys.length === 0 ? undefined : before.get(keyOf(item, keys))
    const pair = previous === undefined ? undefined : { value: item, old: previous }
    walk(node.items, item, previous, report.at(index), descend(ratchet, pair), context)
  }
}

function keyOf(item: unknown, keys: readonly string[]): string {
  if (!isObject(item)) return ''
  return JSON.stringify(keys.map((key) => (Object.hasOwn(item, key) ? [item[key]] : [])))
}

function askRules(
  node: RuleNode,
  value: unknown,
  old: unknown,
  report: Report,
  ratchet: Ratchet,
  context: RuleContext,
): void {
  if (node.rules.length === 0) return
  const { type = '' } = node.schema
  if (context.budget <= 0) return overspent(context, report, type)
  const self = typedValue(node.declared, value)
  const oldSelf = old === undefined ? undefined : typedValue(node.declared, old)
  const plain = oldSelf === undefined ? { self } : { self, oldSelf }
  for (const compiled of node.rules) {
    const { rule, program, problem } = compiled
    if (problem !== undefined) {
      report.invalid(type, `rule compile error: ${problem}`)
      continue
    }
    if (program === undefined) continue
    if (compiled.usesOldSelf && oldSelf === undefined && rule.optionalOldSelf !== true) continue
    const variables = rule.optionalOldSelf === true ? { self, oldSelf: optionalOf(oldSelf) } : plain
    const outcome = evaluate(program, variables, callLimit)
    if (outcome.cost > context.budget) return overspent(context, report, type)
    context.budget -= outcome.cost
    if ('error' in outcome) {
      report.invalid(type, explainError(outcome.error, outcome.cancelled, rule))
      if (outcome.cancelled) context.budget = -1
      if (outcome.cancelled) return
      continue
    }
    if (outcome.value === true) continue
    const message = messageOf(compiled, variables, context)
    const place = placeOf(node.schema, rule, report)
    if ('fatal' in message) {
      place.invalid(type, message.fatal)
      context.budget = -1
      return
    }
    if (!compiled.usesOldSelf && isUnchanged(ratchet))
      context.warn?.(`${place.path}: Invalid value: ${JSON.stringify(type)}: ${message.text}`)
    else reportBroken(rule, place, type, message.text)
  }
}

/** Where a broken rule is reported: at the value, or at the field below it that the rule names. */
function placeOf(schema: Schema, { fieldPath = '' }: ValidationRule, report: Report): Report {
  const path = fieldPathIn(schema, fieldPath)
  if ('problem' in path) return report
  return path.steps.reduce((place, { name, isKey }) => (isKey ? place.key(name) : place.at(name)), report)
}

const optionalOf = (value: Value | undefined): Optional => (value === undefined ? Optional.none : new Optional(value))

function overspent(context: RuleContext, report: Report, type: string): void {
  context.budget = -1
  report.invalid(type, 'validation failed due to running out of cost budget, no further validation rules will be run')
}

function explainError(error: string, cancelled: boolean, rule: ValidationRule): string {
  if (cancelled) {
    return `'${error}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown(rule)}`
  }
  if (error.startsWith('no such overload')) {
    return `'${error}': call arguments did not match a supported operator, function or macro signature for rule: ${shown(rule)}`
  }
  return `${error} evaluating rule: ${shown(rule)}`
}

const shown = ({ message = '', rule }: ValidationRule): string => (message === '' ? rule : message).trim()

/** What is said of a broken rule; `fatal` when the message itself cost too much. */
function messageOf(
  { rule, messageProgram }: CompiledRule,
  variables: Record<string, Value>,
  context: RuleContext,
): { readonly text: string } | { readonly fatal: string } {
  const { message = '' } = rule
  const usual = { text: message === '' ? `failed rule: ${shown(rule)}` : message.trim() }
  if (messageProgram === undefined) return usual
  const made = makeMessage(messageProgram, variables, context.budget)
  if ('fatal' in made) return made
  context.budget -= made.cost
  return made.text === undefined ? usual : { text: made.text }
}

function makeMessage(
  program: Program,
  variables: Record<string, Value>,
  budget: number,
): { readonly cost: number; readonly text?: string } | { readonly fatal: string } {
  const outcome = evaluate(program, variables, callLimit)
  const { cost } = outcome
  if (cost > budget) {
    return {
      fatal:
        'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
    }
  }
  if ('error' in outcome) {
    if (!outcome.cancelled) return { cost }
    const text = JSON.stringify(program.text)
    return {
      fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${text}`,
    }
  }
  const text = typeof outcome.value === 'string' ? outcome.value.trim() : ''
  const usable = text !== '' && !text.includes('\n') && new TextEncoder().encode(text).length <= longestMessage
  return usable ? { cost, text } : { cost }
}

function reportBroken({ reason }: ValidationRule, report: Report, type: string, detail: string): void {
  switch (reason) {
    case 'FieldValueForbidden':
      return report.forbidden(detail)
    case 'FieldValueRequired':
      return report.required(detail)
    case 'FieldValueDuplicate':
      return report.duplicate(type)
    default:
      return report.invalid(type, detail)
  }
}
