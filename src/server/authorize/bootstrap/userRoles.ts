// The bootstrap roles for people, and for everybody who is known.
import { core, on, paths, read, readWrite, write } from './rules.ts'
import type { BootstrapRole } from './policy.ts'

/** The roles by name. */
export const userRoles: Readonly<Record<string, BootstrapRole>> = {
  'cluster-admin': {
    rules: [on('*', '*', '*'), paths('*', '*')],
  },
  admin: {
    gathers: true,
    rules: [],
  },
  edit: {
    isPartOf: 'admin',
    gathers: true,
    rules: [],
  },
  view: {
    isPartOf: 'edit',
    gathers: true,
    rules: [],
  },
  'system:aggregate-to-admin': {
    isPartOf: 'admin',
    rules: [
      on('authorization.k8s.io', 'localsubjectaccessreviews', 'create'),
      on('rbac.authorization.k8s.io', 'rolebindings roles', readWrite),
    ],
  },
  'system:aggregate-to-edit': {
    isPartOf: 'edit',
    rules: [
      on(core, 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy', read),
      on(core, 'serviceaccounts', 'impersonate'),
      on(core, 'pods pods/attach pods/exec pods/portforward pods/proxy', write),
      on(core, 'pods/eviction', 'create'),
      on(
        core,
        'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
        write,
      ),
      on(core, 'serviceaccounts/token', 'create'),
      on(
        'apps',
        'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
        write,
      ),
      on('autoscaling', 'horizontalpodautoscalers', write),
      on('batch', 'cronjobs jobs', write),
      on(
        'extensions',
        'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
        write,
      ),
      on('policy', 'poddisruptionbudgets', write),
      on('networking.k8s.io', 'ingresses networkpolicies', write),
      on('coordination.k8s.io', 'leases', readWrite),
      on('resource.k8s.io', 'resourceclaims resourceclaimtemplates', write),
    ],
  },
  'system:aggregate-to-view': {
    isPartOf: 'view',
    rules: [
      on(
        core,
        'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
        read,
      ),
      on(
        core,
        'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
        read,
      ),
      on(core, 'namespaces', read),
      on('discovery.k8s.io', 'endpointslices', read),
      on(
        'apps',
        'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
        read,
      ),
      on('autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status', read),
      on('batch', 'cronjobs cronjobs/status jobs jobs/status', read),
      on(
        'extensions',
        'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
        read,
      ),
      on('policy', 'poddisruptionbudgets poddisruptionbudgets/status', read),
      on('networking.k8s.io', 'ingresses ingresses/status networkpolicies', read),
      on('resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates', read),
    ],
  },
  'system:basic-user': {
    rules: [
      on('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'),
      on('authentication.k8s.io', 'selfsubjectreviews', 'create'),
    ],
  },
  'system:discovery': {
    rules: [paths('get', '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/')],
  },
  'system:public-info-viewer': {
    rules: [paths('get', '/healthz /livez /readyz /version /version/')],
  },
  'system:monitoring': {
    rules: [
      paths('get', '/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*'),
      on(core, 'nodes/metrics', 'get'),
    ],
  },
  'system:auth-delegator': {
    rules: [
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
    ],
  },
  'system:service-account-issuer-discovery': {
    rules: [
      paths(
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },
}
