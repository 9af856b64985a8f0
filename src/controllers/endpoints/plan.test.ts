import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoints, EndpointSubset } from '#api/core/v1/endpoints.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import { planEndpoints, type EndpointsPlan } from './plan.ts'

const triggered = Date.UTC(2026, 0, 1, 12)

function service(spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'a', uid: 'service', labels: { app: 'x' } },
    spec: {
      clusterIP: '10.96.0.5',
      selector: { app: 'a' },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
      ...spec,
    },
  }
}

function pod(ip: string, shape: { ready?: boolean; ending?: boolean } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p-${ip}`,
      namespace: 'a',
      uid: `u-${ip}`,
      ...(shape.ending === true ? { deletionTimestamp: 'x' } : {}),
    },
    spec: { nodeName: 'n1', containers: [] },
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: shape.ready === false ? 'False' : 'True' }],
    },
  }
}

const address = (ip: string): unknown => ({
  ip,
  nodeName: 'n1',
  targetRef: { kind: 'Pod', namespace: 'a', name: `p-${ip}`, uid: `u-${ip}` },
})
const http = { name: 'http', port: 8080, protocol: 'TCP' }

function subsets(plan: EndpointsPlan): readonly EndpointSubset[] | undefined {
  return plan.do === 'nothing' ? undefined : plan.endpoints.subsets
}

test('the whole object', () => {
  assert.deepEqual(planEndpoints(service(), [pod('10.0.0.2'), pod('10.0.0.1')], undefined, triggered), {
    do: 'create',
    endpoints: {
      metadata: {
        name: 's',
        namespace: 'a',
        labels: { app: 'x', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T12:00:00Z' },
      },
      subsets: [{ addresses: [address('10.0.0.1'), address('10.0.0.2')], ports: [http] }],
    },
  })
})

const rows: readonly { name: string; service?: Partial<Service['spec']>; pods: readonly Pod[]; subsets: unknown }[] = [
  { name: 'no pods', pods: [], subsets: [] },
  {
    name: 'some not ready',
    pods: [pod('10.0.0.1'), pod('10.0.0.2', { ready: false })],
    subsets: [{ addresses: [address('10.0.0.1')], notReadyAddresses: [address('10.0.0.2')], ports: [http] }],
  },
  { name: 'on its way out', pods: [pod('10.0.0.1', { ending: true })], subsets: [] },
  {
    name: 'published anyway',
    service: { publishNotReadyAddresses: true },
    pods: [pod('10.0.0.1', { ending: true, ready: false })],
    subsets: [{ addresses: [address('10.0.0.1')], ports: [http] }],
  },
  {
    name: 'two ports of the same pods stand together',
    service: {
      ports: [
        { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    },
    pods: [pod('10.0.0.1')],
    subsets: [{ addresses: [address('10.0.0.1')], ports: [http, { name: 'dns', port: 53, protocol: 'UDP' }] }],
  },
  {
    name: 'a port without a name',
    service: { ports: [{ port: 80, protocol: 'TCP' }] },
    pods: [pod('10.0.0.1')],
    subsets: [{ addresses: [address('10.0.0.1')], ports: [{ port: 80, protocol: 'TCP' }] }],
  },
  {
    name: 'headless without ports',
    service: { clusterIP: 'None', ports: [] },
    pods: [pod('10.0.0.1')],
    subsets: [{ addresses: [address('10.0.0.1')] }],
  },
]

for (const row of rows) {
  test(`endpoints: ${row.name}`, () => {
    assert.deepEqual(subsets(planEndpoints(service(row.service), row.pods, undefined, undefined)), row.subsets)
  })
}

test('at rest nothing is written', () => {
  const plan = planEndpoints(service(), [pod('10.0.0.1')], undefined, triggered)
  assert.ok(plan.do === 'create')
  const present = { apiVersion: 'v1', kind: 'Endpoints', ...plan.endpoints } as Endpoints
  assert.deepEqual(planEndpoints(service(), [pod('10.0.0.1')], present, undefined), { do: 'nothing' })
})

test('no more than a thousand addresses, ready ones first', () => {
  const many = Array.from({ length: 1100 }, (_, at) => pod(`10.0.${at >> 8}.${at & 255}`, { ready: at >= 200 }))
  const plan = planEndpoints(service(), many, undefined, undefined)
  assert.ok(plan.do === 'create')
  const [subset] = plan.endpoints.subsets!
  assert.deepEqual([subset!.addresses!.length, subset!.notReadyAddresses!.length], [900, 100])
  assert.equal(plan.endpoints.metadata.annotations!['endpoints.kubernetes.io/over-capacity'], 'truncated')
})
