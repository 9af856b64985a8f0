import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placementBy } from '#scheduler/cycle.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { clusterOf, podOf, type NodeSketch, type PodSketch } from '#scheduler/testObjects.ts'
import { explain } from './explain.ts'

const namespaces = { version: 0, names: [], labelsOf: () => undefined }

interface Row {
  readonly name: string
  readonly pod: PodSketch
  readonly nodes: readonly NodeSketch[]
  readonly pods?: Readonly<Record<string, readonly PodSketch[]>>
  readonly remedy: string | undefined
  /** What stands in the way on each node, nearest first; absent: none is told. */
  readonly parts?: Readonly<Record<string, readonly string[]>>
}

let made = 0
const using = (cpu: string, memory = '0'): readonly PodSketch[] => [{ name: `q-${++made}`, requests: { cpu, memory } }]
const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' as const }
const zone = (value: string) => ({ labels: { 'topology.kubernetes.io/zone': value } })
const inZone = 'topology.kubernetes.io/zone'
const selector = { matchLabels: { app: 'web' } }
const web: PodSketch = { name: 'w', labels: { app: 'web' } }

const rows: readonly Row[] = [
  {
    name: 'the node where least is missing',
    pod: { name: 'p', requests: { cpu: '2' } },
    nodes: [{ name: 'node-1' }, { name: 'node-2' }],
    pods: { 'node-1': using('3500m'), 'node-2': using('2500m') },
    remedy: 'free 500m cpu on node-2',
    parts: { 'node-2': ['Insufficient cpu'], 'node-1': ['Insufficient cpu'] },
  },
  {
    name: 'fewer obstacles before smaller ones; all of a node are told',
    pod: { name: 'p', requests: { cpu: '2', memory: '2Gi' } },
    nodes: [{ name: 'node-1', spec: { taints: [taint] } }, { name: 'node-2' }, { name: 'node-3' }],
    pods: { 'node-1': using('2001m'), 'node-2': using('4'), 'node-3': using('2500m', '7Gi') },
    remedy: 'free 2 cpu on node-2',
    parts: {
      'node-2': ['Insufficient cpu'],
      'node-3': ['Insufficient cpu', 'Insufficient memory'],
      'node-1': ['node(s) had untolerated taint {gpu: yes}', 'Insufficient cpu'],
    },
  },
  {
    name: 'everything that one node lacks',
    pod: { name: 'p', requests: { cpu: '2', memory: '2Gi' } },
    nodes: [{ name: 'node-1' }],
    pods: { 'node-1': using('3', '6656Mi') },
    remedy: 'free 1 cpu on node-1 and free 512Mi memory on node-1',
    parts: { 'node-1': ['Insufficient cpu', 'Insufficient memory'] },
  },
  {
    name: 'a pod that is too large for every node',
    pod: { name: 'p', requests: { cpu: '6' } },
    nodes: [{ name: 'node-1' }, { name: 'large', allocatable: { cpu: '5' } }],
    remedy: 'request at most 5 cpu, or add a node with 6',
    parts: { large: ['Insufficient cpu'], 'node-1': ['Insufficient cpu'] },
  },
  {
    name: 'a resource that no node has',
    pod: { name: 'p', requests: { 'example.com/gpu': '1' } },
    nodes: [{ name: 'node-1' }],
    remedy: 'add a node with example.com/gpu',
    parts: { 'node-1': ['Insufficient example.com/gpu'] },
  },
  {
    name: 'too many pods',
    pod: { name: 'p' },
    nodes: [{ name: 'node-1', allocatable: { pods: '1' } }],
    pods: { 'node-1': using('1') },
    remedy: 'end a pod on node-1',
    parts: { 'node-1': ['Too many pods'] },
  },
  {
    name: 'a taint',
    pod: { name: 'p' },
    nodes: [{ name: 'node-1', spec: { taints: [taint] } }],
    remedy: 'tolerate the taint gpu=yes:NoSchedule, or take it off node-1',
    parts: { 'node-1': ['node(s) had untolerated taint {gpu: yes}'] },
  },
  {
    name: 'a cordoned node, which is easier than one with a taint',
    pod: { name: 'p' },
    nodes: [
      { name: 'node-1', spec: { taints: [taint] } },
      { name: 'node-2', spec: { unschedulable: true } },
    ],
    remedy: 'uncordon node-2',
    parts: { 'node-2': ['node(s) were unschedulable'], 'node-1': ['node(s) had untolerated taint {gpu: yes}'] },
  },
  {
    name: 'labels that a selector asks for',
    pod: { name: 'p', spec: { nodeSelector: { disk: 'ssd', pool: 'a' } } },
    nodes: [{ name: 'node-1', labels: { pool: 'a' } }],
    remedy: 'label node-1 with disk=ssd',
    parts: { 'node-1': ["node(s) didn't match Pod's node affinity/selector"] },
  },
  {
    name: 'a host port that is taken',
    pod: { name: 'p', spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] } },
    nodes: [{ name: 'node-1' }],
    pods: {
      'node-1': [{ name: 'q', spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] } }],
    },
    remedy: 'free host port TCP/80 on node-1',
    parts: { 'node-1': ["node(s) didn't have free ports for the requested pod ports"] },
  },
  {
    name: 'pods that it avoids',
    pod: {
      name: 'p',
      spec: {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: inZone, labelSelector: selector }],
          },
        },
      },
    },
    nodes: [{ name: 'node-1', ...zone('a') }],
    pods: { 'node-1': [web, { ...web, name: 'w2' }] },
    remedy: `move 2 pods away from ${inZone}=a`,
    parts: { 'node-1': ["node(s) didn't match pod anti-affinity rules"] },
  },
  {
    name: 'pods that it wants to be with',
    pod: {
      name: 'p',
      spec: {
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: inZone, labelSelector: selector }],
          },
        },
      },
    },
    nodes: [{ name: 'node-1', ...zone('a') }, { name: 'node-2' }],
    remedy: `run a pod that its affinity asks for where ${inZone}=a`,
  },
  {
    name: 'pods that it is spread with',
    pod: {
      ...web,
      spec: {
        topologySpreadConstraints: [
          { topologyKey: inZone, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', labelSelector: selector },
        ],
      },
    },
    nodes: [
      { name: 'node-1', ...zone('a') },
      { name: 'node-2', ...zone('b'), allocatable: { cpu: '0', memory: '0', pods: '0' } },
    ],
    pods: {
      'node-1': [
        { ...web, name: 'w1' },
        { ...web, name: 'w2' },
      ],
    },
    remedy: 'end a pod on node-2',
  },
  { name: 'no nodes', pod: { name: 'p' }, nodes: [], remedy: 'add a node' },
]

for (const { name, pod: sketch, nodes, pods, remedy, parts } of rows) {
  test(`explain: ${name}`, () => {
    const pod = podOf(sketch)
    const plugins = defaultPlugins({ siblingsOf: () => undefined, namespaces })
    const fitting = placementBy(plugins).findFitting(pod, clusterOf(nodes, pods))
    assert.equal(fitting.positions.length, 0)
    const cause = explain(
      pod,
      { nodes: fitting.nodes, hooks: fitting.hooks, diagnosis: fitting.diagnosis },
      'the message',
    )
    assert.deepEqual([cause.reason, cause.message, cause.remedy], ['Unschedulable', 'the message', remedy])
    if (parts === undefined) return
    const told = (cause.parts ?? []).map(({ subject, obstacles }) => [
      subject.name,
      obstacles.map(({ message }) => message),
    ])
    // In order: the nearest comes first.
    assert.deepEqual(told, Object.entries(parts))
  })
}

test('explain gives programs the figures', () => {
  const pod = podOf({ name: 'p', requests: { cpu: '2' } })
  const plugins = defaultPlugins({ siblingsOf: () => undefined, namespaces })
  const { nodes, hooks, diagnosis } = placementBy(plugins).findFitting(
    pod,
    clusterOf([{ name: 'a' }], { a: using('3') }),
  )
  const [part] = explain(pod, { nodes, hooks, diagnosis }, 'm').parts!
  assert.deepEqual(part, {
    subject: { kind: 'Node', name: 'a' },
    obstacles: [
      {
        message: 'Insufficient cpu',
        remedy: 'free 1 cpu on a',
        facts: { kind: 'resource', resource: 'cpu', requested: 2_000, free: 1_000, capacity: 4_000 },
      },
    ],
  })
})

test('explain tells of the nearest nodes of many', () => {
  const nodes = Array.from({ length: 300 }, (_, i) => ({ name: `node-${i}` }))
  const pods = Object.fromEntries(nodes.map(({ name }, i) => [name, using(i === 233 ? '2100m' : '4')]))
  const pod = podOf({ name: 'p', requests: { cpu: '2' } })
  const plugins = defaultPlugins({ siblingsOf: () => undefined, namespaces })
  const fitting = placementBy(plugins).findFitting(pod, clusterOf(nodes, pods))
  const cause = explain(pod, { nodes: fitting.nodes, hooks: fitting.hooks, diagnosis: fitting.diagnosis }, 'm')
  assert.deepEqual([cause.remedy, cause.parts?.length], ['free 100m cpu on node-233', 10])
})

test('explain sends a pod to its volumes, however much stands in the way there, and not its volumes elsewhere', () => {
  const pod = podOf({ name: 'p', requests: { cpu: '2', memory: '2Gi' } })
  const held: Plugin<object> = {
    name: 'VolumeBinding',
    prepare: () => ({}),
    filter: (_pod, { name }) =>
      name === 'near' ? undefined : { reason: 'conflict', cause: { kind: 'volume', problem: 'elsewhere' } },
    wakesOn: [],
  }
  const plugins = [...defaultPlugins({ siblingsOf: () => undefined, namespaces }), { plugin: held, weight: 0 }]
  const cluster = clusterOf([{ name: 'far' }, { name: 'near' }], { near: using('3', '7Gi') })
  const { nodes, hooks, diagnosis } = placementBy(plugins).findFitting(pod, cluster)
  const { parts, remedy } = explain(pod, { nodes, hooks, diagnosis }, 'm')
  assert.deepEqual(
    [parts?.map(({ subject }) => subject.name), remedy],
    [['near', 'far'], 'free 1 cpu on near and free 1Gi memory on near'],
  )
})

test('explain says what a claim that is not there asks for', () => {
  const cause = { kind: 'volume', problem: 'missingClaim', claim: 'data' } as const
  const reason = 'persistentvolumeclaim "data" not found'
  const missing: Plugin<object> = { name: 'VolumeRestrictions', prepare: () => ({ reason, cause }), wakesOn: [] }
  const { nodes, hooks, diagnosis } = placementBy([{ plugin: missing, weight: 0 }]).findFitting(
    podOf({ name: 'p' }),
    clusterOf([{ name: 'a' }]),
  )
  assert.deepEqual(explain(podOf({ name: 'p' }), { nodes, hooks, diagnosis }, 'm'), {
    reason: 'Unschedulable',
    message: 'm',
    remedy: 'create the claim "data"',
  })
})
