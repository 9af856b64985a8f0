import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import { IndexedStore, keyOf, type Group } from '#client/index.ts'
import { timeText } from '#machinery/time.ts'
import { podLikeness } from '../podAvailability.ts'
import { computeStatus, planReplicas } from './plan.ts'

const now = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number): string => timeText(now - seconds * 1000)

function set(spec: Partial<ReplicaSet['spec']> = {}, rest: Partial<ReplicaSet> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web', namespace: 'default', uid: 'set', generation: 3 },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
      ...spec,
    },
    ...rest,
  }
}

interface PodShape {
  readonly metadata?: Partial<ObjectMeta>
  readonly spec?: Partial<PodSpec>
  readonly status?: PodStatus
}

function pod(name: string, shape: PodShape = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      labels: { app: 'web' },
      creationTimestamp: ago(3600),
      ...shape.metadata,
    },
    spec: { containers: [], nodeName: 'n1', ...shape.spec },
    status: shape.status ?? readyFor(3600),
  }
}

/** Pods as the controller has them: in groups of those that are alike. */
function grouped(pods: readonly Pod[]): readonly Group<Pod>[] {
  const store = new IndexedStore<Pod>()
  store.addIndex('all', () => ['all'], podLikeness)
  for (const each of pods) store.set(keyOf(each.metadata), each)
  return store.groups('all', 'all')
}

function readyFor(seconds: number): PodStatus {
  return { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(seconds) }] }
}

const unready: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] }

const three = [pod('a'), pod('b'), pod('c')]

const counts: readonly { name: string; set: ReplicaSet; owned: readonly Pod[]; plan: unknown }[] = [
  { name: 'nothing yet', set: set(), owned: [], plan: { do: 'create', count: 3 } },
  { name: 'enough', set: set(), owned: three, plan: { do: 'nothing' } },
  { name: 'one when it does not say', set: specless(), owned: [], plan: { do: 'create', count: 1 } },
  { name: 'one short', set: set(), owned: three.slice(1), plan: { do: 'create', count: 1 } },
  {
    name: 'a finished pod does not count',
    set: set(),
    owned: [pod('a', { status: { phase: 'Succeeded' } }), pod('b', { status: { phase: 'Failed' } }), pod('c')],
    plan: { do: 'create', count: 2 },
  },
  {
    name: 'a pod on its way out does not count',
    set: set(),
    owned: [...three.slice(1), pod('a', { metadata: { deletionTimestamp: ago(1) } })],
    plan: { do: 'create', count: 1 },
  },
  {
    name: 'never more than 500 at once',
    set: set({ replicas: 2000 }),
    owned: [],
    plan: { do: 'create', count: 500 },
  },
  { name: 'all of them', set: set({ replicas: 0 }), owned: three, plan: { do: 'delete', pods: three } },
  {
    name: 'a set that is being deleted is left alone',
    set: set({}, { metadata: { name: 'web', namespace: 'default', uid: 'set', deletionTimestamp: ago(1) } }),
    owned: [],
    plan: { do: 'nothing' },
  },
]

function specless(): ReplicaSet {
  const { replicas: _replicas, ...spec } = set().spec
  return { ...set(), spec }
}

for (const row of counts) {
  test(`replicas: ${row.name}`, () => {
    assert.deepEqual(
      planReplicas(row.set, grouped(row.owned), () => row.owned, now),
      row.plan,
    )
  })
}

const stayer = pod('stays')
const choices: readonly { name: string; goes: Pod; related?: readonly Pod[] }[] = [
  { name: 'not assigned', goes: pod('goes', { spec: { containers: [], nodeName: '' } }) },
  { name: 'pending', goes: pod('goes', { status: { ...readyFor(3600), phase: 'Pending' } }) },
  { name: 'not ready', goes: pod('goes', { status: unready }) },
  {
    name: 'cheaper to delete',
    goes: pod('goes', { metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } } }),
  },
  {
    name: 'with company on its node',
    goes: pod('goes', { spec: { containers: [], nodeName: 'n2' } }),
    related: [stayer, ...['x', 'y'].map((name) => pod(name, { spec: { containers: [], nodeName: 'n2' } }))],
  },
  { name: 'ready for a much shorter time', goes: pod('goes', { status: readyFor(60) }) },
  {
    name: 'restarted more often',
    goes: pod('goes', { status: { ...readyFor(3600), containerStatuses: [containerStatus(4)] } }),
  },
  { name: 'much younger', goes: pod('goes', { metadata: { creationTimestamp: ago(10) } }) },
]

function containerStatus(restartCount: number): NonNullable<PodStatus['containerStatuses']>[number] {
  return { name: 'c', ready: true, restartCount, image: 'i', imageID: 'i' }
}

for (const { name, goes, related } of choices) {
  test(`which pod goes: ${name}`, () => {
    for (const owned of [
      [stayer, goes],
      [goes, stayer],
    ]) {
      assert.deepEqual(
        planReplicas(set({ replicas: 1 }), grouped(owned), () => related ?? owned, now),
        { do: 'delete', pods: [goes] },
      )
    }
  })
}

test('which pod goes: an earlier rule wins over a later one', () => {
  const costly = pod('a', { status: unready, metadata: { annotations: { [cost]: '100' } } })
  const cheap = pod('b', { metadata: { annotations: { [cost]: '-100' } } })
  assert.deepEqual(
    planReplicas(set({ replicas: 1 }), grouped([cheap, costly]), () => [], now),
    { do: 'delete', pods: [costly] },
  )
})

test('which pods go: those that are missed least first, as many as there are too many', () => {
  const pending = (name: string): Pod => pod(name, { status: { ...unready, phase: 'Pending' } })
  const unplaced = pod('f', { spec: { containers: [], nodeName: '' }, status: unready })
  const owned = [stayer, pod('e', { status: unready }), pending('d'), pending('b'), unplaced, pending('c')]
  const plan = planReplicas(set({ replicas: 3 }), grouped(owned), () => [], now)
  assert.deepEqual(plan.do === 'delete' ? plan.pods.map(({ metadata }) => metadata.name) : plan, ['f', 'b', 'c'])
})

test('which pod goes: a cost that is no number counts as 0', () => {
  const odd = pod('b', { metadata: { annotations: { [cost]: '+1e3' } } })
  const cheap = pod('a', { metadata: { annotations: { [cost]: '-1' } } })
  assert.deepEqual(
    planReplicas(set({ replicas: 1 }), grouped([odd, cheap]), () => [], now),
    { do: 'delete', pods: [cheap] },
  )
})

test('which pod goes: ages of one magnitude are alike', () => {
  const older = pod('a', { metadata: { creationTimestamp: ago(3605) } })
  const newer = pod('b', { metadata: { creationTimestamp: ago(3600) } })
  assert.deepEqual(
    planReplicas(set({ replicas: 1 }), grouped([newer, older]), () => [], now),
    { do: 'delete', pods: [older] },
  )
})

const cost = 'controller.kubernetes.io/pod-deletion-cost'
const failure = { reason: 'FailedCreate', message: 'pods "web-x" is forbidden: exceeded quota: q' } as const
const failed = { type: 'ReplicaFailure', status: 'True', lastTransitionTime: ago(9), ...failure } as const

const statuses: readonly {
  name: string
  set: ReplicaSet
  owned: readonly Pod[]
  failure?: typeof failure
  result: unknown
}[] = [
  { name: 'nothing', set: set(), owned: [], result: { status: { replicas: 0, observedGeneration: 3 } } },
  {
    name: 'of all kinds of pods',
    set: set(),
    owned: [...three, pod('d', { status: unready }), pod('e', { metadata: { labels: { app: 'other' } } })],
    result: {
      status: {
        replicas: 5,
        fullyLabeledReplicas: 4,
        readyReplicas: 4,
        availableReplicas: 4,
        observedGeneration: 3,
      },
    },
  },
  {
    name: 'waits for pods to be ready long enough',
    set: set({ minReadySeconds: 30 }),
    owned: [pod('a', { status: readyFor(10) }), pod('b', { status: readyFor(25) }), pod('c', { status: readyFor(30) })],
    result: {
      status: {
        replicas: 3,
        fullyLabeledReplicas: 3,
        readyReplicas: 3,
        availableReplicas: 1,
        observedGeneration: 3,
      },
      recheckAt: now + 5000,
    },
  },
  {
    name: 'a failure is told',
    set: set(),
    owned: [],
    failure,
    result: {
      status: { replicas: 0, observedGeneration: 3, conditions: [{ ...failed, lastTransitionTime: ago(0) }] },
    },
  },
  {
    name: 'a failure stays as first told',
    set: set({}, { status: { replicas: 0, conditions: [failed] } }),
    owned: [],
    failure: { ...failure, message: 'pods "web-y" is forbidden: exceeded quota: q' as never },
    result: { status: { replicas: 0, observedGeneration: 3, conditions: [failed] } },
  },
  {
    name: 'a failure that is over goes',
    set: set({}, { status: { replicas: 0, conditions: [failed] } }),
    owned: [],
    result: { status: { replicas: 0, observedGeneration: 3 } },
  },
]

for (const row of statuses) {
  test(`status: ${row.name}`, () => {
    assert.deepEqual(computeStatus(row.set, grouped(row.owned), row.failure, now), row.result)
  })
}
