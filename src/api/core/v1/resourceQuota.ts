import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ResourceList } from './container.ts'

export interface ResourceQuota extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: ResourceQuotaSpec
  /** @default {} */
  status?: ResourceQuotaStatus
}

export const resourceQuotas = resource<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  scope: 'Namespaced',
  shortNames: ['quota'],
})

export interface ResourceQuotaSpec {
  hard?: ResourceList
  scopes?: ResourceQuotaScope[]
  scopeSelector?: ScopeSelector
}

/** @atomic */
export interface ScopeSelector {
  matchExpressions?: ScopedResourceSelectorRequirement[]
}

export interface ScopedResourceSelectorRequirement {
  scopeName: ResourceQuotaScope
  operator: ScopeSelectorOperator
  values?: string[]
}

export interface ResourceQuotaStatus {
  hard?: ResourceList
  used?: ResourceList
}

/** Several objects of kind ResourceQuota, as a list request returns them. */
export interface ResourceQuotaList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ResourceQuota[]
}

export type ResourceQuotaScope =
  | 'Terminating'
  | 'NotTerminating'
  | 'BestEffort'
  | 'NotBestEffort'
  | 'PriorityClass'
  | 'CrossNamespacePodAffinity'
  | 'VolumeAttributesClass'

export type ScopeSelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
