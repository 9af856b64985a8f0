import type { MatchCondition, MatchResources, RuleWithOperations } from '#api/admissionregistration/v1/rules.ts'
import { pathSegmentProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import { boolType } from '#lib/cel/types.ts'
import { PolicyCompiler } from '#machinery/cel/admissionEnvironment.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkOneOf } from '#resources/rules.ts'
import { checkSelector } from '#resources/selector.ts'
import { checkExpression } from './expressions.ts'

// What webhooks and policies say about the requests that concern them.

export const failurePolicies = ['Fail', 'Ignore'] as const
export const matchPolicies = ['Equivalent', 'Exact'] as const
export const reinvocationPolicies = ['IfNeeded', 'Never'] as const

/** Operations, groups, versions and resources: each named, and a star not beside others. */
export function checkRule(rule: RuleWithOperations, report: Report): void {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  if (operations.length === 0) report.at('operations').required()
  checkStarAlone(operations, report.at('operations'), 'operations')
  for (const [index, operation] of operations.entries()) {
    checkOneOf(report.at('operations', index), ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'], operation)
  }
  if (apiGroups.length === 0) report.at('apiGroups').required()
  checkStarAlone(apiGroups, report.at('apiGroups'), 'API groups')
  if (apiVersions.length === 0) report.at('apiVersions').required()
  checkStarAlone(apiVersions, report.at('apiVersions'), 'API versions')
  for (const [index, version] of apiVersions.entries()) {
    if (version === '') report.at('apiVersions', index).required()
  }
  checkResources(resources, report.at('resources'))
  checkOneOf(report.at('scope'), ['*', 'Cluster', 'Namespaced'], scope)
}

function checkStarAlone(words: readonly string[], report: Report, what: string): void {
  if (words.length > 1 && words.includes('*')) {
    report.invalid(words, `if '*' is present, must not specify other ${what}`)
  }
}

/** Resources with and without parts; nothing that another entry with a star covers already. */
function checkResources(resources: readonly string[], report: Report): void {
  if (resources.length === 0) report.required()
  const withAnyPart = new Set<string>()
  const ofAnyResource = new Set<string>()
  let isPlain = false
  for (const [index, entry] of resources.entries()) {
    const place = report.at(index)
    if (entry === '') {
      place.required()
      continue
    }
    const slash = entry.indexOf('/')
    if (slash < 0) {
      isPlain = entry !== '*'
      continue
    }
    const [resource, part] = [entry.slice(0, slash), entry.slice(slash + 1)]
    if (withAnyPart.has(resource)) place.invalid(entry, `if '${resource}/*' is present, must not specify ${entry}`)
    if (ofAnyResource.has(part)) place.invalid(entry, `if '*/${part}' is present, must not specify ${entry}`)
    if (part === '*') withAnyPart.add(resource)
    if (resource === '*') ofAnyResource.add(part)
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    report.invalid(resources, "if '*/*' is present, must not specify other resources")
  }
  if (resources.includes('*') && isPlain) {
    report.invalid(resources, "if '*' is present, must not specify other resources without subresources")
  }
}

/** The requests that a policy is about. */
export function checkMatchResources(match: MatchResources, report: Report): void {
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = match
  if (matchPolicy === undefined) report.at('matchPolicy').required()
  else checkOneOf(report.at('matchPolicy'), matchPolicies, matchPolicy)
  if (namespaceSelector === undefined) report.at('namespaceSelector').required()
  else checkSelector(namespaceSelector, report.at('namespaceSelector'))
  if (objectSelector === undefined) report.at('objectSelector').required()
  else checkSelector(objectSelector, report.at('objectSelector'))
  for (const [list, rules] of Object.entries({ resourceRules, excludeResourceRules })) {
    for (const [index, { resourceNames = [], ...rule }] of rules.entries()) {
      const place = report.at(list, index)
      for (const [position, name] of resourceNames.entries()) {
        place.at('resourceNames', position).invalidBecause(name, pathSegmentProblems(name))
        if (resourceNames.indexOf(name) < position) place.at('resourceNames', position).duplicate(name)
      }
      checkRule(rule, place)
    }
  }
}

const mostConditions = 64

/** Conditions in CEL, each with an expression and a name of its own. `hasParams`: whether they may read parameters. */
export function checkMatchConditions(conditions: readonly MatchCondition[], report: Report, hasParams = false): void {
  if (conditions.length > mostConditions) report.tooMany(conditions.length, mostConditions)
  if (conditions.length === 0) return
  const compiler = new PolicyCompiler({ hasParams })
  const names = new Set<string>()
  for (const [index, { name = '', expression = '' }] of conditions.entries()) {
    const place = report.at(index)
    if (expression.trim() === '') place.at('expression').required()
    else checkExpression(compiler, expression, [boolType], place.at('expression'))
    if (name === '') place.at('name').required()
    else {
      place.at('name').invalidBecause(name, qualifiedNameProblems(name))
      if (names.has(name)) place.at('name').duplicate(name)
      names.add(name)
    }
  }
}
