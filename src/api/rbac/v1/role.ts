// Roles: what may be done to the objects of one namespace.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Permissions inside one namespace, which a RoleBinding grants to subjects. */
export interface Role extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What is allowed; rules only ever add. @atomic */
  rules?: PolicyRule[] | null
}

/** The kind Role as it is addressed: `roles` of rbac.authorization.k8s.io. */
export const roles = resource<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  scope: 'Namespaced',
})

/** Allows verbs, either on resources or on paths. */
export interface PolicyRule {
  /** What may be done: `get`, `list`, `create` and so on; `*` stands for everything. @atomic */
  verbs: string[]
  /** The groups of the resources; an empty text is the core group and `*` is every group. @atomic */
  apiGroups?: string[]
  /** Plural names, or names with a subresource after a slash; `*` stands for all of the groups. @atomic */
  resources?: string[]
  /** The only objects that are meant; all when empty. @atomic */
  resourceNames?: string[]
  /** Paths beside resources, such as `/metrics`; a `*` may stand at the end. Only in roles of the cluster. @atomic */
  nonResourceURLs?: string[]
}

/** Several objects of kind Role, as a list request returns them. */
export interface RoleList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Role[]
}
