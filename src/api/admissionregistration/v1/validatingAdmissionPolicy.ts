// Policies in CEL that may refuse requests.
import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int64 } from '#api/scalars.ts'
import type { ParamKind, Variable } from './policy.ts'
import type { FailurePolicyType, MatchCondition, MatchResources } from './rules.ts'

/** Rules in CEL by which requests are refused; they hold where a binding says so. */
export interface ValidatingAdmissionPolicy extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The rules, and the requests that they are about. @default {} @optional */
  spec: ValidatingAdmissionPolicySpec
  /** What checking the rules has found. @default {} */
  status?: ValidatingAdmissionPolicyStatus
}

/** The kind ValidatingAdmissionPolicy as it is addressed: `validatingadmissionpolicies` of admissionregistration.k8s.io. */
export const validatingAdmissionPolicies = resource<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  scope: 'Cluster',
  categories: ['api-extensions'],
})

/** The rules of a policy, and the requests that they are about. */
export interface ValidatingAdmissionPolicySpec {
  /** The kind of the objects with parameters; none when absent. */
  paramKind?: ParamKind
  /** The requests that the policy is about. */
  matchConstraints?: MatchResources
  /** The rules; a request must fulfil them all. At least one of these or of `auditAnnotations`. */
  validations?: Validation[]
  /** What happens to a request when a rule cannot be evaluated. @default Fail */
  failurePolicy?: FailurePolicyType
  /** What is added to the audit log of the request; at most 20. */
  auditAnnotations?: AuditAnnotation[]
  /** Conditions in CEL that a request must also fulfil for the policy to hold; at most 64. @listMap name */
  matchConditions?: MatchCondition[]
  /** Values that the expressions can share; each may use those before it. @listMap name */
  variables?: Variable[]
}

/** One rule of a policy. */
export interface Validation {
  /**
   * An expression in CEL over `object`, `oldObject`, `request`, `params`, `namespaceObject`, `variables` and
   * `authorizer`; requests for which it is false are refused.
   */
  expression: string
  /** Why the request is refused, in one line. */
  message?: string
  /** The reason of the refusal for programs; `Invalid` when absent. @unlisted */
  reason?: 'Forbidden' | 'Invalid' | 'RequestEntityTooLarge' | 'Unauthorized'
  /** An expression in CEL whose text is the message; wins over `message` unless it fails or is empty. */
  messageExpression?: string
}

/** Something that is added to the audit log of a request. */
export interface AuditAnnotation {
  /** The second half of the key, behind the name of the policy and a slash; a qualified name. */
  key: string
  /** An expression in CEL for the value; nothing is added when it is null or empty. */
  valueExpression: string
}

/** What checking the rules of a policy has found. */
export interface ValidatingAdmissionPolicyStatus {
  /** The `metadata.generation` that was last checked. */
  observedGeneration?: int64
  /** What is odd about the types of the expressions; absent until it was looked for. */
  typeChecking?: TypeChecking
  /** What holds of the policy at present. @listMap type @replace */
  conditions?: Condition[]
}

/** What is odd about the types of the expressions of a policy. */
export interface TypeChecking {
  /** What is odd, by expression. */
  expressionWarnings?: ExpressionWarning[]
}

/** What is odd about the types of one expression. */
export interface ExpressionWarning {
  /** The path of the expression, such as `spec.validations[0].expression`. */
  fieldRef: string
  /** What is wrong, for each kind that the policy is about. */
  warning: string
}

/** Several objects of kind ValidatingAdmissionPolicy, as a list request returns them. */
export interface ValidatingAdmissionPolicyList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ValidatingAdmissionPolicy[]
}
