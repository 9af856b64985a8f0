import assert from 'node:assert/strict'
import { validatingAdmissionPolicies } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { validatingAdmissionPolicyBindings } from '#api/admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import { limitRanges } from '#api/core/v1/limitRange.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { flowSchemas } from '#api/flowcontrol/v1/flowSchema.ts'
import { priorityLevelConfigurations } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import type { ValidatingAdmissionPolicy } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { isReason } from '#machinery/status.ts'
import { conformance } from './conformance.ts'
import { namespace, showLifeCycle, withServer } from './lifeCycle.ts'

const lastTransitionTime = '2026-01-01T00:00:00Z'
const condition = { type: 'Seen', status: 'True', reason: 'Shown', message: 'by a test', lastTransitionTime }

conformance('[sig-api-machinery] API priority and fairness should support FlowSchema API operations', () =>
  showLifeCycle(flowSchemas, {
    object: () => ({
      spec: {
        matchingPrecedence: 10_000,
        priorityLevelConfiguration: { name: 'global-default' },
        distinguisherMethod: { type: 'ByUser' as const },
        rules: [
          {
            subjects: [{ kind: 'User' as const, user: { name: 'nobody' } }],
            nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          },
        ],
      },
    }),
    status: { conditions: [condition] },
    statusAlone: true,
  }),
)

conformance(
  '[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations',
  () =>
    showLifeCycle(priorityLevelConfigurations, {
      object: () => ({
        spec: {
          type: 'Limited' as const,
          limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' as const } },
        },
      }),
      status: { conditions: [condition] },
      statusAlone: true,
    }),
)

conformance(
  '[sig-api-machinery] ValidatingAdmissionPolicy should support ValidatingAdmissionPolicy API operations',
  () =>
    showLifeCycle(validatingAdmissionPolicies, {
      object: () => ({
        spec: {
          matchConstraints: {
            resourceRules: [
              { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE' as const], resources: ['deployments'] },
            ],
          },
          validations: [{ expression: 'object.spec.replicas <= 100' }],
        },
      }),
      status: { conditions: [condition] },
      statusAlone: true,
    }),
)

conformance(
  '[sig-api-machinery] ValidatingAdmissionPolicy should support ValidatingAdmissionPolicyBinding API operations',
  () =>
    showLifeCycle(validatingAdmissionPolicyBindings, {
      object: () => ({ spec: { policyName: 'policy.example.com', validationActions: ['Deny' as const] } }),
    }),
)

conformance(
  '[sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods',
  () =>
    showLifeCycle(priorityClasses, {
      object: (index) => ({ value: index + 1 }),
      async also(client, created) {
        const changed = await client.update(priorityClasses, { ...created, description: 'changed' })
        assert.equal(changed.description, 'changed')
        const { name } = created.metadata
        const isRefused = (error: unknown): boolean => isReason(error, 'Invalid')
        await assert.rejects(client.update(priorityClasses, { ...changed, value: created.value * 10 }), isRefused)
        const patch = { type: 'json', operations: [{ op: 'replace', path: '/value', value: 42 }] } as const
        await assert.rejects(client.patch(priorityClasses, { name: name! }, patch), isRefused)
        assert.equal((await client.get(priorityClasses, { name: name! })).value, created.value)
      },
    }),
)

conformance('[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection', () =>
  withServer(async (client) => {
    const labels = { set: 'listed' }
    const limits = [{ type: 'Container' as const, max: { cpu: '500m' }, defaultRequest: { cpu: '50m' } }]
    await client.create(namespaces, { metadata: { name: 'other' } })
    for (const where of [namespace, 'other']) {
      await client.create(limitRanges, { metadata: { name: 'a', namespace: where, labels }, spec: { limits } })
    }
    const everywhere = async (labelSelector: string) => (await client.list(limitRanges, { labelSelector })).items
    assert.equal((await everywhere('set=listed')).length, 2)
    const body = { metadata: { labels: { a: 'patched' } }, spec: { limits: [{ ...limits[0]!, max: { cpu: '1' } }] } }
    await client.patch(limitRanges, { name: 'a', namespace }, { type: 'strategic', body })
    assert.deepEqual((await everywhere('a=patched'))[0]?.spec?.limits?.[0]?.max, { cpu: '1' })
    await client.deleteCollection(limitRanges, { namespace, labelSelector: 'a=patched' })
    const left = await everywhere('set=listed')
    assert.deepEqual(
      left.map(({ metadata }) => metadata.namespace),
      ['other'],
    )
  }),
)

/** What becomes of creating a deployment with so many replicas while a policy for the namespace's deployments holds. */
async function showPolicy(spec: Pick<ValidatingAdmissionPolicy['spec'], 'variables' | 'validations'>): Promise<void> {
  await withServer(async (client) => {
    const labels = { guarded: 'yes' }
    await client.create(namespaces, { metadata: { name: 'guarded', labels } })
    const namespaceSelector = { matchLabels: labels }
    const rule = {
      apiGroups: ['apps'],
      apiVersions: ['v1'],
      operations: ['CREATE' as const],
      resources: ['deployments'],
    }
    await client.create(validatingAdmissionPolicies, {
      metadata: { name: 'few.example.com' },
      spec: { ...spec, matchConstraints: { namespaceSelector, resourceRules: [rule] } },
    })
    await client.create(validatingAdmissionPolicyBindings, {
      metadata: { name: 'few.example.com' },
      spec: { policyName: 'few.example.com', validationActions: ['Deny'] },
    })
    const create = (name: string, replicas: number, where: string): Promise<unknown> =>
      client.create(deployments, {
        metadata: { name, namespace: where },
        spec: {
          replicas,
          selector: { matchLabels: { app: name } },
          template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      })
    await create('few', 1, 'guarded')
    await assert.rejects(
      create('many', 2, 'guarded'),
      (error) => isReason(error, 'Invalid') && /denied/.test(error.message),
    )
    await create('many', 2, namespace)
  })
}

conformance('[sig-api-machinery] ValidatingAdmissionPolicy should validate against a Deployment', () =>
  showPolicy({
    validations: [{ expression: 'object.spec.replicas < 2' }, { expression: "object.metadata.name != 'unknown'" }],
  }),
)

conformance('[sig-api-machinery] ValidatingAdmissionPolicy should allow expressions to refer variables.', () =>
  showPolicy({
    variables: [
      { name: 'replicas', expression: 'object.spec.replicas' },
      { name: 'few', expression: 'variables.replicas < 2' },
    ],
    validations: [{ expression: 'variables.few' }],
  }),
)
