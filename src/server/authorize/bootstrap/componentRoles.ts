// The bootstrap roles for the components of a cluster.
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import { core, events, on, read, readWrite } from './rules.ts'
import type { BootstrapRole } from './policy.ts'

/** What the agents of nodes may do; the node authorizer asks them, the role is bound to nobody. */
export const nodeRules: readonly PolicyRule[] = [
  on('authentication.k8s.io', 'tokenreviews', 'create'),
  on('authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews', 'create'),
  on(core, 'services', read),
  on(core, 'nodes', 'create get list watch'),
  on(core, 'nodes/status', 'patch update'),
  on(core, 'nodes', 'patch update'),
  on(core, 'events', 'create patch update'),
  on(core, 'pods', read),
  on(core, 'pods', 'create delete'),
  on(core, 'pods/status', 'patch update'),
  on(core, 'pods/eviction', 'create'),
  on(core, 'configmaps secrets', read),
  on(core, 'persistentvolumeclaims persistentvolumes', 'get'),
  on(core, 'endpoints', 'get'),
  on('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'),
  on('coordination.k8s.io', 'leases', 'create delete get patch update'),
  on('storage.k8s.io', 'volumeattachments', 'get'),
  on(core, 'serviceaccounts/token', 'create'),
  on(core, 'persistentvolumeclaims/status', 'get patch update'),
  on('storage.k8s.io', 'csidrivers', read),
  on('storage.k8s.io', 'csinodes', 'create delete get patch update'),
  on('node.k8s.io', 'runtimeclasses', read),
  on('resource.k8s.io', 'resourceclaims', 'get'),
  on('resource.k8s.io', 'resourceslices', 'deletecollection'),
  on(core, 'serviceaccounts', 'get'),
]

/** The roles by name. */
export const componentRoles: Readonly<Record<string, BootstrapRole>> = {
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': {
    rules: [on('certificates.k8s.io', 'certificatesigningrequests/nodeclient', 'create')],
  },
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': {
    rules: [on('certificates.k8s.io', 'certificatesigningrequests/selfnodeclient', 'create')],
  },
  'system:certificates.k8s.io:kube-apiserver-client-approver': {
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client')],
  },
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': {
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client-kubelet')],
  },
  'system:certificates.k8s.io:kubelet-serving-approver': {
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kubelet-serving')],
  },
  'system:certificates.k8s.io:legacy-unknown-approver': {
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/legacy-unknown')],
  },
  'system:heapster': { rules: [on(core, 'events namespaces nodes pods', read), on('extensions', 'deployments', read)] },
  'system:kube-aggregator': { rules: [on(core, 'endpoints services', read)] },
  'system:kube-controller-manager': {
    rules: [
      events,
      on('coordination.k8s.io', 'leases', 'create'),
      on('coordination.k8s.io', 'leases', 'get update', 'kube-controller-manager'),
      on(core, 'secrets serviceaccounts', 'create'),
      on(core, 'secrets', 'delete'),
      on(core, 'configmaps namespaces secrets serviceaccounts', 'get'),
      on(core, 'secrets serviceaccounts', 'update'),
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
      on('*', '*', 'list watch'),
      on(core, 'serviceaccounts/token', 'create'),
    ],
  },
  'system:kube-dns': { rules: [on(core, 'endpoints services', 'list watch')] },
  'system:kube-scheduler': {
    rules: [
      events,
      on('coordination.k8s.io', 'leases', 'create'),
      on('coordination.k8s.io', 'leases', 'get list update watch', 'kube-scheduler'),
      on('coordination.k8s.io', 'leasecandidates', readWrite),
      on(core, 'nodes', read),
      on(core, 'pods', 'delete get list watch'),
      on(core, 'bindings pods/binding', 'create'),
      on(core, 'pods/status', 'patch update'),
      on(core, 'replicationcontrollers services', read),
      on('apps extensions', 'replicasets', read),
      on('apps', 'statefulsets', read),
      on('policy', 'poddisruptionbudgets', read),
      on(core, 'persistentvolumeclaims persistentvolumes', read),
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
      on('storage.k8s.io', 'csinodes', read),
      on('storage.k8s.io', 'volumeattachments', read),
      on(core, 'namespaces', read),
      on('storage.k8s.io', 'csidrivers', read),
      on('storage.k8s.io', 'csistoragecapacities', read),
      on('resource.k8s.io', 'deviceclasses', read),
      on('resource.k8s.io', 'resourceclaims', 'get list patch update watch'),
      on('resource.k8s.io', 'resourceclaims/status', 'get list patch update watch'),
      on(core, 'pods/finalizers', 'update'),
      on('resource.k8s.io', 'resourceslices', read),
    ],
  },
  'system:kubelet-api-admin': {
    rules: [
      on(core, 'nodes', read),
      on(core, 'nodes', 'proxy'),
      on(core, 'nodes/log nodes/metrics nodes/proxy nodes/stats', '*'),
      on(core, 'nodes/configz nodes/healthz nodes/pods', '*'),
    ],
  },
  'system:node': { rules: nodeRules },
  'system:node-bootstrapper': {
    rules: [on('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch')],
  },
  'system:node-problem-detector': { rules: [on(core, 'nodes', 'get'), on(core, 'nodes/status', 'patch'), events] },
  'system:node-proxier': {
    rules: [
      on(core, 'endpoints services', 'list watch'),
      on(core, 'nodes', read),
      events,
      on('networking.k8s.io', 'servicecidrs', 'list watch'),
      on('discovery.k8s.io', 'endpointslices', 'list watch'),
    ],
  },
  'system:persistent-volume-provisioner': {
    rules: [
      on(core, 'persistentvolumes', 'create delete get list watch'),
      on(core, 'persistentvolumeclaims', 'get list update watch'),
      on('storage.k8s.io', 'storageclasses', read),
      on(core, 'events', 'watch'),
      events,
    ],
  },
  'system:volume-scheduler': {
    rules: [
      on(core, 'persistentvolumes', 'get list patch update watch'),
      on('storage.k8s.io', 'storageclasses', read),
      on(core, 'persistentvolumeclaims', 'get list patch update watch'),
    ],
  },
}
