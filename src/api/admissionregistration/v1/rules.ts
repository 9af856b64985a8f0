// Which requests a webhook or a policy is about.
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'

/** Requests by what they do and which kinds they are about. */
export interface RuleWithOperations {
  /** What is done; `*` for everything. */
  operations?: OperationType[]
  /** The API groups; `*` for all of them, an empty one for the core group. */
  apiGroups?: string[]
  /** The versions of the groups; `*` for all of them. */
  apiVersions?: string[]
  /**
   * The resources in lower case and in the plural, such as `pods` or `pods/log`; a star on either side of the slash
   * stands for all, a star alone for all resources without their parts.
   */
  resources?: string[]
  /** Whether the objects are in namespaces. @default * */
  scope?: RuleScope
}

/** Requests by what they do, which kinds they are about, and the names of the objects. @atomic */
export interface NamedRuleWithOperations {
  /** The names of the objects; all when empty. */
  resourceNames?: string[]
  /** What is done; `*` for everything. */
  operations?: OperationType[]
  /** The API groups; `*` for all of them, an empty one for the core group. */
  apiGroups?: string[]
  /** The versions of the groups; `*` for all of them. */
  apiVersions?: string[]
  /**
   * The resources in lower case and in the plural, such as `pods` or `pods/log`; a star on either side of the slash
   * stands for all, a star alone for all resources without their parts.
   */
  resources?: string[]
  /** Whether the objects are in namespaces. @default * */
  scope?: RuleScope
}

/** The requests that a policy is about. @atomic */
export interface MatchResources {
  /**
   * Labels of the namespaces that count, by those of the namespace itself where the object is one; everything when
   * empty. @default {}
   */
  namespaceSelector?: LabelSelector
  /** Labels that the object must have, before or after the change; everything when empty. @default {} */
  objectSelector?: LabelSelector
  /** What the requests must be; one of the rules is enough. */
  resourceRules?: NamedRuleWithOperations[]
  /** What the requests must not be; these win over the others. */
  excludeResourceRules?: NamedRuleWithOperations[]
  /** Whether a rule also holds for other versions and groups of the resources that it names. @default Equivalent */
  matchPolicy?: MatchPolicyType
}

/** A condition on a request, written in CEL. */
export interface MatchCondition {
  /** Tells the condition from others; a qualified name. */
  name: string
  /**
   * An expression in CEL over `object`, `oldObject`, `request` and `authorizer`; only requests for which all of them
   * are true count.
   */
  expression: string
}

/** What a request does to an object. */
export type OperationType = '*' | 'CONNECT' | 'CREATE' | 'DELETE' | 'UPDATE'

/** Whether objects are in a namespace. */
export type RuleScope = '*' | 'Cluster' | 'Namespaced'

/** Whether rules hold for the named versions alone, or also for others that show the same objects. */
export type MatchPolicyType = 'Equivalent' | 'Exact'

/** What happens to a request when the check itself fails. */
export type FailurePolicyType = 'Fail' | 'Ignore'

/** Whether a change is asked for again when others have changed the object afterwards. */
export type ReinvocationPolicyType = 'IfNeeded' | 'Never'
