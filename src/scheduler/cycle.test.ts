import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#lib/random.ts'
import { decider, placementBy } from './cycle.ts'
import { failureMessage, preemptionMessage } from './diagnosis.ts'
import { Nominations } from './nominations.ts'
import type { Plugin } from './plugin.ts'
import { planPreemption, usualPreemption } from './preemption/plan.ts'
import { promiseTest } from './promiseTest.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { clusterOf, podOf, type NodeSketch, type PodSketch } from './testObjects.ts'

const controlPlane: NodeSketch = {
  name: 'control-plane',
  spec: { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] },
}
const workers: readonly NodeSketch[] = [{ name: 'worker' }, { name: 'worker2' }, { name: 'worker3' }]

interface Row {
  readonly name: string
  readonly pod: PodSketch
  readonly nodes: readonly NodeSketch[]
  readonly pods?: Readonly<Record<string, readonly PodSketch[]>>
  /** The node, or the text of the failure. */
  readonly wanted: string
}

const notHelpful = (all: number, count = all): string =>
  `no new claims to deallocate, preemption: 0/${all} nodes are available: ${count} Preemption is not helpful for scheduling.`

const rows: readonly Row[] = [
  {
    name: 'a pod too large for any node',
    pod: { name: 'huge', requests: { cpu: '1000' } },
    nodes: [controlPlane, ...workers],
    wanted: `0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 Insufficient cpu. ${notHelpful(4)}`,
  },
  {
    name: 'room that others have taken',
    pod: { name: 'late', requests: { cpu: '3', memory: '5Gi' } },
    nodes: [{ name: 'worker' }],
    pods: { worker: [{ name: 'early', requests: { cpu: '2', memory: '4Gi' } }] },
    wanted:
      '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  },
  {
    name: 'a full node',
    pod: { name: 'one-more' },
    nodes: [{ name: 'worker', allocatable: { pods: '1' } }],
    pods: { worker: [{ name: 'first' }] },
    wanted:
      '0/1 nodes are available: 1 Too many pods. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  },
  {
    name: 'a node selector that no node meets',
    pod: { name: 'ssd', spec: { nodeSelector: { disktype: 'ssd' } } },
    nodes: [controlPlane, ...workers],
    wanted: `0/4 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 node(s) didn't match Pod's node affinity/selector. ${notHelpful(4)}`,
  },
  {
    name: 'a node selector that one node meets',
    pod: { name: 'ssd', spec: { nodeSelector: { disktype: 'ssd' } } },
    nodes: [...workers, { name: 'fast', labels: { disktype: 'ssd' } }],
    wanted: 'fast',
  },
  {
    name: 'a preference among nodes that all fit',
    pod: {
      name: 'choosy',
      spec: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 100,
                preference: {
                  matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['worker3'] }],
                },
              },
            ],
          },
        },
      },
    },
    nodes: workers,
    wanted: 'worker3',
  },
  {
    name: 'a cordoned node',
    pod: { name: 'p' },
    nodes: [{ name: 'worker', spec: { unschedulable: true } }],
    wanted: `0/1 nodes are available: 1 node(s) were unschedulable. ${notHelpful(1)}`,
  },
  {
    name: 'a host port in use',
    pod: { name: 'p', spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] } },
    nodes: [{ name: 'worker' }],
    pods: {
      worker: [
        {
          name: 'q',
          spec: { containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 80, hostIP: '10.0.0.1' }] }] },
        },
      ],
    },
    wanted:
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
  },
  {
    name: 'no nodes at all',
    pod: { name: 'p' },
    nodes: [],
    wanted: 'no nodes available to schedule pods',
  },
  {
    name: 'a pod that may not preempt',
    pod: { name: 'p', requests: { cpu: '9' }, spec: { preemptionPolicy: 'Never' } },
    nodes: [{ name: 'worker' }],
    wanted:
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
  },
  {
    name: 'the emptier of two nodes',
    pod: { name: 'p', requests: { cpu: '100m', memory: '128Mi' } },
    nodes: [{ name: 'worker' }, { name: 'worker2' }],
    pods: { worker: [{ name: 'q', requests: { cpu: '2', memory: '4Gi' } }] },
    wanted: 'worker2',
  },
  {
    name: 'the node without siblings, although it is a little fuller',
    pod: { name: 'p', labels: { app: 'web' } },
    nodes: [{ name: 'worker' }, { name: 'worker2' }],
    pods: {
      worker: [{ name: 'a', labels: { app: 'web' } }],
      worker2: [{ name: 'b', labels: { app: 'other' }, requests: { cpu: '200m', memory: '300Mi' } }],
    },
    wanted: 'worker2',
  },
  {
    name: 'a node with an advised taint is second best',
    pod: { name: 'p' },
    nodes: [
      { name: 'worker', spec: { taints: [{ key: 'slow', effect: 'PreferNoSchedule' }] } },
      { name: 'worker2', allocatable: { cpu: '3' } },
    ],
    wanted: 'worker2',
  },
  {
    name: 'the node that has the large image',
    pod: { name: 'p', spec: { containers: [{ name: 'c', image: 'registry.test/model' }] } },
    nodes: [
      { name: 'worker' },
      { name: 'worker2', images: [{ names: ['registry.test/model:latest'], sizeBytes: 900 * 1024 * 1024 }] },
    ],
    wanted: 'worker2',
  },
]

const plugins = defaultPlugins({
  siblingsOf: (pod) => {
    const app = pod.metadata.labels?.['app']
    return app === undefined ? undefined : { key: app, includes: ({ metadata }) => metadata.labels?.['app'] === app }
  },
  namespaces: { version: 0, names: [], labelsOf: () => undefined },
})

for (const { name, pod, nodes, pods, wanted } of rows) {
  test(`decide: ${name}`, () => {
    const subject = podOf(pod)
    const placement = placementBy(plugins)
    const fitting = placement.findFitting(subject, clusterOf(nodes, pods))
    const random = seededRandom(1)
    if (fitting.positions.length > 0) {
      assert.equal(placement.choose(subject, fitting, random).name, wanted)
      return
    }
    const rest = { nominations: new Nominations(), budgets: [], options: usualPreemption, now: 0, random }
    const plan = planPreemption({ pod: subject, attempt: fitting, ...rest })
    assert.ok(plan.kind !== 'candidates')
    assert.equal(failureMessage(fitting.diagnosis, preemptionMessage(plan.message)), wanted)
  })
}

test('decide draws evenly among equal nodes', () => {
  const random = seededRandom(7)
  const decide = decider(plugins)
  const cluster = clusterOf(workers)
  const counts = new Map<string, number>()
  for (let i = 0; i < 300; i++) {
    const { node } = decide(podOf({ name: `p${i}` }), cluster, random)
    counts.set(node!, (counts.get(node!) ?? 0) + 1)
  }
  assert.deepEqual([...counts.keys()].sort(), ['worker', 'worker2', 'worker3'])
  for (const count of counts.values()) assert.ok(count > 70 && count < 130, `${count} of 300`)
})

test('decide asks plugins over the whole cluster each time, and tells objections in the order of the plugins', () => {
  // Even names are too many; nothing is remembered of it.
  const picky: Plugin<number> = {
    name: 'Picky',
    prepare: (_pod, { nodes }) => nodes.length,
    filter: (_pod, { name }, count) => (name.length % 2 === count % 2 ? { reason: `one of ${count}` } : undefined),
  }
  const [first, ...rest] = plugins
  const placement = placementBy([first!, { plugin: picky, weight: 0 }, ...rest])
  const reasons = (nodes: readonly NodeSketch[]): readonly (readonly [string, string])[] =>
    placement
      .findFitting(podOf({ name: 'p', requests: { cpu: '9' } }), clusterOf(nodes))
      .diagnosis.rejections.map(({ plugin, rejection }) => [plugin, rejection.reason])
  assert.deepEqual(
    [reasons([{ name: 'ab' }, { name: 'abc' }]), reasons([{ name: 'ab' }, { name: 'abc' }, { name: 'abcd' }])],
    [
      [
        ['Picky', 'one of 2'],
        ['NodeResourcesFit', 'Insufficient cpu'],
      ],
      [
        ['NodeResourcesFit', 'Insufficient cpu'],
        ['Picky', 'one of 3'],
        ['NodeResourcesFit', 'Insufficient cpu'],
      ],
    ],
  )
})

test('a node that is promised to another does not do, whether more nodes are promised or more would do', () => {
  const full = { requests: { cpu: '4' } }
  const cluster = clusterOf([{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }], {
    a: [{ name: 'on-a', ...full }],
    b: [{ name: 'on-b', ...full }],
  })
  const fittingBeside = (promised: readonly string[]): string => {
    const nominations = new Nominations()
    for (const node of promised) nominations.set(podOf({ name: `for-${node}`, ...full }), node)
    const pod = podOf({ name: 'p', requests: { cpu: '1' } })
    const { nodes, positions } = placementBy(plugins).findFitting(pod, cluster, promiseTest(pod, nominations))
    return [...positions].map((at) => nodes[at]!.name).join(' ')
  }
  assert.deepEqual([['c'], ['a', 'b', 'c'], ['a', 'b', 'c', 'd'], []].map(fittingBeside), ['d', 'd', '', 'c d'])
})

test('what is refused because of a promise counts among the rest, in the order of the nodes', () => {
  const full = { requests: { cpu: '4' } }
  const cluster = clusterOf([{ name: 'a' }, { name: 'b' }, controlPlane, { name: 'd' }], {
    d: [{ name: 'on-d', ...full }],
  })
  const nominations = new Nominations()
  for (const node of ['a', 'b']) nominations.set(podOf({ name: `for-${node}`, ...full }), node)
  const pod = podOf({ name: 'p', requests: { cpu: '1' } })
  const { diagnosis } = placementBy(plugins).findFitting(pod, cluster, promiseTest(pod, nominations))
  const taint = 'node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }'
  assert.equal(failureMessage(diagnosis), `0/4 nodes are available: 1 ${taint}, 3 Insufficient cpu.`)
  assert.deepEqual([...diagnosis.summary!.notForever], [0, 1, 3])
  assert.deepEqual(
    diagnosis.rejections.map(({ node }) => node),
    ['a', 'b', 'control-plane', 'd'],
  )
})

test('nothing is said of nodes that were left out without a word', () => {
  const leftOut = { node: 'a', plugin: 'Extender', rejection: { reason: '' } }
  const closed = { node: 'b', plugin: 'Extender', rejection: { reason: 'closed' } }
  assert.deepEqual(
    [[leftOut], [leftOut, closed]].map((rejections) =>
      failureMessage({ nodes: rejections.length, rejections }, 'more'),
    ),
    ['0/1 nodes are available: more', '0/2 nodes are available: 1 closed. more'],
  )
})

test('a plugin may turn a pod down for the whole cluster', () => {
  const refusing: Plugin<undefined> = { name: 'Refusing', prepare: () => ({ reason: 'not today' }) }
  const { positions, diagnosis } = placementBy([...plugins, { plugin: refusing, weight: 0 }]).findFitting(
    podOf({ name: 'p' }),
    clusterOf(workers),
  )
  assert.deepEqual(
    { fitting: positions.length, diagnosis },
    {
      fitting: 0,
      diagnosis: { nodes: 3, rejections: [], whole: { plugin: 'Refusing', rejection: { reason: 'not today' } } },
    },
  )
})
