import type {
  FlowDistinguisherMethod,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  Subject,
} from '#api/flowcontrol/v1/flowSchema.ts'
import type { PriorityLevelConfigurationSpec } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import { everythingOf, mandatoryFlowSchemas, mandatoryPriorityLevels } from '#machinery/mandatoryFlowControl.ts'

// What a cluster begins with; who runs it may change all but what is mandatory. Source: apiserver v0.34,
// pkg/apis/flowcontrol/bootstrap/default.go.

/** The annotation by which a server brings such an object up to date; `false` keeps it as somebody made it. */
export const autoUpdate = 'apf.kubernetes.io/autoupdate-spec'

function limited(
  shares: number,
  lendablePercent: number,
  queues: number,
  handSize = 6,
): PriorityLevelConfigurationSpec {
  const queuing = { queues, handSize, queueLengthLimit: 50 }
  return {
    type: 'Limited',
    limited: { nominalConcurrencyShares: shares, lendablePercent, limitResponse: { type: 'Queue', queuing } },
  }
}

/** Every priority level that a cluster begins with, by name. */
export const bootstrapPriorityLevels: Readonly<Record<string, PriorityLevelConfigurationSpec>> = {
  ...mandatoryPriorityLevels,
  system: limited(30, 33, 64),
  'node-high': limited(40, 25, 64),
  'leader-election': limited(10, 0, 16, 4),
  'workload-high': limited(40, 50, 128),
  'workload-low': limited(100, 90, 128),
  'global-default': limited(20, 50, 128),
}

function schema(
  level: string,
  matchingPrecedence: number,
  method: FlowDistinguisherMethod['type'] | undefined,
  rules: PolicyRulesWithSubjects,
): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(method === undefined ? {} : { distinguisherMethod: { type: method } }),
    rules: [rules],
  }
}

const group = (name: string): Subject => ({ kind: 'Group', group: { name } })
const user = (name: string): Subject => ({ kind: 'User', user: { name } })
const systemAccounts: Subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } }
const everybody = [group('system:unauthenticated'), group('system:authenticated')]
const leases = (...verbs: string[]) => ({
  verbs,
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: ['*'],
})

/** Every flow schema that a cluster begins with, by name. */
export const bootstrapFlowSchemas: Readonly<Record<string, FlowSchemaSpec>> = {
  ...mandatoryFlowSchemas,
  probes: schema('exempt', 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  'system-leader-election': schema('leader-election', 100, 'ByUser', {
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), systemAccounts],
    resourceRules: [leases('get', 'create', 'update')],
  }),
  'system-node-high': schema('node-high', 400, 'ByUser', {
    subjects: [group('system:nodes')],
    resourceRules: [
      { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
      leases('*'),
    ],
  }),
  'system-nodes': schema('system', 500, 'ByUser', everythingOf(group('system:nodes'))),
  'kube-controller-manager': schema(
    'workload-high',
    800,
    'ByNamespace',
    everythingOf(user('system:kube-controller-manager')),
  ),
  'kube-scheduler': schema('workload-high', 800, 'ByNamespace', everythingOf(user('system:kube-scheduler'))),
  'kube-system-service-accounts': schema('workload-high', 900, 'ByNamespace', everythingOf(systemAccounts)),
  'service-accounts': schema('workload-low', 9_000, 'ByUser', everythingOf(group('system:serviceaccounts'))),
  'global-default': schema('global-default', 9_900, 'ByUser', everythingOf(...everybody)),
}
