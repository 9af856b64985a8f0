// Role bindings: who has a role in one namespace.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Grants the permissions of a role, inside its own namespace, to subjects. */
export interface RoleBinding extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Who gets the permissions. @atomic */
  subjects?: Subject[]
  /** The role: one of the same namespace, or one of the cluster. It cannot be changed. @default {} */
  roleRef: RoleRef
}

/** The kind RoleBinding as it is addressed: `rolebindings` of rbac.authorization.k8s.io. */
export const roleBindings = resource<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  scope: 'Namespaced',
})

/** A user, a group or a service account. @atomic */
export interface Subject {
  /** `User`, `Group` or `ServiceAccount`. */
  kind: string
  /** The group of that kind: empty for service accounts, otherwise rbac.authorization.k8s.io. */
  apiGroup?: string
  /** The name of the user, group or account. */
  name: string
  /** The namespace of a service account; users and groups have none. */
  namespace?: string
}

/** Names a role. @atomic */
export interface RoleRef {
  /** The group of the role's kind: rbac.authorization.k8s.io. */
  apiGroup: string
  /** `Role` or `ClusterRole`. */
  kind: string
  /** The name of the role. */
  name: string
}

/** Several objects of kind RoleBinding, as a list request returns them. */
export interface RoleBindingList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: RoleBinding[]
}
