// Where mutating policies hold.
import { resource } from '#api/resource.ts'
import type { ParamRef } from '#api/admissionregistration/v1/policy.ts'
import type { MatchResources } from '#api/admissionregistration/v1/rules.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Says where a policy holds, and with which parameters. */
export interface MutatingAdmissionPolicyBinding extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Where the policy holds, and with which parameters. @default {} @optional */
  spec: MutatingAdmissionPolicyBindingSpec
}

/** The kind MutatingAdmissionPolicyBinding as it is addressed: `mutatingadmissionpolicybindings` of admissionregistration.k8s.io. */
export const mutatingAdmissionPolicyBindings = resource<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1beta1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
  scope: 'Cluster',
  categories: ['api-extensions'],
})

/** Where a policy holds, and with which parameters. */
export interface MutatingAdmissionPolicyBindingSpec {
  /** The name of the policy. */
  policyName?: string
  /** The objects with the parameters; for policies with a `paramKind`. */
  paramRef?: ParamRef
  /** Narrows the requests that the policy is about; all of them when absent. */
  matchResources?: MatchResources
}

/** Several objects of kind MutatingAdmissionPolicyBinding, as a list request returns them. */
export interface MutatingAdmissionPolicyBindingList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: MutatingAdmissionPolicyBinding[]
}
