// Quotas: how much a namespace may use.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ResourceList } from './container.ts'

/** Limits how much the objects of a namespace may use together. */
export interface ResourceQuota extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The limits. @default {} @optional */
  spec: ResourceQuotaSpec
  /** The limits in force and what is used. @default {} */
  status?: ResourceQuotaStatus
}

/** The kind ResourceQuota as it is addressed: `resourcequotas`. */
export const resourceQuotas = resource<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  scope: 'Namespaced',
  shortNames: ['quota'],
})

/** The limits for a namespace. */
export interface ResourceQuotaSpec {
  /** The most for each resource, such as `pods`, `requests.cpu` or `count/secrets`. */
  hard?: ResourceList
  /** Counts only objects for which all of these hold. */
  scopes?: ResourceQuotaScope[]
  /** Counts only objects that match, with values for the scopes. */
  scopeSelector?: ScopeSelector
}

/** Requirements on scopes, all of which must be met. @atomic */
export interface ScopeSelector {
  /** The requirements. */
  matchExpressions?: ScopedResourceSelectorRequirement[]
}

/** A scope, an operator and values. */
export interface ScopedResourceSelectorRequirement {
  /** The scope. */
  scopeName: ResourceQuotaScope
  /** How the object's value relates to `values`. */
  operator: ScopeSelectorOperator
  /** Some for `In` and `NotIn`, none for `Exists` and `DoesNotExist`. */
  values?: string[]
}

/** The limits in force and what is used. */
export interface ResourceQuotaStatus {
  /** The limits in force. */
  hard?: ResourceList
  /** What is used now. */
  used?: ResourceList
}

/** Several objects of kind ResourceQuota, as a list request returns them. */
export interface ResourceQuotaList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ResourceQuota[]
}

/** Which objects a quota counts. */
export type ResourceQuotaScope =
  | 'Terminating'
  | 'NotTerminating'
  | 'BestEffort'
  | 'NotBestEffort'
  | 'PriorityClass'
  | 'CrossNamespacePodAffinity'
  | 'VolumeAttributesClass'

/** How a scope's value is compared. */
export type ScopeSelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
