import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import { planSlices, type FamilyFigures, type ServiceSlicePlan, type SlicePlan } from './plan.ts'

const triggered = Date.UTC(2026, 0, 1, 12)
const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } },
  spec: {},
}
const nodeOf = (name: string): Node | undefined => (name === 'n1' ? node : undefined)

function service(spec: Partial<Service['spec']> = {}, labels?: Record<string, string>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'a', uid: 'service', ...(labels === undefined ? {} : { labels }) },
    spec: {
      clusterIP: '10.96.0.5',
      ipFamilies: ['IPv4'],
      selector: { app: 'a' },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
      ...spec,
    },
  }
}

function pod(
  at: number,
  shape: { ready?: boolean; ending?: boolean; port?: number; spec?: Partial<Pod['spec']> } = {},
): Pod {
  const { ready = true, ending = false, port = 8080 } = shape
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `p${at}`,
      namespace: 'a',
      uid: `u${at}`,
      labels: { app: 'a' },
      ...(ending ? { deletionTimestamp: '2026-01-01T12:00:00Z' } : {}),
    },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort: port, protocol: 'TCP' }] }],
      ...shape.spec,
    },
    status: {
      phase: 'Running',
      podIP: `10.244.0.${at}`,
      podIPs: [{ ip: `10.244.0.${at}` }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

const pods = (from: number, count: number): Pod[] => Array.from({ length: count }, (_, at) => pod(from + at))

/** The slices as a server would have made them from a plan. */
function stored(plan: SlicePlan): EndpointSlice[] {
  return plan.create.map((slice, at) => {
    const { generateName, ...metadata } = slice.metadata
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      ...slice,
      metadata: { ...metadata, name: `${generateName}${at}` },
    }
  })
}

const plan = (
  of: Service,
  list: readonly Pod[],
  present: readonly EndpointSlice[] = [],
  time?: number,
): ServiceSlicePlan => planSlices(of, list, present, nodeOf, time)

/** A plan as numbers of endpoints by slice. */
function inShort({ create, update, remove }: SlicePlan): unknown {
  return {
    create: create.map(({ endpoints }) => endpoints!.length),
    update: update.map(({ metadata, endpoints }) => [metadata.name, endpoints!.length]),
    remove: remove.map(({ metadata }) => metadata.name),
  }
}

test('a slice says whose it is and what its endpoints are', () => {
  assert.deepEqual(plan(service({}, { app: 'x' }), [pod(7)], [], triggered), {
    create: [
      {
        metadata: {
          generateName: 's-',
          namespace: 'a',
          labels: {
            app: 'x',
            'kubernetes.io/service-name': 's',
            'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
          },
          ownerReferences: [
            {
              apiVersion: 'v1',
              kind: 'Service',
              name: 's',
              uid: 'service',
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
          annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T12:00:00Z' },
        },
        addressType: 'IPv4',
        endpoints: [
          {
            addresses: ['10.244.0.7'],
            conditions: { ready: true, serving: true, terminating: false },
            targetRef: { kind: 'Pod', namespace: 'a', name: 'p7', uid: 'u7' },
            nodeName: 'n1',
            zone: 'z1',
          },
        ],
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      },
    ],
    update: [],
    remove: [],
    topology: [],
    figures: [{ added: 1, removed: 0, endpoints: 1, slices: 1, desired: 1 }],
  })
})

const conditions: readonly { name: string; service?: Partial<Service['spec']>; pod: Pod; conditions: unknown }[] = [
  { name: 'ready', pod: pod(1), conditions: [{ ready: true, serving: true, terminating: false }] },
  {
    name: 'not ready',
    pod: pod(1, { ready: false }),
    conditions: [{ ready: false, serving: false, terminating: false }],
  },
  { name: 'ending', pod: pod(1, { ending: true }), conditions: [{ ready: false, serving: true, terminating: true }] },
  {
    name: 'published anyway',
    service: { publishNotReadyAddresses: true },
    pod: pod(1, { ready: false, ending: true }),
    conditions: [{ ready: true, serving: false, terminating: true }],
  },
  { name: 'finished', pod: { ...pod(1), status: { ...pod(1).status, phase: 'Succeeded' } }, conditions: [] },
  { name: 'without an address', pod: { ...pod(1), status: { phase: 'Pending' } }, conditions: [] },
  { name: 'on a node that is gone', pod: pod(1, { spec: { nodeName: 'n9' } }), conditions: [] },
  {
    name: 'named port that is there',
    service: { ports: [{ port: 80, targetPort: 'web', protocol: 'TCP' }] },
    pod: pod(1),
    conditions: [{ ready: true, serving: true, terminating: false }],
  },
  {
    name: 'named port that is not there',
    service: { ports: [{ port: 80, targetPort: 'other', protocol: 'TCP' }] },
    pod: pod(1),
    conditions: [],
  },
]

for (const row of conditions) {
  test(`endpoint: ${row.name}`, () => {
    const { create } = plan(service(row.service), [row.pod])
    assert.deepEqual(
      create.flatMap(({ endpoints }) => endpoints!.map((endpoint) => endpoint.conditions)),
      row.conditions,
    )
  })
}

test('a pod of a headless service is found by its name', () => {
  const { create } = plan(service({ clusterIP: 'None' }), [pod(1, { spec: { hostname: 'db-0', subdomain: 's' } })])
  assert.equal(create[0]!.endpoints![0]!.hostname, 'db-0')
  assert.equal(create[0]!.metadata.labels!['service.kubernetes.io/headless'], '')
})

test('pods with different ports behind one name get slices of their own', () => {
  const of = service({ ports: [{ port: 80, targetPort: 'web', protocol: 'TCP' }] })
  const { create } = plan(of, [pod(1), pod(2, { port: 9090 })])
  assert.deepEqual(
    create.map(({ ports, endpoints }) => [ports![0]!.port, endpoints![0]!.addresses]),
    [
      [8080, ['10.244.0.1']],
      [9090, ['10.244.0.2']],
    ],
  )
})

test('a service without pods has one empty slice, which is filled later', () => {
  const first = plan(service(), [])
  assert.deepEqual(inShort(first), { create: [0], update: [], remove: [] })
  const placeholder = stored(first)
  assert.deepEqual(inShort(plan(service(), [], placeholder)), { create: [], update: [], remove: [] })
  assert.deepEqual(inShort(plan(service(), pods(1, 2), placeholder)), { create: [], update: [['s-0', 2]], remove: [] })
  const filled = stored(plan(service(), pods(1, 150)))
  assert.deepEqual(inShort(plan(service(), [], filled)), { create: [], update: [['s-0', 0]], remove: ['s-1'] })
})

test('slices of an earlier service of the same name are not written over', () => {
  const earlier = stored(plan(service(), [])).map((slice) => {
    const [owner] = slice.metadata.ownerReferences!
    return { ...slice, metadata: { ...slice.metadata, ownerReferences: [{ ...owner!, uid: 'earlier' }] } }
  })
  assert.deepEqual(inShort(plan(service(), pods(1, 2), earlier)), { create: [2], update: [], remove: ['s-0'] })
})

const filled = stored(plan(service(), pods(1, 250)))
const changes: readonly {
  name: string
  pods: readonly Pod[]
  plan: unknown
  figures: Omit<FamilyFigures, 'desired'>
}[] = [
  {
    name: 'the same pods in another order',
    pods: pods(1, 250).toReversed(),
    plan: { create: [], update: [], remove: [] },
    figures: { added: 0, removed: 0, endpoints: 250, slices: 3 },
  },
  {
    name: 'one more pod goes where there is room',
    pods: pods(1, 251),
    plan: { create: [], update: [['s-2', 51]], remove: [] },
    figures: { added: 1, removed: 0, endpoints: 251, slices: 3 },
  },
  {
    name: 'many more pods',
    pods: pods(1, 420),
    plan: { create: [100, 70], update: [], remove: [] },
    figures: { added: 170, removed: 0, endpoints: 420, slices: 5 },
  },
  {
    name: 'one pod less changes its slice alone',
    pods: pods(2, 249),
    plan: { create: [], update: [['s-0', 99]], remove: [] },
    figures: { added: 0, removed: 1, endpoints: 249, slices: 3 },
  },
  {
    name: 'a replaced pod goes into the slice that changes anyhow',
    pods: pods(2, 250),
    plan: { create: [], update: [['s-0', 100]], remove: [] },
    figures: { added: 1, removed: 1, endpoints: 250, slices: 3 },
  },
  {
    name: 'a slice without pods goes',
    pods: pods(1, 200),
    plan: { create: [], update: [], remove: ['s-2'] },
    figures: { added: 0, removed: 50, endpoints: 200, slices: 2 },
  },
]

for (const row of changes) {
  test(`slices: ${row.name}`, () => {
    const changed = plan(service(), row.pods, filled)
    assert.deepEqual(inShort(changed), row.plan)
    const desired = Math.ceil(row.pods.length / 100)
    assert.deepEqual(changed.figures, [{ ...row.figures, desired }])
  })
}

test('slices of a family that the service no longer has go', () => {
  const six = stored(plan(service(), pods(1, 1))).map((slice) => ({ ...slice, addressType: 'IPv6' as const }))
  assert.deepEqual(inShort(plan(service(), pods(1, 1), six)), { create: [1], update: [], remove: ['s-0'] })
})

test('an empty slice is told as one, and what was in others as nothing', () => {
  const none = { added: 0, removed: 0, endpoints: 0, slices: 1, desired: 1 }
  assert.deepEqual([plan(service(), []).figures, plan(service(), [], filled).figures], [[none], [none]])
})
