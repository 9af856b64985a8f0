// Where mutating policies hold, in the shape of v1beta1.
import { resource } from '#api/resource.ts'
import {
  mutatingAdmissionPolicyBindings as stable,
  type MutatingAdmissionPolicyBinding,
} from '../v1beta1/mutatingAdmissionPolicyBinding.ts'

export type {
  MutatingAdmissionPolicyBinding,
  MutatingAdmissionPolicyBindingList,
  MutatingAdmissionPolicyBindingSpec,
} from '../v1beta1/mutatingAdmissionPolicyBinding.ts'

/** The kind MutatingAdmissionPolicyBinding in v1alpha1. */
export const mutatingAdmissionPolicyBindings = resource<MutatingAdmissionPolicyBinding>({
  ...stable,
  version: 'v1alpha1',
})
