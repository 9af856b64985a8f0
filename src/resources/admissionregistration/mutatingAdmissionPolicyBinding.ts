import { mutatingAdmissionPolicyBindings as alphaBindings } from '#api/admissionregistration/v1alpha1/mutatingAdmissionPolicyBinding.ts'
import {
  mutatingAdmissionPolicyBindings,
  type MutatingAdmissionPolicyBinding,
} from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicyBinding.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkParamRef, checkPolicyName, paramRefText } from './policy.ts'
import { checkMatchResources } from './rules.ts'

/** Where mutating policies hold. */
export const mutatingAdmissionPolicyBindingStrategy: Strategy<MutatingAdmissionPolicyBinding> = {
  resource: mutatingAdmissionPolicyBindings,
  versions: [{ resource: alphaBindings }],
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
    const { policyName = '', paramRef, matchResources } = spec
    const place = report.at('spec')
    checkPolicyName(policyName, place.at('policyName'))
    if (paramRef !== undefined) checkParamRef(paramRef, place.at('paramRef'))
    if (matchResources !== undefined) checkMatchResources(matchResources, place.at('matchResources'))
  },
}
