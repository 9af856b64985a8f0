// The expressions of a schema's rules: that they compile, and that they cannot cost too much.
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { unbounded } from '#lib/cel/cost.ts'
import type { DeclaredType } from '#machinery/cel/declaredType.ts'
import { hasRules } from '#machinery/cel/evaluateRules.ts'
import { compileRules, mostOccurrences, ruleScope, type CompiledRule, type RuleScope } from '#machinery/cel/rules.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { toSchema } from '#machinery/structural/toSchema.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'

/** What one rule may cost, for all values of one object that it is asked about. */
const ruleLimit = 10_000_000
/** What all rules of a schema may cost together. */
const schemaLimit = 100_000_000
/** How many of the most expensive rules are named when all together cost too much. */
const mostNamed = 4

const ruleDefinition = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule'

/** Checks the expressions of a schema and all below it. `known`: the schema was stored before, so no rule is too expensive now. */
export function checkExpressions(props: JSONSchemaProps, known: boolean, report: Report): void {
  const schema = toSchema(props)
  if (!hasRules(schema)) return
  const costs: RuleCost[] = []
  const scope = ruleScope(schema, true)
  checkNode({ schema, scope, isRoot: true, cardinality: 1, uncorrelated: undefined }, { known, costs }, report)
  const total = costs.reduce((sum, { cost }) => Math.min(sum + cost, unbounded), 0)
  if (total <= schemaLimit) return
  const expensive = costs.filter(({ cost }) => cost >= schemaLimit / 100).toSorted((a, b) => b.cost - a.cost)
  for (const { place } of expensive.slice(0, mostNamed)) {
    place.forbidden('contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema')
  }
  report.forbidden(
    costProblem('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', total, schemaLimit),
  )
}

interface RuleCost {
  readonly place: Report
  readonly cost: number
}

interface Walk {
  readonly known: boolean
  readonly costs: RuleCost[]
}

/** A schema, and how often its values can stand in an object; undefined when nothing bounds that. */
interface Node {
  readonly schema: Schema
  readonly scope: RuleScope | undefined
  readonly isRoot: boolean
  readonly cardinality: number | undefined
  /** The list around it whose items cannot be found again in an old one. */
  readonly uncorrelated: string | undefined
}

function checkNode(node: Node, walk: Walk, report: Report): void {
  const { schema, scope, cardinality } = node
  const { properties = {}, items, additionalProperties, rules = [] } = schema
  const part = (declared: DeclaredType | undefined): RuleScope | undefined =>
    scope === undefined || declared === undefined ? undefined : { types: scope.types, declared }
  const times = (most: number | undefined): number | undefined =>
    cardinality === undefined || most === undefined ? undefined : Math.min(cardinality * Math.max(most, 0), unbounded)
  const below = (inner: Schema, declared: DeclaredType | undefined, most: number | undefined, place: Report): void => {
    if (!hasRules(inner)) return
    const found = part(declared) ?? ruleScope(inner, inner.embeddedResource === true)
    const uncorrelated =
      inner === items && schema.listType !== 'map' ? (node.uncorrelated ?? report.path) : node.uncorrelated
    checkNode({ schema: inner, scope: found, isRoot: false, cardinality: times(most), uncorrelated }, walk, place)
  }
  const fields = new Map(scope?.declared.fields?.values().map(({ name, declared }) => [name, declared]))
  if (typeof additionalProperties === 'object') {
    below(additionalProperties, scope?.declared.element, schema.maxProperties, report.at('additionalProperties'))
  }
  for (const [name, field] of Object.entries(properties)) {
    below(field, fields.get(name), 1, report.at('properties').key(name))
  }
  if (items !== undefined) below(items, scope?.declared.element, schema.maxItems, report.at('items'))
  const place = report.at('x-kubernetes-validations')
  if (rules.length === 0) return
  if (scope === undefined) {
    place.problem('InternalError', 'internal error: failed to retrieve type information for x-kubernetes-validations')
    return
  }
  const occurrences = cardinality ?? mostOccurrences(scope.declared)
  for (const [index, compiled] of compileRules(rules, scope).entries()) {
    checkRule(compiled, occurrences, node.uncorrelated, walk, place.at(index))
  }
}

function checkRule(
  compiled: CompiledRule,
  occurrences: number,
  uncorrelated: string | undefined,
  { known, costs }: Walk,
  report: Report,
): void {
  const { rule, problem, messageProblem } = compiled
  const cost = Math.min(compiled.cost * occurrences, unbounded)
  const place = report.at('rule')
  if (!known && cost > ruleLimit) place.forbidden(costProblem('estimated rule cost', cost, ruleLimit))
  costs.push({ place, cost })
  if (problem !== undefined) place.invalid(goForm(ruleDefinition, rule), problem)
  const messagePlace = report.at('messageExpression')
  if (messageProblem !== undefined) messagePlace.invalid(goForm(ruleDefinition, rule), messageProblem)
  else if (compiled.messageProgram !== undefined) {
    if (!known && compiled.messageCost > ruleLimit) {
      messagePlace.forbidden(costProblem('estimated messageExpression cost', compiled.messageCost, ruleLimit))
    }
    costs.push({ place: messagePlace, cost: compiled.messageCost })
  }
  if (compiled.usesOldSelf) {
    if (uncorrelated === undefined) return
    place.invalid(
      rule.rule,
      `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`,
    )
  } else if (rule.optionalOldSelf !== undefined) {
    report.at('optionalOldSelf').invalid(rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule')
  }
}

function costProblem(what: string, cost: number, limit: number): string {
  const times = cost / limit
  // Beyond that the estimate says nothing more.
  const factor = times > 100 ? 'more than 100x' : `${times.toFixed(times < 1.5 ? 6 : 1)}x`
  const advice =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared'
  return `${what} exceeds budget by factor of ${factor} (${advice})`
}
