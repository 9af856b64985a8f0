import { flowSchemas, type FlowSchema, type FlowSchemaSpec } from '#api/flowcontrol/v1/flowSchema.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { mandatoryFlowSchemas } from '#machinery/mandatoryFlowControl.ts'
import { checkConditionTypes } from './conditionTypes.ts'
import { checkRule } from './policyRules.ts'

/** Flow schemas: which requests belong to a priority level. */
export const flowSchemaStrategy: Strategy<FlowSchema> = {
  resource: flowSchemas,
  reserved: ['status'],
  columns: [
    nameColumn,
    {
      name: 'PriorityLevel',
      description: 'The level of the requests.',
      value: ({ spec }) => spec.priorityLevelConfiguration.name,
    },
    {
      name: 'MatchingPrecedence',
      description: 'Of several that fit, the lowest wins.',
      value: ({ spec }) => spec.matchingPrecedence ?? 0,
    },
    {
      name: 'DistinguisherMethod',
      description: 'How requests are told apart into flows.',
      value: ({ spec }) => spec.distinguisherMethod?.type ?? '<none>',
    },
    ageColumn,
    {
      name: 'MissingPL',
      description: 'Whether the level does not exist.',
      value: ({ status }) => conditionOf(withTypes(status?.conditions), 'Dangling')?.status ?? '?',
    },
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate: ({ status }, _old, report) =>
        checkConditionTypes(status?.conditions, 'must not be empty', report.at('status', 'conditions')),
    },
  },
  validate({ metadata: { name }, spec }, _old, report) {
    const place = report.at('spec')
    checkSpec(name, spec, place)
    const fixed = Object.hasOwn(mandatoryFlowSchemas, name) ? mandatoryFlowSchemas[name] : undefined
    if (fixed === undefined || sameJson(spec, fixed)) return
    const shown = goForm('io.k8s.api.flowcontrol.v1.FlowSchemaSpec', spec)
    place.invalid(shown, `spec of '${name}' must equal the fixed value`)
  },
}

/** Conditions that say of what type they are. */
function withTypes(conditions: NonNullable<FlowSchema['status']>['conditions']) {
  return (conditions ?? []).map((condition) => ({ ...condition, type: condition.type ?? '' }))
}

const mostPrecedence = 10_000
const methods = ['ByNamespace', 'ByUser']

function checkSpec(name: string, spec: FlowSchemaSpec, report: Report): void {
  const { matchingPrecedence = 0, distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec
  const precedence = report.at('matchingPrecedence')
  if (matchingPrecedence <= 0) precedence.invalid(matchingPrecedence, 'must be a positive value')
  if (matchingPrecedence > mostPrecedence) {
    precedence.invalid(matchingPrecedence, `must not be greater than ${mostPrecedence}`)
  }
  if (matchingPrecedence === 1 && name !== 'exempt') {
    precedence.invalid(matchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1")
  }
  if (distinguisherMethod !== undefined && !methods.includes(distinguisherMethod.type)) {
    const shown = goForm('io.k8s.api.flowcontrol.v1.FlowDistinguisherMethod', distinguisherMethod)
    report.at('distinguisherMethod', 'type').notSupported(shown, methods)
  }
  const level = priorityLevelConfiguration?.name ?? ''
  const place = report.at('priorityLevelConfiguration', 'name')
  if (level === '') place.required('must reference a priority level')
  else place.invalidBecause(level, dnsSubdomainProblems(level))
  for (const [index, rule] of rules.entries()) checkRule(rule, report.at('rules', index))
}
