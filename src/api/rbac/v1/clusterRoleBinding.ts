// Cluster role bindings: who has a role in the whole cluster.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { RoleRef, Subject } from './roleBinding.ts'

/** Grants the permissions of a cluster role, everywhere, to subjects. */
export interface ClusterRoleBinding extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Who gets the permissions. @atomic */
  subjects?: Subject[]
  /** The role of the cluster. It cannot be changed. @default {} */
  roleRef: RoleRef
}

/** The kind ClusterRoleBinding as it is addressed: `clusterrolebindings` of rbac.authorization.k8s.io. */
export const clusterRoleBindings = resource<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  scope: 'Cluster',
})

/** Several objects of kind ClusterRoleBinding, as a list request returns them. */
export interface ClusterRoleBindingList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ClusterRoleBinding[]
}
