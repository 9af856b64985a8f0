// Namespaces: rooms in which names are unique.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'

/** A room in which the names of objects are unique, with its own rights and quotas. */
export interface Namespace extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What was decided about the namespace. @default {} */
  spec?: NamespaceSpec
  /** Whether it is in use or being removed. @default {} */
  status?: NamespaceStatus
}

/** The kind Namespace as it is addressed: `namespaces`. */
export const namespaces = resource<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  scope: 'Cluster',
  shortNames: ['ns'],
})

/** What was decided about a namespace. */
export interface NamespaceSpec {
  /** Who still has to clean up before it can go. */
  finalizers?: string[]
}

/** Whether a namespace is in use or being removed. */
export interface NamespaceStatus {
  /** In use, or being emptied. @default Active */
  phase?: NamespacePhase
  /** What hinders its removal. @listMap type */
  conditions?: NamespaceCondition[]
}

/** One fact about the removal of a namespace. */
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

/** In use, or being emptied. */
export type NamespacePhase = 'Active' | 'Terminating'
