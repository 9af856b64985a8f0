// The roles and bindings that a cluster begins with: Kubernetes' own, described as data, and what this cluster's own
// parts need beside them.
import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import type { ClusterRoleBinding } from '#api/rbac/v1/clusterRoleBinding.ts'
import type { PolicyRule, Role } from '#api/rbac/v1/role.ts'
import type { RoleBinding } from '#api/rbac/v1/roleBinding.ts'
import { compactRules, missingRules } from '../rules.ts'
import { componentRoles } from './componentRoles.ts'
import { controllerRules } from './controllerRoles.ts'
import { namespaceRoles, type NamespaceRole } from './namespaceRoles.ts'
import { events } from './rules.ts'
import { account, group, user, type BootstrapSubject } from './subjects.ts'
import { userRoles } from './userRoles.ts'

export interface BootstrapRole {
  readonly rules: readonly PolicyRule[]
  /** Its rules are gathered from the roles that are part of it. */
  readonly gathers?: true
  /** The roles for people of whose rules these are part. */
  readonly isPartOf?: string | readonly string[]
}

/** A cluster role of this cluster's own, and who has it; or who has another role. Nobody has one that is part of others. */
export type OwnRole = {
  readonly name: string
  readonly subjects: readonly BootstrapSubject[]
} & (Pick<BootstrapRole, 'rules' | 'isPartOf'> | { readonly role: string })

/** What a controller that runs here may do. */
export interface ControllerPermissions {
  /** Its service account in kube-system. */
  readonly account: string
  readonly permissions: readonly {
    readonly groups: readonly string[]
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
  }[]
}

/** Who has the roles that are bound to somebody from the beginning. */
const boundTo: Readonly<Record<string, readonly BootstrapSubject[]>> = {
  'cluster-admin': [group('system:masters')],
  'system:basic-user': [group('system:authenticated')],
  'system:discovery': [group('system:authenticated')],
  'system:kube-controller-manager': [user('system:kube-controller-manager')],
  'system:kube-dns': [account('kube-dns')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
  'system:monitoring': [group('system:monitoring')],
  // The node authorizer decides for nodes.
  'system:node': [],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'system:volume-scheduler': [user('system:kube-scheduler')],
}

export type BootstrapObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding

const apiVersion = 'rbac.authorization.k8s.io/v1'
const apiGroup = 'rbac.authorization.k8s.io'
export const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate'

/** Everything that must be there, roles before their bindings. */
export function bootstrapPolicy(
  controllers: readonly ControllerPermissions[] = [],
  own: readonly OwnRole[] = [],
  ownOfNamespaces: readonly NamespaceRole[] = [],
): readonly BootstrapObject[] {
  const rulesOfControllers = controllerRulesWith(controllers)
  return [
    ...Object.entries({ ...userRoles, ...componentRoles }).map(([name, role]) => clusterRole(name, role)),
    ...[...rulesOfControllers].map(([name, rules]) => clusterRole(`system:controller:${name}`, { rules })),
    ...own.flatMap((each) => ('rules' in each ? [clusterRole(each.name, each)] : [])),
    ...Object.entries(boundTo).map(([name, subjects]) => clusterRoleBinding(name, subjects)),
    ...[...rulesOfControllers.keys()].map((name) => clusterRoleBinding(`system:controller:${name}`, [account(name)])),
    ...own
      .filter(({ subjects }) => subjects.length > 0)
      .map((each) => clusterRoleBinding(each.name, each.subjects, 'role' in each ? each.role : each.name)),
    ...[...namespaceRoles, ...ownOfNamespaces].flatMap(
      ({ namespace, name, rules, subjects, binding = name }): BootstrapObject[] => [
        { apiVersion, kind: 'Role', metadata: { ...metadataOf(name), namespace }, rules: [...rules] },
        {
          apiVersion,
          kind: 'RoleBinding',
          metadata: { ...metadataOf(binding), namespace },
          subjects: [...subjects],
          roleRef: { apiGroup, kind: 'Role', name },
        },
      ],
    ),
  ]
}

/** The rules of all controllers. Those that run here get what they say they need, where Kubernetes' rules lack it. */
function controllerRulesWith(controllers: readonly ControllerPermissions[]): ReadonlyMap<string, PolicyRule[]> {
  const all = new Map(Object.entries(controllerRules).map(([name, rules]) => [name, [...rules]]))
  for (const { account: name, permissions } of controllers) {
    if (permissions.length === 0) continue
    const rules = all.get(name) ?? [events]
    const wanted = permissions.map(({ groups, resources, verbs }) => ({
      verbs: [...verbs],
      apiGroups: [...groups],
      resources: [...resources],
    }))
    all.set(name, [...rules, ...compactRules(missingRules(rules, wanted))])
  }
  return all
}

function metadataOf(name: string): ClusterRole['metadata'] {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    annotations: { [autoUpdate]: 'true' },
  }
}

/** The label by which a role says of which other one it is part. */
const partLabel = (name: string): Record<string, string> => ({ [`${apiGroup}/aggregate-to-${name}`]: 'true' })

function clusterRole(name: string, { rules, gathers, isPartOf }: BootstrapRole): ClusterRole {
  const metadata = metadataOf(name)
  for (const whole of isPartOf === undefined ? [] : [isPartOf].flat()) Object.assign(metadata.labels!, partLabel(whole))
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata,
    ...(gathers === true
      ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: partLabel(name) }] } }
      : { rules: [...rules] }),
  }
}

function clusterRoleBinding(
  name: string,
  subjects: readonly BootstrapSubject[],
  role: string = name,
): ClusterRoleBinding {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: metadataOf(name),
    subjects: [...subjects],
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
  }
}
