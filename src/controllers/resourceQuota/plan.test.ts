import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods } from '#api/core/v1/pod.ts'
import type { ResourceQuota, ResourceQuotaStatus } from '#api/core/v1/resourceQuota.ts'
import type { KubeObject } from '#api/resource.ts'
import { evaluatorOf } from '#machinery/quota/evaluators.ts'
import { computeUsage, isNew, planStatus } from './plan.ts'

const quota = (hard: object, status?: ResourceQuotaStatus, scopes?: string[]): ResourceQuota =>
  ({ metadata: { name: 'q' }, spec: { hard, ...(scopes && { scopes }) }, ...(status && { status }) }) as ResourceQuota

test('usage is the sum over the objects that the quota takes in, nought where there is none', () => {
  const pod = (cpu?: string, phase = 'Running'): KubeObject =>
    ({
      metadata: { name: 'p' },
      spec: { containers: [cpu === undefined ? {} : { resources: { requests: { cpu } } }] },
      status: { phase },
    }) as unknown as KubeObject
  const measured = [
    { evaluator: evaluatorOf(pods)!, objects: [pod('100m'), pod('1', 'Failed'), pod('900m'), pod()] },
    { evaluator: evaluatorOf({ group: 'apps', plural: 'deployments' })!, objects: [] },
  ]
  const hard = { pods: '9', 'count/pods': '9', 'requests.cpu': '9', 'count/deployments.apps': '1', 'count/others': '1' }
  assert.deepEqual(computeUsage(quota(hard), measured, 0), {
    pods: '3',
    'count/pods': '4',
    'requests.cpu': '1',
    'count/deployments.apps': '0',
  })
  assert.deepEqual(computeUsage(quota({ pods: '9' }, undefined, ['BestEffort']), measured, 0), { pods: '1' })
})

const rows: readonly {
  readonly name: string
  readonly quota: ResourceQuota
  readonly usage: Record<string, string>
  readonly settled: boolean
  readonly is: ResourceQuotaStatus | undefined
}[] = [
  {
    name: 'a new quota is counted at once',
    quota: quota({ pods: '3' }),
    usage: { pods: '2' },
    settled: false,
    is: { hard: { pods: '3' }, used: { pods: '2' } },
  },
  {
    name: 'a changed limit keeps what was charged meanwhile',
    quota: quota({ pods: '5' }, { hard: { pods: '3' }, used: { pods: '3' } }),
    usage: { pods: '2' },
    settled: false,
    is: { hard: { pods: '5' }, used: { pods: '3' } },
  },
  {
    name: 'what is gone is given back when nobody is being charged',
    quota: quota({ pods: '3' }, { hard: { pods: '3' }, used: { pods: '3' } }),
    usage: { pods: '1' },
    settled: true,
    is: { hard: { pods: '3' }, used: { pods: '1' } },
  },
  {
    name: 'nothing to write',
    quota: quota({ cpu: '3' }, { hard: { cpu: '3' }, used: { cpu: '1' } }),
    usage: { cpu: '1000m' },
    settled: true,
    is: undefined,
  },
]

for (const { name, quota: given, usage, settled, is } of rows) {
  test(`the status of a quota: ${name}`, () => assert.deepEqual(planStatus(given, usage, settled), is))
}

test('a quota is new until all its limits have a count', () => {
  assert.ok(isNew(quota({ pods: '1' }), ['pods']))
  assert.ok(isNew(quota({ pods: '2' }, { hard: { pods: '1' }, used: { pods: '0' } }), ['pods']))
  assert.ok(!isNew(quota({ pods: '1' }, { hard: { pods: '1' }, used: { pods: '0' } }), ['pods']))
})
