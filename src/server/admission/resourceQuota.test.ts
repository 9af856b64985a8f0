import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods } from '#api/core/v1/pod.ts'
import { resourceQuotas, type ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import { services } from '#api/core/v1/service.ts'
import type { Resource } from '#api/resource.ts'
import type { ClusterView } from './chain.ts'
import { resourceQuota } from './resourceQuota.ts'
import type { LimitedResource } from './resourceQuota/limits.ts'
import { ask, clusterWith, type RequestSketch } from './testRequest.ts'

const quota = (name: string, hard: object, used: object | undefined, more: object = {}): ResourceQuota =>
  ({
    metadata: { name, namespace: 'n', resourceVersion: '1' },
    spec: { hard, ...more },
    status: { hard, ...(used && { used }) },
  }) as unknown as ResourceQuota
const pod = (requests?: object, name = 'p'): object => ({
  metadata: { name, namespace: 'n' },
  spec: { containers: [{ name: 'c', ...(requests && { resources: { requests } }) }] },
})
const urgent = {
  metadata: { name: 'p', namespace: 'n' },
  spec: { containers: [{ name: 'c' }], priorityClassName: 'high' },
}
const service = (ports: number): object => ({
  metadata: { name: 's', namespace: 'n' },
  spec: { type: 'NodePort', ports: Array.from({ length: ports }, (_, index) => ({ port: index + 1 })) },
})

/** A cluster whose quotas can be written; the first `conflicts` writes of each fail. */
function accounts(quotas: readonly ResourceQuota[], conflicts = 0): ClusterView & { used(): Record<string, object> } {
  const stored = new Map(quotas.map((each) => [each.metadata.name, each]))
  const failures = new Map<string, number>()
  return {
    ...clusterWith(),
    list: () => [...stored.values()] as never,
    async replace(_resource, old, changed) {
      await Promise.resolve()
      const { name } = old.metadata
      const failed = failures.get(name) ?? 0
      failures.set(name, failed + 1)
      if (failed < conflicts || stored.get(name) !== (old as unknown)) return false
      stored.set(name, changed as unknown as ResourceQuota)
      return true
    },
    used: () => Object.fromEntries([...stored].map(([name, { status }]) => [name, status?.used ?? {}])),
  }
}

interface Row {
  readonly name: string
  readonly limits?: readonly Partial<LimitedResource>[]
  readonly quotas: readonly ResourceQuota[]
  readonly resource?: Resource<any>
  readonly ask: RequestSketch
  readonly refused?: string
  readonly used?: Record<string, object>
}

const rows: readonly Row[] = [
  {
    name: 'room for one more',
    quotas: [quota('q', { pods: '3', 'requests.cpu': '1' }, { pods: '2', 'requests.cpu': '500m' })],
    ask: { object: pod({ cpu: '250m' }) },
    used: { q: { pods: '3', 'requests.cpu': '750m' } },
  },
  {
    name: 'no room',
    quotas: [quota('q', { pods: '3' }, { pods: '3' })],
    ask: { object: pod() },
    refused: 'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3',
  },
  {
    name: 'several resources, of which two are exceeded',
    quotas: [
      quota(
        'q',
        { pods: '9', 'requests.cpu': '1', 'requests.memory': '1Gi' },
        { pods: '1', 'requests.cpu': '1', 'requests.memory': '1Gi' },
      ),
    ],
    ask: { object: pod({ cpu: '100m', memory: '1Mi' }) },
    refused:
      'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=100m,requests.memory=1Mi, used: requests.cpu=1,requests.memory=1Gi, limited: requests.cpu=1,requests.memory=1Gi',
  },
  {
    name: 'what must be said and is not',
    quotas: [
      quota('q', { 'requests.cpu': '1', 'limits.memory': '1Gi' }, { 'requests.cpu': '0', 'limits.memory': '0' }),
    ],
    ask: { object: pod() },
    refused: 'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
  },
  {
    name: 'a quota that was not counted yet',
    quotas: [quota('q', { pods: '1' }, undefined)],
    ask: { object: pod() },
    refused: 'pods "p" is forbidden: status unknown for quota: q, resources: pods',
  },
  {
    name: 'a quota for others',
    quotas: [quota('q', { pods: '0' }, { pods: '0' }, { scopes: ['NotBestEffort'] })],
    ask: { object: pod() },
    used: { q: { pods: '0' } },
  },
  {
    name: 'two quotas, the second of which is full',
    quotas: [quota('a', { pods: '3' }, { pods: '1' }), quota('b', { 'count/pods': '1' }, { 'count/pods': '1' })],
    ask: { object: pod() },
    refused:
      'pods "p" is forbidden: exceeded quota: b, requested: count/pods=1, used: count/pods=1, limited: count/pods=1',
    used: { a: { pods: '1' }, b: { 'count/pods': '1' } },
  },
  {
    name: 'a dry run, which costs nothing',
    quotas: [quota('q', { pods: '3' }, { pods: '1' })],
    ask: { object: pod(), dryRun: true },
    used: { q: { pods: '1' } },
  },
  {
    name: 'an update that takes more',
    quotas: [quota('q', { 'services.nodeports': '3' }, { 'services.nodeports': '2' })],
    resource: services,
    ask: { object: service(3), old: service(2) },
    used: { q: { 'services.nodeports': '3' } },
  },
  {
    name: 'an update that takes too much',
    quotas: [quota('q', { 'services.nodeports': '3' }, { 'services.nodeports': '2' })],
    resource: services,
    ask: { object: service(4), old: service(2) },
    refused:
      'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=2, limited: services.nodeports=3',
  },
  {
    name: 'an update that takes less, which the controller gives back',
    quotas: [quota('q', { 'services.nodeports': '3' }, { 'services.nodeports': '2' })],
    resource: services,
    ask: { object: service(1), old: service(2) },
    used: { q: { 'services.nodeports': '2' } },
  },
  {
    name: 'a second quota in a namespace',
    quotas: [quota('q', { resourcequotas: '1' }, { resourcequotas: '1' })],
    resource: resourceQuotas,
    ask: { object: { metadata: { name: 'r', namespace: 'n' } } },
    refused:
      'resourcequotas "r" is forbidden: exceeded quota: q, requested: resourcequotas=1, used: resourcequotas=1, limited: resourcequotas=1',
  },
  {
    name: 'something limited and no quota',
    quotas: [],
    limits: [{ matchContains: ['cpu'] }],
    ask: { object: pod({ cpu: '1' }) },
    refused: 'pods "p" is forbidden: insufficient quota to consume: cpu,requests.cpu',
  },
  {
    name: 'something limited that is not used',
    quotas: [],
    limits: [{ matchContains: ['memory'] }],
    ask: { object: pod({ cpu: '1' }) },
  },
  {
    name: 'something limited of another resource',
    quotas: [],
    limits: [{ resource: 'services', matchContains: ['cpu'] }],
    ask: { object: pod({ cpu: '1' }) },
  },
  {
    name: 'something limited that a quota covers in part',
    quotas: [quota('q', { 'requests.cpu': '3' }, { 'requests.cpu': '0' })],
    limits: [{ matchContains: ['cpu'] }],
    ask: { object: pod({ cpu: '1' }) },
    refused: 'pods "p" is forbidden: insufficient quota to consume: cpu',
    used: { q: { 'requests.cpu': '0' } },
  },
  {
    name: 'something limited that a quota covers',
    quotas: [quota('q', { 'requests.cpu': '3' }, { 'requests.cpu': '0' })],
    limits: [{ matchContains: ['requests.cpu'] }],
    ask: { object: pod({ cpu: '1' }) },
    used: { q: { 'requests.cpu': '1' } },
  },
  {
    name: 'a limited scope without a quota of that scope',
    quotas: [quota('q', { pods: '3' }, { pods: '0' })],
    limits: [{ matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high', 'higher'] }] }],
    ask: { object: urgent },
    refused: 'insufficient quota to match these scopes: [{PriorityClass In [high higher]}]',
    used: { q: { pods: '0' } },
  },
  {
    name: 'a limited scope with a quota of that scope',
    quotas: [
      quota(
        'q',
        { pods: '3' },
        { pods: '0' },
        {
          scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] },
        },
      ),
    ],
    limits: [{ matchScopes: [{ scopeName: 'PriorityClass', operator: 'Exists' }] }],
    ask: { object: urgent },
    used: { q: { pods: '1' } },
  },
  {
    name: 'a pod outside of the limited scope',
    quotas: [],
    limits: [{ matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] }],
    ask: { object: pod() },
  },
]

const limit = (more: Partial<LimitedResource>): LimitedResource => ({
  apiGroup: '',
  resource: 'pods',
  matchContains: [],
  matchScopes: [],
  ...more,
})

for (const { name, quotas, limits = [], resource = pods, ask: sketch, refused, used } of rows) {
  test(`quota: ${name}`, async () => {
    const cluster = accounts(quotas)
    const verdict = await ask(resourceQuota(limits.map(limit)), resource, sketch, cluster)
    assert.equal(verdict.refused, refused)
    if (used !== undefined) assert.deepEqual(cluster.used(), used)
  })
}

test('a quota raced by 64 pods is spent to the last and never exceeded, whoever else writes it', async () => {
  const cluster = accounts([quota('a', { pods: '10' }, { pods: '0' }), quota('b', { pods: '20' }, { pods: '0' })], 3)
  const plugin = resourceQuota()
  const verdicts = await Promise.all(
    Array.from({ length: 64 }, (_, index) => ask(plugin, pods, { object: pod(undefined, `p${index}`) }, cluster)),
  )
  assert.equal(verdicts.filter(({ refused }) => refused === undefined).length, 10)
  assert.deepEqual(cluster.used(), { a: { pods: '10' }, b: { pods: '10' } })
})

test('a quota that others write all the time is a conflict in the end', async () => {
  const cluster = accounts([quota('q', { pods: '10' }, { pods: '0' })], 1_000)
  const verdict = await ask(resourceQuota(), pods, { object: pod() }, cluster)
  assert.equal(verdict.code, 409)
})
