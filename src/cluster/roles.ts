// What the parts of this cluster may do beside what Kubernetes' own roles say.
import type { Controller } from '#client/controller.ts'
import { ingressControllerUser, ingressUser, proxyUser } from './certificates.ts'
import { permissionsOf } from '#controllers/makeControllers.ts'
import { bootstrapPolicy, type BootstrapObject, type OwnRole } from '#server/authorize/bootstrap/policy.ts'
import type { NamespaceRole } from '#server/authorize/bootstrap/namespaceRoles.ts'
import { nodeVolumesRole } from '#server/authorize/bootstrap/nodeVolumesRole.ts'
import { core, on } from '#server/authorize/bootstrap/rules.ts'
import { group, user } from '#server/authorize/bootstrap/subjects.ts'

const joining = group('system:bootstrappers:kubeadm:default-node-token')

const ownRoles: readonly OwnRole[] = [
  nodeVolumesRole,
  {
    // In a node's process DNS reads as the proxy does, with which it shares what it reads.
    name: 'k8ts:node-dns',
    // Pods: a Corefile may ask for names of those alone that there are.
    rules: [on(core, 'namespaces pods', 'list watch')],
    subjects: [user(proxyUser)],
  },
  {
    // Whoever may make an ingress in a namespace says which of its Secrets are shown to clients; nodes read no others.
    name: ingressUser,
    rules: [
      on('networking.k8s.io', 'ingresses ingressclasses', 'list watch'),
      on(core, 'secrets configmaps', 'list watch'),
    ],
    subjects: [user(ingressUser)],
  },
  {
    name: ingressControllerUser,
    rules: [on('networking.k8s.io', 'ingresses/status', 'patch update')],
    subjects: [user(ingressControllerUser)],
  },
  {
    // Network policies need to know all pods and their namespaces, and the admin policies where somebody installs those.
    name: 'k8ts:node-network-policy',
    rules: [
      on(core, 'namespaces pods', 'list watch'),
      on('networking.k8s.io', 'networkpolicies', 'list watch'),
      on(
        'policy.networking.k8s.io',
        'adminnetworkpolicies baselineadminnetworkpolicies clusternetworkpolicies',
        'list watch',
      ),
      // Each node says there what became of them on it.
      on(
        'policy.networking.k8s.io',
        'adminnetworkpolicies/status baselineadminnetworkpolicies/status clusternetworkpolicies/status',
        'patch',
      ),
      on('apiextensions.k8s.io', 'customresourcedefinitions', 'list watch'),
    ],
    subjects: [user(proxyUser)],
  },
  // Administrators as kubeadm makes them; the API server calls kubelets as one of them.
  { name: 'kubeadm:cluster-admins', role: 'cluster-admin', subjects: [group('kubeadm:cluster-admins')] },
  // Machines that join with a bootstrap token ask for a certificate, and get it; nodes renew theirs.
  { name: 'kubeadm:kubelet-bootstrap', role: 'system:node-bootstrapper', subjects: [joining] },
  {
    name: 'kubeadm:node-autoapprove-bootstrap',
    role: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    subjects: [joining],
  },
  {
    name: 'kubeadm:node-autoapprove-certificate-rotation',
    role: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    subjects: [group('system:nodes')],
  },
  {
    // Whoever may look at pods may see what they use.
    name: 'system:aggregated-metrics-reader',
    rules: [on('metrics.k8s.io', 'nodes pods', 'get list watch')],
    isPartOf: ['view', 'edit', 'admin'],
    subjects: [],
  },
  { name: 'kubeadm:get-nodes', rules: [on(core, 'nodes', 'get')], subjects: [joining] },
]

/** Whoever wants to join may look whom to trust before anybody knows him; every node reads how DNS is configured. */
const ownRolesOfNamespaces: readonly NamespaceRole[] = [
  {
    namespace: 'kube-public',
    name: 'kubeadm:bootstrap-signer-clusterinfo',
    rules: [on(core, 'configmaps', 'get', 'cluster-info')],
    subjects: [user('system:anonymous')],
  },
  {
    // Before data planes of ingresses stands a service.
    namespace: 'kube-system',
    name: ingressControllerUser,
    rules: [on(core, 'services', 'create')],
    subjects: [user(ingressControllerUser)],
  },
  {
    namespace: 'kube-system',
    name: 'k8ts:node-dns',
    rules: [on(core, 'configmaps', 'get list watch', 'coredns')],
    subjects: [user(proxyUser)],
  },
]

/** The roles and bindings that a cluster with these controllers begins with. */
export function clusterPolicy(controllers: readonly Controller[]): readonly BootstrapObject[] {
  return bootstrapPolicy(permissionsOf(controllers), ownRoles, ownRolesOfNamespaces)
}
