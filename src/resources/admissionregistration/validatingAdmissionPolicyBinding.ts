import {
  validatingAdmissionPolicyBindings,
  type ValidatingAdmissionPolicyBinding,
  type ValidationAction,
} from '#api/admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkParamRef, checkPolicyName, paramRefText } from './policy.ts'
import { checkMatchResources } from './rules.ts'

/** Where validating policies hold. */
export const validatingAdmissionPolicyBindingStrategy: Strategy<ValidatingAdmissionPolicyBinding> = {
  resource: validatingAdmissionPolicyBindings,
  columns: [
    nameColumn,
    { name: 'PolicyName', description: 'The policy that holds.', value: ({ spec }) => spec.policyName ?? '' },
    {
      name: 'ParamRef',
      description: 'The objects with the parameters.',
      value: ({ spec }) => paramRefText(spec.paramRef),
    },
    ageColumn,
  ],
  validate({ spec }, _old, report) {
    const { policyName = '', paramRef, matchResources, validationActions = [] } = spec
    const place = report.at('spec')
    checkPolicyName(policyName, place.at('policyName'))
    if (paramRef !== undefined) checkParamRef(paramRef, place.at('paramRef'))
    if (matchResources !== undefined) checkMatchResources(matchResources, place.at('matchResources'))
    checkActions(validationActions, place.at('validationActions'))
  },
}

const actions: readonly ValidationAction[] = ['Audit', 'Deny', 'Warn']

function checkActions(wanted: readonly ValidationAction[], report: Report): void {
  for (const [index, action] of wanted.entries()) {
    if (!actions.includes(action)) report.at(index).notSupported(action, actions)
    if (wanted.indexOf(action) < index) report.at(index).duplicate(action)
  }
  if (wanted.includes('Deny') && wanted.includes('Warn')) {
    report.invalid(
      wanted,
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    )
  }
  if (wanted.length === 0) report.required('at least one validation action is required')
}
