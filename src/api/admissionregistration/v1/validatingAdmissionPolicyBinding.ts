// Where validating policies hold.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ParamRef } from './policy.ts'
import type { MatchResources } from './rules.ts'

/** Says where a policy holds, with which parameters, and what happens to requests that break it. */
export interface ValidatingAdmissionPolicyBinding extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Where the policy holds, and with which parameters. @default {} @optional */
  spec: ValidatingAdmissionPolicyBindingSpec
}

/** The kind ValidatingAdmissionPolicyBinding as it is addressed: `validatingadmissionpolicybindings` of admissionregistration.k8s.io. */
export const validatingAdmissionPolicyBindings = resource<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  scope: 'Cluster',
  categories: ['api-extensions'],
})

/** Where a policy holds, with which parameters, and what happens to requests that break it. */
export interface ValidatingAdmissionPolicyBindingSpec {
  /** The name of the policy. */
  policyName?: string
  /** The objects with the parameters; for policies with a `paramKind`. */
  paramRef?: ParamRef
  /** Narrows the requests that the policy is about; all of them when absent. */
  matchResources?: MatchResources
  /** What happens to requests that break a rule; not both `Deny` and `Warn`. @listSet */
  validationActions?: ValidationAction[]
}

/** Several objects of kind ValidatingAdmissionPolicyBinding, as a list request returns them. */
export interface ValidatingAdmissionPolicyBindingList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ValidatingAdmissionPolicyBinding[]
}

/** What happens to a request that breaks a rule: it is refused, answered with a warning, or noted in the audit log. */
export type ValidationAction = 'Audit' | 'Deny' | 'Warn'
