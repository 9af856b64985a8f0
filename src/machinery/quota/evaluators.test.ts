import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
import { events } from '#api/core/v1/event.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { services } from '#api/core/v1/service.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { resourceClaims } from '#api/resource/v1/resourceClaim.ts'
import { countedResource, evaluatorOf } from './evaluators.ts'
import type { ScopedResourceSelectorRequirement } from '#api/core/v1/resourceQuota.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const object = (value: object): KubeObject => ({ metadata: { name: 'o' }, ...value }) as unknown as KubeObject
const box = (requests: object, limits: object = {}): object => ({ name: 'c', resources: { requests, limits } })

const usageRows: readonly {
  readonly name: string
  readonly resource: Resource<any>
  readonly object: object
  readonly uses: object
}[] = [
  {
    name: 'a pod, with everything it asks for',
    resource: pods,
    object: {
      spec: {
        containers: [
          box({ cpu: '500m', memory: '1Gi', 'nvidia.com/gpu': '2', 'hugepages-2Mi': '4Mi' }, { cpu: '1' }),
          box({ cpu: '250m', 'ephemeral-storage': '1Gi' }, { 'ephemeral-storage': '2Gi' }),
        ],
        initContainers: [box({ cpu: '100m' }, { memory: '1Gi' })],
        overhead: { cpu: '50m', memory: '10Mi' },
      },
    },
    uses: {
      'count/pods': '1',
      pods: '1',
      cpu: '800m',
      'requests.cpu': '800m',
      'limits.cpu': '1050m',
      memory: '1034Mi',
      'requests.memory': '1034Mi',
      'limits.memory': '1034Mi',
      'requests.nvidia.com/gpu': '2',
      'hugepages-2Mi': '4Mi',
      'requests.hugepages-2Mi': '4Mi',
      'ephemeral-storage': '1Gi',
      'requests.ephemeral-storage': '1Gi',
      'limits.ephemeral-storage': '2Gi',
    },
  },
  {
    name: 'a finished pod',
    resource: pods,
    object: { spec: { containers: [box({ cpu: '1' })] }, status: { phase: 'Succeeded' } },
    uses: { 'count/pods': '1' },
  },
  {
    name: 'a pod that should have ended',
    resource: pods,
    object: {
      metadata: { name: 'o', deletionTimestamp: '2025-12-31T23:59:00Z', deletionGracePeriodSeconds: 30 },
      spec: { containers: [] },
    },
    uses: { 'count/pods': '1' },
  },
  {
    name: 'a service with node ports',
    resource: services,
    object: { spec: { type: 'NodePort', ports: [{ port: 1 }, { port: 2 }] } },
    uses: { 'count/services': '1', services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' },
  },
  {
    name: 'a load balancer that takes node ports only where told',
    resource: services,
    object: {
      spec: {
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        ports: [{ port: 1, nodePort: 30000 }, { port: 2 }],
      },
    },
    uses: { 'count/services': '1', services: '1', 'services.nodeports': '1', 'services.loadbalancers': '1' },
  },
  {
    name: 'a claim of a class, grown further than it asks for now',
    resource: persistentVolumeClaims,
    object: {
      spec: { storageClassName: 'gold', resources: { requests: { storage: '5Gi' } } },
      status: { allocatedResources: { storage: '8Gi' } },
    },
    uses: {
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'requests.storage': '8Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'gold.storageclass.storage.k8s.io/requests.storage': '8Gi',
    },
  },
  {
    name: 'a claim of devices, with alternatives',
    resource: resourceClaims,
    object: {
      spec: {
        devices: {
          requests: [
            { name: 'a', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 2 } },
            { name: 'b', exactly: { deviceClassName: 'nic', allocationMode: 'All' } },
            {
              name: 'c',
              firstAvailable: [
                { name: 'x', deviceClassName: 'gpu', count: 1 },
                { name: 'y', deviceClassName: 'gpu', count: 3 },
                { name: 'z', deviceClassName: 'fpga' },
              ],
            },
          ],
        },
      },
    },
    uses: {
      'count/resourceclaims.resource.k8s.io': '1',
      'gpu.deviceclass.resource.k8s.io/devices': '5',
      'nic.deviceclass.resource.k8s.io/devices': '32',
      'fpga.deviceclass.resource.k8s.io/devices': '1',
    },
  },
  { name: 'a secret', resource: secrets, object: {}, uses: { 'count/secrets': '1', secrets: '1' } },
  { name: 'a deployment', resource: deployments, object: {}, uses: { 'count/deployments.apps': '1' } },
]

for (const { name, resource, object: value, uses } of usageRows) {
  test(`what is used by ${name}`, () => {
    const evaluator = evaluatorOf(resource)!
    const usage = evaluator.usage(object(value), now)
    assert.deepEqual(usage, uses)
    for (const used of Object.keys(usage)) assert.ok(evaluator.measures(used), used)
  })
}

const scopeRows: readonly {
  readonly scope: ScopedResourceSelectorRequirement['scopeName']
  readonly operator?: ScopedResourceSelectorRequirement['operator']
  readonly values?: string[]
  readonly spec: object
  readonly is: boolean
}[] = [
  { scope: 'Terminating', spec: { activeDeadlineSeconds: 0 }, is: true },
  { scope: 'Terminating', spec: {}, is: false },
  { scope: 'NotTerminating', spec: {}, is: true },
  { scope: 'BestEffort', spec: { containers: [{}] }, is: true },
  { scope: 'NotBestEffort', spec: { containers: [box({ cpu: '1' })] }, is: true },
  { scope: 'PriorityClass', spec: { priorityClassName: 'high' }, is: true },
  { scope: 'PriorityClass', spec: {}, is: false },
  { scope: 'PriorityClass', operator: 'In', values: ['high'], spec: { priorityClassName: 'high' }, is: true },
  { scope: 'PriorityClass', operator: 'In', values: ['high'], spec: {}, is: false },
  { scope: 'PriorityClass', operator: 'NotIn', values: ['high'], spec: {}, is: true },
  { scope: 'PriorityClass', operator: 'DoesNotExist', spec: {}, is: true },
  {
    scope: 'CrossNamespacePodAffinity',
    spec: {
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ namespaceSelector: {} }] } },
    },
    is: true,
  },
  {
    scope: 'CrossNamespacePodAffinity',
    spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'k' }] } } },
    is: false,
  },
  { scope: 'VolumeAttributesClass', spec: {}, is: false },
]

for (const { scope, operator = 'Exists', values, spec, is } of scopeRows) {
  test(`a pod ${JSON.stringify(spec)} is ${is ? '' : 'not '}in scope ${scope} ${operator} ${values ?? ''}`, () => {
    const requirement = { scopeName: scope, operator, ...(values && { values }) }
    const pod = object({ spec: { containers: [], ...spec } })
    assert.equal(evaluatorOf(pods)!.isInScope(requirement, pod), is)
  })
}

test('events are never counted, and names of counts say what they count', () => {
  assert.equal(evaluatorOf(events), undefined)
  assert.deepEqual(countedResource('secrets'), { group: '', plural: 'secrets' })
  assert.deepEqual(countedResource('count/widgets.example.com'), { group: 'example.com', plural: 'widgets' })
  assert.equal(countedResource('requests.cpu'), undefined)
})
