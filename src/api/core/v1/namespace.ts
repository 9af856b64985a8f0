import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'

export interface Namespace extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} */
  spec?: NamespaceSpec
  /** @default {} */
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
  /** Names what the condition is about. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}

/** Several objects of kind Namespace, as a list request returns them. */
export interface NamespaceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Namespace[]
}

export type NamespacePhase = 'Active' | 'Terminating'
