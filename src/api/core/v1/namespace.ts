import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'

export interface Namespace extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  spec?: NamespaceSpec
  status?: NamespaceStatus
}

export const namespaces = resource<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  scope: 'Cluster',
  shortNames: ['ns'],
})

export interface NamespaceSpec {
  finalizers?: string[]
}

export interface NamespaceStatus {
  /** @default Active */
  phase?: NamespacePhase
  /** @listMap type */
  conditions?: NamespaceCondition[]
}

export interface NamespaceCondition {
  type: string
  status: ConditionStatus
  lastTransitionTime?: Time
  reason?: string
  message?: string
}

/** Several objects of kind Namespace, as a list request returns them. */
export interface NamespaceList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: Namespace[]
}

export type NamespacePhase = 'Active' | 'Terminating'
