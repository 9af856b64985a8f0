import {
  validatingAdmissionPolicies,
  type AuditAnnotation,
  type ValidatingAdmissionPolicy,
  type Validation,
} from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { boolType, nullType, stringType } from '#lib/cel/types.ts'
import { PolicyCompiler } from '#machinery/cel/admissionEnvironment.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkConditions } from '#resources/conditions.ts'
import { goForm } from '#resources/goForm.ts'
import { checkOneOf } from '#resources/rules.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkExpression } from './expressions.ts'
import { checkParamKind, checkVariables, paramKindText } from './policy.ts'
import { checkMatchConditions, checkMatchResources, failurePolicies } from './rules.ts'

/** Policies in CEL that may refuse requests. */
export const validatingAdmissionPolicyStrategy: Strategy<ValidatingAdmissionPolicy> = {
  resource: validatingAdmissionPolicies,
  reserved: ['status'],
  columns: [
    nameColumn,
    {
      name: 'Validations',
      type: 'integer',
      description: 'How many rules there are.',
      value: ({ spec }) => spec.validations?.length ?? 0,
    },
    {
      name: 'ParamKind',
      description: 'The kind of the parameters.',
      value: ({ spec }) => paramKindText(spec.paramKind),
    },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate({ status = {} }, _old, report) {
        const place = report.at('status')
        for (const [index, { warning, fieldRef }] of (status.typeChecking?.expressionWarnings ?? []).entries()) {
          const one = place.at('typeChecking', 'expressionWarnings', index)
          if (warning === '') one.at('warning').required()
          if (fieldRef.trim() === '') one.at('fieldRef').required()
        }
        checkConditions(status.conditions, place.at('conditions'))
      },
    },
  },
  validate({ metadata, spec }, old, report) {
    const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [] } = spec
    const { validations = [], auditAnnotations = [] } = spec
    const place = report.at('spec')
    if (failurePolicy === undefined) place.at('failurePolicy').required()
    else checkOneOf(place.at('failurePolicy'), failurePolicies, failurePolicy)
    if (paramKind !== undefined) checkParamKind(paramKind, place.at('paramKind'))
    const constraints = place.at('matchConstraints')
    if (matchConstraints === undefined) constraints.required()
    else {
      checkMatchResources(matchConstraints, constraints)
      if ((matchConstraints.resourceRules ?? []).length === 0) constraints.at('resourceRules').required()
    }
    const conditionsStay =
      old !== undefined &&
      sameJson(matchConditions, old.spec.matchConditions) &&
      sameJson(paramKind, old.spec.paramKind)
    const hasParams = paramKind !== undefined
    if (!conditionsStay) checkMatchConditions(matchConditions ?? [], place.at('matchConditions'), hasParams)
    const compiler = new PolicyCompiler({ hasParams })
    checkVariables(variables, place.at('variables'), compiler)
    if (validations.length === 0 && auditAnnotations.length === 0) {
      const none = 'validations or auditAnnotations must contain at least one item'
      place.at('validations').required(none)
      place.at('auditAnnotations').required(none)
    }
    for (const [index, rule] of validations.entries()) checkValidation(rule, compiler, place.at('validations', index))
    checkAuditAnnotations(metadata.name, auditAnnotations, compiler, place.at('auditAnnotations'))
  },
}

function checkValidation(rule: Validation, compiler: PolicyCompiler, report: Report): void {
  const { expression = '', messageExpression = '', message = '', reason } = rule
  if (expression.trim() === '') report.at('expression').required('expression is not specified')
  else checkExpression(compiler, expression, [boolType], report.at('expression'))
  const blank = 'must be non-empty if specified'
  if (messageExpression !== '' && messageExpression.trim() === '') {
    report.at('messageExpression').invalid(messageExpression, blank)
  } else if (messageExpression !== '') {
    const messages = compiler.withoutAuthorizer()
    checkExpression(messages, messageExpression, [stringType], report.at('messageExpression'))
  }
  if (message !== '' && message.trim() === '') report.at('message').invalid(message, blank)
  else if (/[\n\r]/.test(message.trim())) report.at('message').invalid(message, 'must not contain line breaks')
  checkOneOf(report.at('reason'), ['Forbidden', 'Invalid', 'RequestEntityTooLarge'], reason)
}

const mostAuditAnnotations = 20
/** Expressions that join texts make values longer than themselves, and values may have twice this. */
const longestValueExpression = 5 * 1024

function checkAuditAnnotations(
  policy: string,
  annotations: readonly AuditAnnotation[],
  compiler: PolicyCompiler,
  report: Report,
): void {
  if (annotations.length > mostAuditAnnotations) {
    const shown = annotations.map((one) => goForm('io.k8s.api.admissionregistration.v1.AuditAnnotation', one))
    report.invalid(shown, `must not have more than ${mostAuditAnnotations} auditAnnotations`)
  }
  const keys = new Set<string>()
  for (const [index, { key = '', valueExpression = '' }] of annotations.entries()) {
    const place = report.at(index)
    if (policy === '') place.at('key').invalid(key, 'requires metadata.name be non-empty')
    else place.at('key').invalidBecause(`${policy}/${key}`, qualifiedNameProblems(`${policy}/${key}`))
    const size = new TextEncoder().encode(valueExpression.trim()).length
    if (size === 0) place.at('valueExpression').required('valueExpression is not specified')
    else if (size > longestValueExpression) {
      place.at('valueExpression').required(`must not exceed ${longestValueExpression} bytes in length`)
    } else {
      const values = compiler.withoutAuthorizer()
      checkExpression(values, valueExpression, [stringType, nullType], place.at('valueExpression'))
    }
    if (keys.has(key)) place.at('key').duplicate(key)
    keys.add(key)
  }
}
