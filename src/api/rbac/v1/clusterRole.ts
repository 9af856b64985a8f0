// Cluster roles: what may be done in the whole cluster, or in each namespace where they are bound.
import { resource } from '#api/resource.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { PolicyRule } from './role.ts'

/** Permissions that a ClusterRoleBinding grants everywhere and a RoleBinding in its own namespace. */
export interface ClusterRole extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What is allowed; rules only ever add. @atomic */
  rules?: PolicyRule[] | null
  /** From which other roles the rules are gathered; a controller then writes `rules`, and what others write is replaced. */
  aggregationRule?: AggregationRule
}

/** The kind ClusterRole as it is addressed: `clusterroles` of rbac.authorization.k8s.io. */
export const clusterRoles = resource<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
})

/** From which roles the rules are gathered. */
export interface AggregationRule {
  /** The labels of those roles; a role that any of the selectors matches is taken in. @atomic */
  clusterRoleSelectors?: LabelSelector[]
}

/** Several objects of kind ClusterRole, as a list request returns them. */
export interface ClusterRoleList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ClusterRole[]
}
