// What an administrator gives the cluster before the operator runs: the kind, the webhooks, and what the operator may do.
import { mutatingWebhookConfigurations } from 'k8ts/api/admissionregistration/v1/mutatingWebhookConfiguration'
import { validatingWebhookConfigurations } from 'k8ts/api/admissionregistration/v1/validatingWebhookConfiguration'
import type { RuleWithOperations } from 'k8ts/api/admissionregistration/v1/rules'
import type { WebhookClientConfig } from 'k8ts/api/admissionregistration/v1/webhook'
import { customResourceDefinitions } from 'k8ts/api/apiextensions/v1/customResourceDefinition'
import { clusterRoles } from 'k8ts/api/rbac/v1/clusterRole'
import { isConditionTrue, waitFor, type Client, type Permission } from 'k8ts/client'
import { siteDefinition } from './definition.ts'
import { permissions } from './reconciler.ts'
import { sites } from './site.ts'

/** What every operator does beside its own work: lead, tell of it, and keep the certificate of its webhooks. */
const everyday: readonly Permission[] = [
  { groups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
  { groups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  { groups: [''], resources: ['secrets'], verbs: ['get', 'create', 'update'] },
]

/** Applies all of it; again as often as you like. `at` says where the webhook of a path answers. */
export async function install(
  client: Client,
  at: (path: string) => WebhookClientConfig,
  signal: AbortSignal,
): Promise<void> {
  const ours = { force: true, fieldManager: 'site-operator', signal }
  const rules: RuleWithOperations[] = [
    {
      apiGroups: [sites.group],
      apiVersions: [sites.version],
      resources: [sites.plural],
      operations: ['CREATE', 'UPDATE'],
    },
  ]
  // Sites of other versions are shown to the webhooks as v1 (matchPolicy Equivalent, the default).
  const webhook = (name: string) => ({
    name: `${name}.sites.example.com`,
    clientConfig: at(`/${name}`),
    rules,
    sideEffects: 'None' as const,
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 5,
  })
  const metadata = { name: 'site-operator' }
  await client.apply(customResourceDefinitions, siteDefinition(at('/convert')), ours)
  await client.apply(mutatingWebhookConfigurations, { metadata, webhooks: [webhook('complete')] }, ours)
  await client.apply(validatingWebhookConfigurations, { metadata, webhooks: [webhook('judge')] }, ours)
  const allowed = [...permissions, ...everyday].map(({ groups, resources, verbs }) => ({
    apiGroups: groups,
    resources,
    verbs,
  }))
  await client.apply(clusterRoles, { metadata, rules: allowed }, ours)
  const isServed = (
    each: { status?: { conditions?: readonly { type: string; status: string }[] | null } } | undefined,
  ) => isConditionTrue(each?.status?.conditions, 'Established')
  await waitFor(client, customResourceDefinitions, { name: 'sites.sites.example.com' }, isServed, { signal })
}
