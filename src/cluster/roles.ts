// What the parts of this cluster may do beside what Kubernetes' own roles say.
import type { Controller } from '#client/controller.ts'
import { proxyUser } from './certificates.ts'
import { permissionsOf } from '#controllers/makeControllers.ts'
import { bootstrapPolicy, type BootstrapObject, type OwnRole } from '#server/authorize/bootstrap/policy.ts'
import { group, user } from '#server/authorize/bootstrap/subjects.ts'

const ownRoles: readonly OwnRole[] = [
  {
    // In a node's process DNS reads as the proxy does, with which it shares what it reads.
    name: 'k8ts:node-dns',
    rules: [{ verbs: ['list', 'watch'], apiGroups: [''], resources: ['namespaces'] }],
    subjects: [user(proxyUser)],
  },
  // Administrators as kubeadm makes them; the API server calls kubelets as one of them.
  { name: 'kubeadm:cluster-admins', role: 'cluster-admin', subjects: [group('kubeadm:cluster-admins')] },
]

/** The roles and bindings that a cluster with these controllers begins with. */
export function clusterPolicy(controllers: readonly Controller[]): readonly BootstrapObject[] {
  return bootstrapPolicy(permissionsOf(controllers), ownRoles)
}
