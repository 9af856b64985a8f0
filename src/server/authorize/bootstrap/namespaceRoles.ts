// The bootstrap roles inside of namespaces.
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import { account, user, type BootstrapSubject } from './subjects.ts'
import { core, events, on, read } from './rules.ts'

/** A role of a namespace, and who has it. */
export interface NamespaceRole {
  readonly namespace: string
  readonly name: string
  readonly rules: readonly PolicyRule[]
  readonly subjects: readonly BootstrapSubject[]
  /** The name of the binding where it is not that of the role. */
  readonly binding?: string
}

const leaderLock = (component: string, ...others: readonly string[]): NamespaceRole => ({
  namespace: 'kube-system',
  name: `system::leader-locking-${component}`,
  rules: [
    on(core, 'configmaps', 'watch'),
    on(core, 'configmaps', 'get update', component),
    on('coordination.k8s.io', 'leases', 'create get list update watch'),
    on('coordination.k8s.io', 'leasecandidates', 'create get list update watch'),
  ],
  subjects: [user(`system:${component}`), ...[component, ...others].map((name) => account(name))],
})

export const namespaceRoles: readonly NamespaceRole[] = [
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [on(core, 'configmaps', read), on(core, 'configmaps', 'update', 'cluster-info'), events],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    binding: 'system::extension-apiserver-authentication-reader',
    rules: [on(core, 'configmaps', read, 'extension-apiserver-authentication')],
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  leaderLock('kube-controller-manager', 'leader-election-controller'),
  leaderLock('kube-scheduler'),
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: [on(core, 'secrets', read)],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: [on(core, 'configmaps', 'create get list watch')],
    subjects: [account('cloud-provider')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: [on(core, 'secrets', 'delete get list watch'), events],
    subjects: [account('token-cleaner')],
  },
]
