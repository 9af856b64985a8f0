import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { seededRandom } from '#lib/random.ts'
import { placementBy } from '#scheduler/cycle.ts'
import { Nominations } from '#scheduler/nominations.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { clusterOf, podOf, type NodeSketch, type PodSketch } from '#scheduler/testObjects.ts'
import { chooseCandidate } from './choose.ts'
import { planPreemption, usualPreemption } from './plan.ts'

const now = Date.UTC(2026, 0, 1)

interface VictimSketch extends PodSketch {
  readonly priority?: number
  /** Hours that it has run; not started when absent. */
  readonly hours?: number
  readonly status?: Pod['status']
}

/** A pod that asks for so much CPU. */
function pod(
  name: string,
  cpu: string,
  priority: number,
  more: Omit<VictimSketch, 'name' | 'priority'> = {},
): PodSketch {
  const { hours, status, spec, ...rest } = more
  const startTime = hours === undefined ? {} : { startTime: new Date(now - hours * 3_600_000).toISOString() }
  return {
    name,
    requests: { cpu },
    ...rest,
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }], ...spec, priority },
    status: { ...startTime, ...status },
  }
}

function budget(name: string, app: string, allowed: number, disrupted: readonly string[] = []): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default' },
    spec: { selector: { matchLabels: { app } } },
    status: {
      disruptionsAllowed: allowed,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      disruptedPods: Object.fromEntries(disrupted.map((each) => [each, '2026-01-01T00:00:00Z'])),
    },
  }
}

interface Row {
  readonly name: string
  readonly pod: PodSketch
  readonly nodes?: readonly NodeSketch[]
  readonly pods: Readonly<Record<string, readonly PodSketch[]>>
  readonly budgets?: readonly PodDisruptionBudget[]
  /** Pods that a node is promised to. */
  readonly promised?: Readonly<Record<string, readonly PodSketch[]>>
  /** The node and the victims, or what the message says. */
  readonly wanted: { readonly node: string; readonly victims: readonly string[] } | string
}

const urgent = pod('urgent', '3', 100)
const one: readonly NodeSketch[] = [{ name: 'a' }]
const two: readonly NodeSketch[] = [{ name: 'a' }, { name: 'b' }]
const terminating = (reason: string): Pod['status'] => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason }],
})

const rows: readonly Row[] = [
  {
    name: 'only as many go as must',
    pod: urgent,
    pods: { a: [pod('x', '1', 1), pod('y', '1', 2), pod('z', '1', 3), pod('w', '1', 4)] },
    wanted: { node: 'a', victims: ['z', 'y', 'x'] },
  },
  {
    name: 'the more important stay where it makes no difference',
    pod: pod('urgent', '1', 100),
    pods: { a: [pod('low', '2', 1), pod('high', '2', 50)] },
    wanted: { node: 'a', victims: ['low'] },
  },
  {
    name: 'of equals the one goes that ran for less long',
    pod: pod('urgent', '2', 100),
    pods: { a: [pod('young', '2', 1, { hours: 1 }), pod('old', '2', 1, { hours: 9 })] },
    wanted: { node: 'a', victims: ['young'] },
  },
  {
    name: 'a pod that has not started yet goes before one that has',
    pod: pod('urgent', '2', 100),
    pods: { a: [pod('old', '2', 1, { hours: 1 }), pod('new', '2', 1)] },
    wanted: { node: 'a', victims: ['new'] },
  },
  {
    name: 'pods of the same priority are no victims',
    pod: urgent,
    pods: { a: [pod('peer', '4', 100)] },
    wanted: '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  },
  {
    name: 'not even all victims make room enough',
    pod: urgent,
    pods: { a: [pod('peer', '2', 100), pod('low', '2', 1)] },
    wanted: '0/1 nodes are available: 1 Insufficient cpu.',
  },
  {
    name: 'nodes that eviction does not help are counted apart',
    pod: urgent,
    nodes: [{ name: 'a' }, { name: 'b', spec: { unschedulable: true } }, { name: 'c', allocatable: { cpu: '2' } }],
    pods: { a: [pod('peer', '4', 100)] },
    wanted:
      '0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.',
  },
  {
    name: 'a pod that may not send others away',
    pod: { ...urgent, spec: { ...urgent.spec, preemptionPolicy: 'Never' } },
    pods: { a: [pod('low', '4', 1)] },
    wanted: 'not eligible due to preemptionPolicy=Never.',
  },
  {
    name: 'the node where no budget is broken, although its victim is more important',
    pod: urgent,
    nodes: two,
    pods: { a: [pod('x', '4', 1, { labels: { app: 'db' } })], b: [pod('y', '4', 50)] },
    budgets: [budget('db', 'db', 0)],
    wanted: { node: 'b', victims: ['y'] },
  },
  {
    name: 'a protected pod stays, although a more important one goes for it',
    pod: pod('urgent', '2', 100),
    pods: { a: [pod('db', '2', 1, { labels: { app: 'db' } }), pod('web', '2', 50)] },
    budgets: [budget('db', 'db', 0)],
    wanted: { node: 'a', victims: ['web'] },
  },
  {
    name: 'a budget is broken where nothing else helps',
    pod: urgent,
    pods: { a: [pod('db', '4', 1, { labels: { app: 'db' } })] },
    budgets: [budget('db', 'db', 0)],
    wanted: { node: 'a', victims: ['db'] },
  },
  {
    name: 'a budget of one lets one go on each node',
    pod: pod('urgent', '4', 100),
    nodes: two,
    pods: {
      a: [pod('x', '2', 1, { labels: { app: 'db' } }), pod('y', '2', 1, { labels: { app: 'db' } })],
      b: [pod('z', '4', 9, { labels: { app: 'db' } })],
    },
    budgets: [budget('db', 'db', 1)],
    wanted: { node: 'b', victims: ['z'] },
  },
  {
    name: 'an eviction that was granted already breaks no budget again',
    pod: urgent,
    nodes: two,
    pods: { a: [pod('x', '4', 1, { labels: { app: 'db' } })], b: [pod('y', '4', 2)] },
    budgets: [budget('db', 'db', 0, ['x'])],
    wanted: { node: 'a', victims: ['x'] },
  },
  {
    name: 'the lowest of the highest priorities decides before the sum',
    pod: pod('urgent', '4', 100),
    nodes: two,
    pods: { a: [pod('x', '2', 5), pod('y', '2', 5)], b: [pod('z', '4', 6)] },
    wanted: { node: 'a', victims: ['x', 'y'] },
  },
  {
    name: 'fewer victims where the highest are equal, also with negative priorities',
    pod: pod('urgent', '4', 100),
    nodes: two,
    pods: { a: [pod('x', '2', -10), pod('y', '2', -10)], b: [pod('z', '4', -10)] },
    wanted: { node: 'b', victims: ['z'] },
  },
  {
    name: 'the latest start where all else is equal',
    pod: urgent,
    nodes: two,
    pods: { a: [pod('x', '4', 1, { hours: 9 })], b: [pod('y', '4', 1, { hours: 1 })] },
    wanted: { node: 'b', victims: ['y'] },
  },
  {
    name: 'room that is promised to a more important pod is not found a second time',
    pod: urgent,
    pods: { a: [pod('x', '4', 1)] },
    promised: { a: [pod('first', '3', 100)] },
    wanted: '0/1 nodes are available: 1 Insufficient cpu.',
  },
  {
    name: 'room that is promised to a less important pod counts for nothing',
    pod: urgent,
    pods: { a: [pod('x', '4', 1)] },
    promised: { a: [pod('second', '3', 50)] },
    wanted: { node: 'a', victims: ['x'] },
  },
  {
    name: 'a pod that has sent others away waits until they are gone',
    pod: { ...urgent, status: { nominatedNodeName: 'a' } },
    nodes: two,
    pods: {
      a: [
        pod('going', '4', 1, {
          deletionTimestamp: '2026-01-01T00:00:00Z',
          status: terminating('PreemptionByScheduler'),
        }),
      ],
      b: [pod('x', '4', 1)],
    },
    wanted: 'not eligible due to a terminating pod on the nominated node.',
  },
  {
    name: 'what goes for another cause is not waited for',
    pod: { ...urgent, status: { nominatedNodeName: 'a' } },
    nodes: two,
    pods: {
      a: [
        pod('going', '4', 10, {
          deletionTimestamp: '2026-01-01T00:00:00Z',
          status: terminating('EvictionByEvictionAPI'),
        }),
      ],
      b: [pod('x', '4', 1)],
    },
    wanted: { node: 'b', victims: ['x'] },
  },
  {
    name: 'a promised node that will not do any more is given up',
    pod: { ...urgent, status: { nominatedNodeName: 'a' } },
    nodes: [{ name: 'a', spec: { unschedulable: true } }, { name: 'b' }],
    pods: {
      a: [
        pod('going', '4', 1, {
          deletionTimestamp: '2026-01-01T00:00:00Z',
          status: terminating('PreemptionByScheduler'),
        }),
      ],
      b: [pod('x', '4', 1)],
    },
    wanted: { node: 'b', victims: ['x'] },
  },
  {
    name: 'who takes the port goes',
    pod: pod('urgent', '1', 100, {
      spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] },
    }),
    pods: {
      a: [
        pod('port', '1', 1, { spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] } }),
        pod('other', '1', 0),
      ],
    },
    wanted: { node: 'a', victims: ['port'] },
  },
]

for (const { name, pod: sketch, nodes = one, pods, budgets = [], promised = {}, wanted } of rows) {
  test(`preemption: ${name}`, () => {
    const preemptor = podOf(sketch)
    const nominations = new Nominations()
    for (const [node, sketches] of Object.entries(promised)) {
      for (const each of sketches) nominations.set(podOf(each), node)
    }
    const fitting = placementBy(
      defaultPlugins({ siblingsOf: () => undefined, namespaces: { version: 0, names: [], labelsOf: () => undefined } }),
    ).findFitting(preemptor, clusterOf(nodes, pods))
    assert.equal(fitting.positions.length, 0)
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed)
      const rest = { nominations, budgets, options: usualPreemption, now, random }
      const plan = planPreemption({ pod: preemptor, attempt: fitting, ...rest })
      if (plan.kind !== 'candidates') {
        assert.equal(plan.message, wanted)
        continue
      }
      const { node, victims } = chooseCandidate(plan.candidates, now)!
      assert.deepEqual({ node, victims: victims.map(({ metadata }) => metadata.name) }, wanted)
    }
  })
}

test('preemption tries no more nodes than it needs', () => {
  const nodes = Array.from({ length: 50 }, (_, i) => ({ name: `node-${i}` }))
  const pods = Object.fromEntries(nodes.map(({ name }) => [name, [pod(`on-${name}`, '4', 1)]]))
  const preemptor = podOf(urgent)
  const fitting = placementBy(
    defaultPlugins({ siblingsOf: () => undefined, namespaces: { version: 0, names: [], labelsOf: () => undefined } }),
  ).findFitting(preemptor, clusterOf(nodes, pods))
  const plan = planPreemption({
    pod: preemptor,
    attempt: fitting,
    nominations: new Nominations(),
    budgets: [],
    options: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 2 },
    now,
    random: seededRandom(1),
  })
  assert.ok(plan.kind === 'candidates')
  assert.equal(plan.candidates.length, 5)
})
