// Policies in CEL that change objects, in the shape of v1beta1.
import { resource } from '#api/resource.ts'
import {
  mutatingAdmissionPolicies as stable,
  type MutatingAdmissionPolicy,
} from '../v1beta1/mutatingAdmissionPolicy.ts'

export type {
  ApplyConfiguration,
  JSONPatch,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyList,
  MutatingAdmissionPolicySpec,
  Mutation,
} from '../v1beta1/mutatingAdmissionPolicy.ts'

/** The kind MutatingAdmissionPolicy in v1alpha1. */
export const mutatingAdmissionPolicies = resource<MutatingAdmissionPolicy>({ ...stable, version: 'v1alpha1' })
