// Flow schemas: which requests belong together.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32 } from '#api/scalars.ts'

/** Says which requests belong to a priority level, and which of them form one flow. */
export interface FlowSchema extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The requests, and the level. @default {} @optional */
  spec: FlowSchemaSpec
  /** What is wrong with it. @default {} */
  status?: FlowSchemaStatus
}

/** The kind FlowSchema as it is addressed: `flowschemas` of flowcontrol.apiserver.k8s.io. */
export const flowSchemas = resource<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  scope: 'Cluster',
})

/** Which requests belong to a priority level. */
export interface FlowSchemaSpec {
  /** The level. @default {} */
  priorityLevelConfiguration: PriorityLevelConfigurationReference
  /** Of several that fit, the one with the lowest number wins; 1 to 10000. @default 1000 */
  matchingPrecedence?: int32
  /** How the requests are told apart into flows; all are one when absent. */
  distinguisherMethod?: FlowDistinguisherMethod
  /** The requests; one of the rules is enough, and none fits when empty. */
  rules?: PolicyRulesWithSubjects[]
}

/** A priority level. */
export interface PriorityLevelConfigurationReference {
  /** The name of the level. */
  name: string
}

/** How requests are told apart into flows. */
export interface FlowDistinguisherMethod {
  /** By the user who sends them, or by the namespace that they are about. @unlisted */
  type: 'ByNamespace' | 'ByUser'
}

/** Requests by who sends them and what they are about. */
export interface PolicyRulesWithSubjects {
  /** Who sends them; one is enough. */
  subjects: Subject[]
  /** Requests about objects; one of these or of `nonResourceRules` is enough. */
  resourceRules?: ResourcePolicyRule[]
  /** Requests about other paths. */
  nonResourceRules?: NonResourcePolicyRule[]
}

/** Somebody who sends requests; the member that `kind` tells is set. */
export interface Subject {
  /** Whether it is a user, a group or an account. @unlisted */
  kind: 'Group' | 'ServiceAccount' | 'User'
  /** The user. */
  user?: UserSubject
  /** The group. */
  group?: GroupSubject
  /** The account. */
  serviceAccount?: ServiceAccountSubject
}

/** A user. */
export interface UserSubject {
  /** The name of the user; `*` for all. */
  name: string
}

/** The members of a group. */
export interface GroupSubject {
  /** The name of the group; `*` for all. */
  name: string
}

/** An account. */
export interface ServiceAccountSubject {
  /** The namespace of the account. */
  namespace: string
  /** The name of the account; `*` for all of the namespace. */
  name: string
}

/** Requests about objects. */
export interface ResourcePolicyRule {
  /** What is done; `*` for everything. @listSet */
  verbs: string[]
  /** The API groups; `*` for all, an empty one for the core group. @listSet */
  apiGroups: string[]
  /** The resources in lower case and in the plural, with a slash before a part; `*` for all. @listSet */
  resources: string[]
  /** Whether requests without a namespace count. */
  clusterScope?: boolean
  /** The namespaces whose requests count; `*` for all. @listSet */
  namespaces?: string[] | null
}

/** Requests about other paths than those of objects. */
export interface NonResourcePolicyRule {
  /** The methods in lower case; `*` for all. @listSet */
  verbs: string[]
  /** The paths, such as `/healthz`; with a star at the end all that begin so. @listSet */
  nonResourceURLs: string[]
}

/** What is wrong with a flow schema. */
export interface FlowSchemaStatus {
  /** Facts, such as that its level does not exist. @listMap type */
  conditions?: FlowSchemaCondition[]
}

/** One fact about a flow schema. */
export interface FlowSchemaCondition {
  /** The kind of fact; `Dangling` is one. */
  type?: string
  /** Whether it holds. */
  status?: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** Several objects of kind FlowSchema, as a list request returns them. */
export interface FlowSchemaList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: FlowSchema[]
}
