// Policies in CEL that change objects before they are written.
import { resource } from '#api/resource.ts'
import type { ParamKind, Variable } from '#api/admissionregistration/v1/policy.ts'
import type {
  FailurePolicyType,
  MatchCondition,
  MatchResources,
  ReinvocationPolicyType,
} from '#api/admissionregistration/v1/rules.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Changes in CEL that are made to objects before they are written; they hold where a binding says so. */
export interface MutatingAdmissionPolicy extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The changes, and the requests that they are made to. @default {} @optional */
  spec: MutatingAdmissionPolicySpec
}

/** The kind MutatingAdmissionPolicy as it is addressed: `mutatingadmissionpolicies` of admissionregistration.k8s.io. */
export const mutatingAdmissionPolicies = resource<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1beta1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  scope: 'Cluster',
  categories: ['api-extensions'],
})

/** The changes of a policy, and the requests that they are made to. */
export interface MutatingAdmissionPolicySpec {
  /** The kind of the objects with parameters; none when absent. */
  paramKind?: ParamKind
  /** The requests that the policy is about; deletions are none of them. */
  matchConstraints?: MatchResources
  /** Values that the expressions can share; each may use those before it. */
  variables?: Variable[]
  /** The changes, one after the other. */
  mutations?: Mutation[]
  /** What happens to a request when a change cannot be made. @default Fail */
  failurePolicy?: FailurePolicyType
  /** Conditions in CEL that a request must also fulfil for the policy to hold; at most 64. @listMap name */
  matchConditions?: MatchCondition[]
  /** Whether the changes are made again when others have changed the object after them. */
  reinvocationPolicy?: ReinvocationPolicyType
}

/** One change, in one of two forms. */
export interface Mutation {
  /** The form of the change. */
  patchType: 'ApplyConfiguration' | 'JSONPatch'
  /** The change as a part of the object that is merged into it, as server-side apply does. */
  applyConfiguration?: ApplyConfiguration
  /** The change as a list of operations. */
  jsonPatch?: JSONPatch
}

/** A change as a part of an object. */
export interface ApplyConfiguration {
  /** An expression in CEL that makes an apply configuration such as `Object{spec: Object.spec{replicas: 1}}`. */
  expression?: string
}

/** A change as a list of operations. */
export interface JSONPatch {
  /** An expression in CEL that makes a list of `JSONPatch{op: …, path: …, value: …}`. */
  expression?: string
}

/** Several objects of kind MutatingAdmissionPolicy, as a list request returns them. */
export interface MutatingAdmissionPolicyList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: MutatingAdmissionPolicy[]
}
