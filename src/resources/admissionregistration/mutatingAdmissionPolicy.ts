import { mutatingAdmissionPolicies as alphaPolicies } from '#api/admissionregistration/v1alpha1/mutatingAdmissionPolicy.ts'
import {
  mutatingAdmissionPolicies,
  type MutatingAdmissionPolicy,
  type Mutation,
} from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicy.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkOneOf } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { listType } from '#lib/cel/types.ts'
import { PolicyCompiler } from '#machinery/cel/admissionEnvironment.ts'
import { objectResult, patchOperation } from '#machinery/cel/patchTypes.ts'
import { checkExpression } from './expressions.ts'
import { checkParamKind, checkVariables, paramKindText } from './policy.ts'
import { checkMatchConditions, checkMatchResources, failurePolicies, reinvocationPolicies } from './rules.ts'

/** Policies in CEL that change objects before they are written. */
export const mutatingAdmissionPolicyStrategy: Strategy<MutatingAdmissionPolicy> = {
  resource: mutatingAdmissionPolicies,
  versions: [{ resource: alphaPolicies }],
  columns: [
    nameColumn,
    {
      name: 'Mutations',
      type: 'integer',
      description: 'How many changes there are.',
      value: ({ spec }) => spec.mutations?.length ?? 0,
    },
    {
      name: 'ParamKind',
      description: 'The kind of the parameters.',
      value: ({ spec }) => paramKindText(spec.paramKind),
    },
    ageColumn,
  ],
  validate({ spec }, old, report) {
    const { failurePolicy, paramKind, matchConstraints, matchConditions, variables = [], mutations = [] } = spec
    const place = report.at('spec')
    if (failurePolicy === undefined) place.at('failurePolicy').required()
    else checkOneOf(place.at('failurePolicy'), failurePolicies, failurePolicy)
    if (paramKind !== undefined) checkParamKind(paramKind, place.at('paramKind'))
    const constraints = place.at('matchConstraints')
    if (matchConstraints === undefined) constraints.required()
    else {
      const { resourceRules = [] } = matchConstraints
      checkMatchResources(matchConstraints, constraints)
      if (resourceRules.length === 0) constraints.at('resourceRules').required()
      for (const operation of resourceRules.flatMap(({ operations = [] }) => operations)) {
        const allowed = ['*', 'CONNECT', 'CREATE', 'UPDATE']
        checkOneOf(constraints.at('resourceRules', 'operations'), allowed, operation)
      }
    }
    const conditionsStay =
      old !== undefined &&
      sameJson(matchConditions, old.spec.matchConditions) &&
      sameJson(paramKind, old.spec.paramKind)
    const hasParams = paramKind !== undefined
    if (!conditionsStay) checkMatchConditions(matchConditions ?? [], place.at('matchConditions'), hasParams)
    const compiler = new PolicyCompiler({ hasParams, hasPatches: true })
    checkVariables(variables, place.at('variables'), compiler)
    if (mutations.length === 0) place.at('mutations').required('mutations must contain at least one item')
    for (const [index, mutation] of mutations.entries()) checkMutation(mutation, compiler, place.at('mutations', index))
    if (spec.reinvocationPolicy === undefined) place.at('reinvocationPolicy').required()
    else checkOneOf(place.at('reinvocationPolicy'), reinvocationPolicies, spec.reinvocationPolicy)
  },
}

/** The member that holds a change of each form. */
const members = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const

function checkMutation(mutation: Mutation, compiler: PolicyCompiler, report: Report): void {
  const { patchType } = mutation
  if (patchType === undefined || (patchType as string) === '') {
    report.at('patchType').required()
    return
  }
  if (!Object.hasOwn(members, patchType)) {
    report.at('patchType').notSupported(patchType, Object.keys(members))
    return
  }
  const own = members[patchType]
  const other = own === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch'
  const change = mutation[own]
  if (change === undefined) report.at(own).required(`must be specified when patchType is ${patchType}`)
  else if ((change.expression ?? '').trim() === '') report.at(own, 'expression').required()
  else {
    const result = own === 'jsonPatch' ? listType(patchOperation) : objectResult
    checkExpression(compiler, change.expression!, [result], report.at(own, 'expression'))
  }
  if (mutation[other] !== undefined) {
    report.at(other).invalid(`{${other}}`, `must not be specified when patchType is ${patchType}`)
  }
}
