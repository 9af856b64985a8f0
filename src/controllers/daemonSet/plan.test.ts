import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DaemonSet, DaemonSetSpec } from '#api/apps/v1/daemonSet.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Taint, Toleration } from '#api/core/v1/scheduling.ts'
import { timeText } from '#machinery/time.ts'
import { FailedPods } from './failedPods.ts'
import { eligibilityOf, nodeOf, podsForNodes } from './placement.ts'
import { computeStatus, planDaemonSet, sceneOf, type Observed } from './plan.ts'

const now = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number): string => timeText(now - seconds * 1000)

function setOf(spec: Partial<DaemonSetSpec> = {}, podSpec: Partial<PodSpec> = {}): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name: 'agent',
      namespace: 'default',
      uid: 'set',
      generation: 2,
      annotations: { 'deprecated.daemonset.template.generation': '2' },
    },
    spec: {
      selector: { matchLabels: { app: 'a' } },
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [], ...podSpec } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
  }
}

const surging = setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } })

function node(name: string, taints: readonly Taint[] = [], labels: Record<string, string> = {}): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { taints: [...taints] } }
}

interface PodShape {
  readonly hash?: string
  readonly ready?: number | false
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  readonly ending?: true
  readonly age?: number
  /** It waits for its node. */
  readonly unplaced?: true
}

/** A pod called after its node: `n1` or `n1-more`. */
function pod(name: string, shape: PodShape = {}): Pod {
  const { hash = 'new', ready = 60, phase = 'Running', ending, age = 100, unplaced } = shape
  const on = name.split('-')[0]!
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [on] }]
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] } }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      labels: { app: 'a', 'controller-revision-hash': hash },
      creationTimestamp: ago(age),
      ...(ending === undefined ? {} : { deletionTimestamp: ago(1) }),
    },
    spec: { containers: [], ...(unplaced === undefined ? { nodeName: on } : { affinity: { nodeAffinity } }) },
    status: {
      phase,
      conditions:
        ready === false
          ? [{ type: 'Ready', status: 'False' }]
          : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(ready) }],
    },
  }
}

const old = (name: string, shape: PodShape = {}): Pod => pod(name, { hash: 'old', ...shape })
const noSchedule: Taint = { key: 'k', effect: 'NoSchedule' }
const noExecute: Taint = { key: 'k', effect: 'NoExecute' }
const three = [node('n1'), node('n2'), node('n3')]
const percent = (maxUnavailable: string): DaemonSet =>
  setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge: 0 } } })

const observe = (nodes: readonly Node[], pods: readonly Pod[], wait = 0): Observed => ({
  nodes,
  pods,
  hash: 'new',
  failureWait: () => wait,
})

const steps: readonly {
  name: string
  set?: DaemonSet
  nodes?: readonly Node[]
  pods: readonly Pod[]
  wait?: number
  create?: readonly string[]
  remove?: readonly string[]
  failed?: readonly string[]
  notes?: readonly string[]
  cause?: string
  recheckAt?: number
}[] = [
  { name: 'every node gets its pod', pods: [], create: ['n1', 'n2', 'n3'] },
  { name: 'what is there is enough', pods: [pod('n1'), pod('n2'), pod('n3', { unplaced: true })], nodes: three },
  {
    name: 'no pod comes before the one that ends has gone',
    pods: [pod('n1', { ending: true }), pod('n2'), pod('n3')],
  },
  {
    name: 'unless that one has ended and only its object is left',
    pods: [pod('n1', { ending: true, phase: 'Failed' }), pod('n2'), pod('n3')],
    create: ['n1'],
  },
  {
    name: 'a second pod goes, the younger one',
    pods: [pod('n1-b', { age: 5 }), pod('n1')],
    nodes: [node('n1')],
    remove: ['n1-b'],
  },
  {
    name: 'a pod that has its node goes before an older one that waits',
    pods: [pod('n1-b', { unplaced: true, age: 200 }), pod('n1')],
    nodes: [node('n1')],
    remove: ['n1-b'],
  },
  { name: 'a tainted node gets none', pods: [], nodes: [node('n1', [noSchedule])] },
  { name: 'but keeps the one that it has', pods: [pod('n1')], nodes: [node('n1', [noSchedule])] },
  { name: 'unless the taint drives pods out', pods: [pod('n1')], nodes: [node('n1', [noExecute])], remove: ['n1'] },
  {
    name: 'a pod for a node that is gone goes, if it waits for it',
    pods: [pod('n9', { unplaced: true }), pod('n8')],
    nodes: [],
    remove: ['n9'],
  },
  {
    name: 'a failed pod goes',
    pods: [pod('n1', { phase: 'Failed' })],
    nodes: [node('n1')],
    remove: ['n1'],
    failed: ['n1'],
    notes: ['Warning FailedDaemonPod Found failed daemon pod default/n1 on node n1, will try to kill it'],
  },
  {
    name: 'a failed pod stays as long as it has to wait',
    pods: [pod('n1', { phase: 'Failed' })],
    nodes: [node('n1')],
    wait: 4000,
    cause: 'Pod "n1" on node "n1" has failed',
    recheckAt: now + 4000,
  },
  {
    name: 'a pod that has done its work goes',
    pods: [pod('n1', { phase: 'Succeeded' })],
    nodes: [node('n1')],
    remove: ['n1'],
    notes: ['Normal SucceededDaemonPod Found succeeded daemon pod default/n1 on node n1, will try to delete it'],
  },
  {
    name: 'never more than 250 at once',
    pods: [],
    nodes: Array.from({ length: 300 }, (_, index) => node(`m${index}`)),
    create: Array.from({ length: 250 }, (_, index) => `m${index}`),
  },
  { name: 'a rollout takes one old pod', pods: [old('n1'), old('n2'), old('n3')], remove: ['n1'] },
  {
    name: 'or as many as may be missing, a share rounded up',
    set: percent('40%'),
    pods: [old('n1'), old('n2'), old('n3')],
    remove: ['n1', 'n2'],
  },
  {
    name: 'and waits for the new one',
    pods: [pod('n1', { ready: false }), old('n2'), old('n3')],
    cause: 'The rollout waits for pod "n1" on node "n1": it is not ready',
  },
  {
    name: 'old pods that are not available go at once',
    pods: [old('n1'), old('n2', { ready: false }), old('n3', { ready: false })],
    remove: ['n2', 'n3'],
  },
  { name: 'a node without a pod is one that is missing', pods: [pod('n1', { ending: true }), old('n2'), old('n3')] },
  {
    name: 'with OnDelete old pods stay',
    set: setOf({ updateStrategy: { type: 'OnDelete' } }),
    pods: [old('n1'), old('n2'), old('n3')],
  },
  {
    name: 'a pod with the number of the template is of it',
    pods: [{ ...old('n1'), metadata: { ...old('n1').metadata, labels: { 'pod-template-generation': '2' } } }],
    nodes: [node('n1')],
  },
  {
    name: 'surge: a new pod comes beside an old one',
    set: surging,
    pods: [old('n1'), old('n2'), old('n3')],
    create: ['n1'],
  },
  {
    name: 'surge: the old one stays until the new one is available',
    set: surging,
    pods: [old('n1'), pod('n1-b', { ready: false }), old('n2'), old('n3')],
    cause: 'The rollout waits for pod "n1-b" on node "n1": it is not ready',
  },
  { name: 'surge: then it goes', set: surging, pods: [old('n1'), pod('n1-b'), old('n2'), old('n3')], remove: ['n1'] },
  {
    name: 'surge: an old one that is not ready goes at once',
    set: surging,
    pods: [old('n1', { ready: false }), pod('n1-b', { ready: false })],
    nodes: [node('n1')],
    remove: ['n1'],
  },
  {
    name: 'surge: nodes with a broken old pod all get a new one',
    set: surging,
    pods: [old('n1', { ready: false }), old('n2', { ready: false }), old('n3')],
    create: ['n1', 'n2', 'n3'],
  },
  {
    name: 'surge: an ending pod is replaced before it has gone',
    set: surging,
    pods: [pod('n1', { ending: true })],
    nodes: [node('n1')],
    create: ['n1'],
  },
  {
    name: 'surge: an old pod on a node that it should leave stays while no other is available',
    set: surging,
    pods: [old('n1'), pod('n2', { ready: false })],
    nodes: [node('n1', [noSchedule]), node('n2')],
  },
]

for (const row of steps) {
  test(`step: ${row.name}`, () => {
    const plan = planDaemonSet(sceneOf(row.set ?? setOf(), observe(row.nodes ?? three, row.pods, row.wait), now))
    assert.deepEqual(
      {
        create: plan.create,
        remove: plan.remove.map(({ metadata }) => metadata.name),
        failed: plan.failed,
        notes: plan.notes.map(({ type, reason, message }) => `${type} ${reason} ${message}`),
        cause: plan.cause?.message,
        recheckAt: plan.recheckAt,
      },
      {
        create: row.create ?? [],
        remove: row.remove ?? [],
        failed: row.failed ?? [],
        notes: row.notes ?? [],
        cause: row.cause,
        recheckAt: row.recheckAt,
      },
    )
  })
}

const tolerating: Toleration = { key: 'k', operator: 'Exists' }
const eligibilities: readonly { name: string; spec?: Partial<PodSpec>; node: Node; is: string }[] = [
  { name: 'a node without taints', node: node('n1'), is: 'runs' },
  { name: 'a node of another name', spec: { nodeName: 'n2' }, node: node('n1'), is: 'no' },
  { name: 'a node without the label', spec: { nodeSelector: { disk: 'ssd' } }, node: node('n1'), is: 'no' },
  {
    name: 'a node with the label',
    spec: { nodeSelector: { disk: 'ssd' } },
    node: node('n1', [], { disk: 'ssd' }),
    is: 'runs',
  },
  { name: 'a taint that is tolerated', spec: { tolerations: [tolerating] }, node: node('n1', [noExecute]), is: 'runs' },
  { name: 'a taint that keeps pods away', node: node('n1', [noSchedule]), is: 'stays' },
  { name: 'a taint that drives pods out', node: node('n1', [noExecute, noSchedule]), is: 'no' },
  {
    name: 'a cordoned node',
    node: node('n1', [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]),
    is: 'runs',
  },
  {
    name: 'a node that is not ready',
    node: node('n1', [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }]),
    is: 'runs',
  },
  {
    name: 'a node without network',
    node: node('n1', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
    is: 'stays',
  },
  {
    name: 'a node without network, for pods that need none',
    spec: { hostNetwork: true },
    node: node('n1', [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }]),
    is: 'runs',
  },
]

for (const row of eligibilities) {
  test(`eligibility: ${row.name}`, () => assert.equal(eligibilityOf(setOf({}, row.spec))(row.node), row.is))
}

test('a pod is made for one node, with the tolerations of all pods of DaemonSets', () => {
  const spec: Partial<PodSpec> = {
    tolerations: [
      tolerating,
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 },
    ],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  }
  const made = podsForNodes(setOf({}, spec), 'new')('n1')
  assert.deepEqual(made.metadata.labels, {
    app: 'a',
    'pod-template-generation': '2',
    'controller-revision-hash': 'new',
  })
  assert.equal(nodeOf(made as Pod), 'n1')
  assert.deepEqual(made.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution, [])
  assert.deepEqual(
    made.spec.tolerations?.map(({ key, tolerationSeconds }) => [key, tolerationSeconds]),
    [
      'k',
      ...['not-ready', 'unreachable', 'disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map(
        (each) => `node.kubernetes.io/${each}`,
      ),
    ].map((key) => [key, undefined]),
  )
})

const look = { upToDate: true, collisions: 0 }
const none = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }
const statuses: readonly {
  name: string
  set?: DaemonSet
  nodes: readonly Node[]
  pods: readonly Pod[]
  look?: typeof look
  result: unknown
}[] = [
  { name: 'no nodes', nodes: [], pods: [], result: { status: { ...none, observedGeneration: 2 } } },
  {
    name: 'pods of all kinds',
    nodes: [...three, node('n4', [noSchedule]), node('n5')],
    pods: [pod('n1'), old('n2'), pod('n3', { ready: false }), pod('n4')],
    result: {
      status: {
        currentNumberScheduled: 3,
        numberMisscheduled: 1,
        desiredNumberScheduled: 4,
        numberReady: 2,
        observedGeneration: 2,
        updatedNumberScheduled: 2,
        numberAvailable: 2,
        numberUnavailable: 2,
      },
    },
  },
  {
    name: 'waits for pods to be ready long enough',
    set: setOf({ minReadySeconds: 30 }),
    nodes: [node('n1')],
    pods: [pod('n1', { ready: 10 })],
    result: {
      status: {
        currentNumberScheduled: 1,
        numberMisscheduled: 0,
        desiredNumberScheduled: 1,
        numberReady: 1,
        observedGeneration: 2,
        updatedNumberScheduled: 1,
        numberUnavailable: 1,
      },
      recheckAt: now + 20_000,
    },
  },
  {
    name: 'a generation that was not acted on is not told, collisions are',
    set: { ...setOf(), status: { ...none, observedGeneration: 1 } },
    nodes: [],
    pods: [],
    look: { upToDate: false, collisions: 3 },
    result: { status: { ...none, observedGeneration: 1, collisionCount: 3 } },
  },
]

for (const row of statuses) {
  test(`status: ${row.name}`, () => {
    const result = computeStatus(sceneOf(row.set ?? setOf(), observe(row.nodes, row.pods), now), row.look ?? look)
    assert.deepEqual(result, row.result)
  })
}

test('failed pods are left longer with each in a row, up to a quarter of an hour, and anew after two', () => {
  const failures = new FailedPods()
  const set = setOf()
  const waits: number[] = []
  let time = now
  for (let count = 0; count < 12; count++) {
    failures.removed('default/agent', set, 'n1', time)
    const wait = failures.wait('default/agent', set, 'n1', time)
    waits.push(wait / 1000)
    time += wait
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])
  assert.equal(failures.wait('default/agent', set, 'n2', time), 0)
  failures.removed('default/agent', set, 'n1', time + 2_000_000)
  assert.equal(failures.wait('default/agent', set, 'n1', time + 2_000_000), 1000)
})
