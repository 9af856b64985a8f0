import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, DeploymentCondition } from '#api/apps/v1/deployment.ts'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { timeText } from '#machinery/time.ts'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { planRollout, type RolloutPlan } from './plan.ts'
import { newSetFor } from './replicaSets.ts'
import { oldSetSizes, scaledSizes } from './sizes.ts'

const now = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number): string => timeText(now - seconds * 1000)

function deployment(image: string, spec: Partial<Deployment['spec']> = {}, rest: Partial<Deployment> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid: 'd', generation: 1, ...rest.metadata },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...spec,
    },
    ...(rest.status === undefined ? {} : { status: rest.status }),
  }
}

interface SetShape {
  readonly size: number
  readonly has?: number
  readonly available?: number
  readonly revision?: number
  readonly max?: number
  readonly desired?: number
  readonly age?: number
}

function setOf(image: string, shape: SetShape): ReplicaSet {
  const set = newSetFor(deployment(image))
  const { size, has = size, available = has, revision = 1, desired = 3, max = 4, age = 100 } = shape
  return {
    ...set,
    metadata: {
      ...set.metadata,
      uid: image,
      generation: 1,
      creationTimestamp: ago(age),
      annotations: {
        'deployment.kubernetes.io/revision': String(revision),
        'deployment.kubernetes.io/desired-replicas': String(desired),
        'deployment.kubernetes.io/max-replicas': String(max),
      },
    },
    spec: { ...set.spec, replicas: size },
    status: { replicas: has, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  }
}

/** A plan in short: sizes by image, and what the conditions say. */
function inShort(plan: RolloutPlan): unknown {
  const image = (set: ReplicaSet): string => set.spec.template!.spec.containers[0]!.image!
  return {
    ...(plan.create === undefined ? {} : { create: { [image(plan.create)]: plan.create.spec.replicas } }),
    ...(plan.change.length === 0
      ? {}
      : { change: Object.fromEntries(plan.change.map((each) => [image(each.set), each.replicas ?? 'same size'])) }),
    ...(plan.remove.length === 0 ? {} : { remove: plan.remove.map(image) }),
    ...(plan.revision === undefined ? {} : { revision: Number(plan.revision) }),
    progressing: conditionOf(plan.status.conditions, 'Progressing')?.reason,
    ...(plan.cause === undefined ? {} : { cause: plan.cause.reason }),
  }
}

const progressing = (
  reason: string,
  seconds: number,
  status: 'True' | 'False' | 'Unknown' = 'True',
): DeploymentCondition => ({
  type: 'Progressing',
  status,
  reason,
  message: '',
  lastUpdateTime: ago(seconds),
  lastTransitionTime: ago(seconds),
})

const at = (revision: number): Deployment['metadata'] => ({
  name: 'web',
  namespace: 'default',
  uid: 'd',
  generation: 1,
  annotations: { 'deployment.kubernetes.io/revision': String(revision) },
})

const complete = {
  observedGeneration: 1,
  replicas: 3,
  updatedReplicas: 3,
  readyReplicas: 3,
  availableReplicas: 3,
  conditions: [progressing('NewReplicaSetAvailable', 50)],
}

const recreate: Partial<Deployment['spec']> = { strategy: { type: 'Recreate' } }

test('deployment: the longest name leaves room for the hash in the name of its set', () => {
  const name = 'w'.repeat(253)
  const set = newSetFor(deployment('v1', {}, { metadata: { name, namespace: 'default', uid: 'd' } }))
  const hash = set.metadata.labels!['pod-template-hash']!
  assert.equal(set.metadata.name, `${'w'.repeat(252 - hash.length)}-${hash}`)
})

const steps: readonly {
  name: string
  deployment: Deployment
  sets: readonly ReplicaSet[]
  withPods?: readonly string[]
  plan: unknown
}[] = [
  {
    name: 'the first set is made with all its pods',
    deployment: deployment('v1'),
    sets: [],
    plan: { create: { v1: 3 }, revision: 1, progressing: 'NewReplicaSetCreated' },
  },
  {
    name: 'at rest nothing is written',
    deployment: deployment('v1', {}, { metadata: at(1), status: complete }),
    sets: [setOf('v1', { size: 3 })],
    plan: { progressing: 'NewReplicaSetAvailable' },
  },
  {
    name: 'a new template starts within the surge',
    deployment: deployment('v2', {}, { metadata: at(1), status: complete }),
    sets: [setOf('v1', { size: 3 })],
    plan: { create: { v2: 1 }, revision: 2, progressing: 'NewReplicaSetCreated' },
  },
  {
    name: 'an available new pod lets an old one go',
    deployment: deployment('v2', {}, { metadata: at(2), status: { replicas: 4, updatedReplicas: 1 } }),
    sets: [setOf('v1', { size: 3 }), setOf('v2', { size: 1, revision: 2 })],
    plan: { change: { v1: 2 }, progressing: 'ReplicaSetUpdated' },
  },
  {
    name: 'a set that has not shrunk yet still counts against the surge',
    deployment: deployment('v2', {}, { metadata: at(2), status: { replicas: 4, updatedReplicas: 1 } }),
    sets: [setOf('v1', { size: 2, has: 3 }), setOf('v2', { size: 1, revision: 2 })],
    plan: { progressing: 'ReplicaSetUpdated' },
  },
  {
    name: 'up comes before down',
    deployment: deployment('v2', {}, { metadata: at(2), status: { replicas: 3, updatedReplicas: 1 } }),
    sets: [setOf('v1', { size: 2 }), setOf('v2', { size: 1, revision: 2 })],
    plan: { change: { v2: 2 }, progressing: 'ReplicaSetUpdated' },
  },
  {
    name: 'old pods that are not available go at once',
    deployment: deployment('v2', { replicas: 3, strategy: rolling(1, 1) }, { metadata: at(2) }),
    sets: [setOf('v1', { size: 3, available: 2 }), setOf('v2', { size: 1, available: 0, revision: 2 })],
    plan: { change: { v1: 2 }, progressing: 'ReplicaSetUpdated' },
  },
  {
    name: 'the oldest set with the template is used again and gets the next revision',
    deployment: deployment('v1', {}, { metadata: at(2), status: complete }),
    sets: [setOf('v1', { size: 0 }), setOf('v2', { size: 3, revision: 2, age: 50 })],
    plan: { change: { v1: 1 }, revision: 3, progressing: 'NewReplicaSetAvailable' },
  },
  {
    name: 'too long without progress',
    deployment: deployment(
      'v2',
      { progressDeadlineSeconds: 20 },
      {
        metadata: at(2),
        status: {
          replicas: 4,
          updatedReplicas: 1,
          readyReplicas: 3,
          availableReplicas: 3,
          conditions: [progressing('ReplicaSetUpdated', 21)],
        },
      },
    ),
    sets: [setOf('v1', { size: 3 }), setOf('v2', { size: 1, available: 0, revision: 2 })],
    plan: { progressing: 'ProgressDeadlineExceeded', cause: 'ProgressDeadlineExceeded' },
  },
  {
    name: 'paused: no new set',
    deployment: deployment('v2', { paused: true }, { metadata: at(1), status: complete }),
    sets: [setOf('v1', { size: 3 })],
    plan: { progressing: 'DeploymentPaused', cause: 'DeploymentPaused' },
  },
  {
    name: 'paused: but scaled',
    deployment: deployment('v2', { paused: true, replicas: 5 }, { metadata: at(1), status: complete }),
    sets: [setOf('v1', { size: 3 })],
    plan: { change: { v1: 5 }, progressing: 'DeploymentPaused', cause: 'DeploymentPaused' },
  },
  {
    name: 'resumed',
    deployment: deployment(
      'v1',
      {},
      { metadata: at(1), status: { ...complete, conditions: [progressing('DeploymentPaused', 5, 'Unknown')] } },
    ),
    sets: [setOf('v1', { size: 3 })],
    plan: { progressing: 'NewReplicaSetAvailable' },
  },
  {
    name: 'recreate: first the old pods go',
    deployment: deployment('v2', recreate, { metadata: at(1), status: complete }),
    sets: [setOf('v1', { size: 3, max: 3 })],
    withPods: ['v1'],
    plan: { change: { v1: 0 }, progressing: 'NewReplicaSetAvailable', cause: 'OldPodsRunning' },
  },
  {
    name: 'recreate: then they have to end',
    deployment: deployment('v2', recreate, { metadata: at(1), status: complete }),
    sets: [setOf('v1', { size: 0, max: 3 })],
    withPods: ['v1'],
    plan: { progressing: 'NewReplicaSetAvailable', cause: 'OldPodsRunning' },
  },
  {
    name: 'recreate: then the new ones come',
    deployment: deployment('v2', recreate, { metadata: at(1), status: { replicas: 3, updatedReplicas: 0 } }),
    sets: [setOf('v1', { size: 0, max: 3 })],
    plan: { create: { v2: 3 }, revision: 2, progressing: 'ReplicaSetUpdated' },
  },
  {
    name: 'recreate: going back waits as well',
    deployment: deployment('v1', recreate, { metadata: at(2) }),
    sets: [setOf('v1', { size: 0, max: 3 }), setOf('v2', { size: 0, revision: 2, max: 3, age: 50 })],
    withPods: ['v2'],
    plan: { change: { v1: 'same size' }, revision: 3, progressing: 'FoundNewReplicaSet', cause: 'OldPodsRunning' },
  },
  {
    name: 'only so many old sets are kept',
    deployment: deployment('v4', { revisionHistoryLimit: 1 }, { metadata: at(4), status: complete }),
    sets: [
      setOf('v4', { size: 3, revision: 4 }),
      setOf('v2', { size: 0, revision: 2 }),
      setOf('v1', { size: 0, revision: 3 }),
      setOf('v3', { size: 0, revision: 1 }),
    ],
    plan: { remove: ['v3', 'v2'], progressing: 'NewReplicaSetAvailable' },
  },
  {
    name: 'a Deployment that is being deleted does nothing more',
    deployment: deployment('v2', {}, { metadata: { ...at(1), deletionTimestamp: ago(1) }, status: complete }),
    sets: [setOf('v1', { size: 3 })],
    plan: { progressing: 'NewReplicaSetAvailable' },
  },
]

function rolling(
  maxSurge: number | string,
  maxUnavailable: number | string,
): NonNullable<Deployment['spec']['strategy']> {
  return { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } }
}

for (const row of steps) {
  test(`rollout: ${row.name}`, () => {
    const named = new Set(
      (row.withPods ?? []).map((image) => row.sets.find((set) => set.metadata.uid === image)!.metadata.name),
    )
    assert.deepEqual(inShort(planRollout(row.deployment, { sets: row.sets, withPods: named }, now)), row.plan)
  })
}

test('the whole plan for a Deployment without sets', () => {
  const plan = planRollout(deployment('v1', { replicas: 2 }), { sets: [], withPods: new Set() }, now)
  const time = ago(0)
  const { name } = plan.create!.metadata
  assert.match(name, /^web-[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
  assert.deepEqual(plan, {
    create: {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name,
        namespace: 'default',
        labels: { app: 'web', 'pod-template-hash': name.slice(4) },
        annotations: {
          'deployment.kubernetes.io/desired-replicas': '2',
          'deployment.kubernetes.io/max-replicas': '3',
          'deployment.kubernetes.io/revision': '1',
        },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: 'web',
            uid: 'd',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web', 'pod-template-hash': name.slice(4) } },
        template: {
          metadata: { labels: { app: 'web', 'pod-template-hash': name.slice(4) } },
          spec: { containers: [{ name: 'c', image: 'v1' }] },
        },
      },
    },
    change: [],
    remove: [],
    status: {
      observedGeneration: 1,
      unavailableReplicas: 2,
      conditions: [
        {
          type: 'Progressing',
          status: 'True',
          lastUpdateTime: time,
          lastTransitionTime: time,
          reason: 'NewReplicaSetCreated',
          message: `Created new replica set "${name}"`,
        },
        {
          type: 'Available',
          status: 'False',
          lastUpdateTime: time,
          lastTransitionTime: time,
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
      ],
    },
    revision: 1n,
    recheckAt: now + 601_000,
  })
})

test('the revisions of a set that comes back are its history', () => {
  const sets = [setOf('v1', { size: 0 }), setOf('v2', { size: 3, revision: 2, age: 50 })]
  const plan = planRollout(
    deployment('v1', {}, { metadata: at(2), status: complete }),
    { sets, withPods: new Set() },
    now,
  )
  assert.deepEqual(plan.change[0]!.annotations, {
    'deployment.kubernetes.io/revision': '3',
    'deployment.kubernetes.io/revision-history': '1',
  })
})

test('revisions are numbers of 64 bits', () => {
  const set = setOf('v1', { size: 3 })
  const annotations = { 'deployment.kubernetes.io/revision': '3546343826724305832' }
  const sets = [{ ...set, metadata: { ...set.metadata, annotations } }]
  assert.equal(planRollout(deployment('v2'), { sets, withPods: new Set() }, now).revision, 3546343826724305833n)
})

test('each set takes its share when a rollout is scaled, the largest what is left', () => {
  const old = setOf('v1', { size: 5, max: 13, desired: 10 })
  const fresh = setOf('v2', { size: 8, max: 13, desired: 10, age: 50 })
  const grown = deployment('v2', { replicas: 15, strategy: rolling(3, 2) })
  assert.deepEqual(
    [...scaledSizes(grown, fresh, [old])],
    [
      [fresh.metadata.name, 11],
      [old.metadata.name, 7],
    ],
  )
  const shrunk = deployment('v2', { replicas: 5, strategy: rolling(3, 2) })
  assert.deepEqual(
    [...scaledSizes(shrunk, fresh, [old])],
    [
      [fresh.metadata.name, 5],
      [old.metadata.name, 3],
    ],
  )
})

test('a set that is still shrinking does not make another pod seem spare', () => {
  const old = setOf('v1', { size: 8, has: 10 })
  const fresh = setOf('v2', { size: 3, age: 50 })
  const wanted = deployment('v2', { replicas: 10, strategy: rolling(3, 2) })
  assert.deepEqual([...oldSetSizes(wanted, fresh, [old])], [[old.metadata.name, 5]])
})

test('the bounds hold in every step of a rollout, whatever pods become ready when', () => {
  for (let seed = 1; seed <= 200; seed++) simulateRollout(seed)
})

/** Plays a rollout in which sets follow late and pods become ready at random. */
function simulateRollout(seed: number): void {
  const random = seededRandom(seed)
  const replicas = 1 + randomInteger(random, 20)
  const strategy = rolling(`${randomInteger(random, 60)}%`, `${randomInteger(random, 60)}%`)
  const surge = Math.ceil((replicas * Number.parseInt(String(strategy.rollingUpdate!.maxSurge), 10)) / 100)
  const missing = Math.floor((replicas * Number.parseInt(String(strategy.rollingUpdate!.maxUnavailable), 10)) / 100)
  const least = replicas - (surge === 0 && missing === 0 ? 1 : missing)
  let wanted = deployment('v2', { replicas, strategy }, { metadata: at(1) })
  /** What really is: pods and available pods by set name. */
  const real = new Map<string, { pods: number; available: number }>()
  const first = setOf('v1', { size: replicas, desired: replicas, max: replicas + surge })
  let sets: readonly ReplicaSet[] = [first]
  real.set(first.metadata.name, { pods: replicas, available: replicas })
  for (let step = 0; step < 2000; step++) {
    const plan = planRollout(wanted, { sets, withPods: new Set() }, now)
    if (plan.create !== undefined) {
      real.set(plan.create.metadata.name, { pods: 0, available: 0 })
      sets = [...sets, { ...plan.create, status: { replicas: 0 } }]
    }
    for (const change of plan.change) {
      sets = sets.map((set) =>
        set === change.set
          ? {
              ...set,
              metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...change.annotations } },
              spec: { ...set.spec, replicas: change.replicas ?? set.spec.replicas! },
            }
          : set,
      )
    }
    wanted = { ...wanted, status: plan.status }
    // One set at a time acts: it follows its size, a pod becomes ready, or it only tells how it is.
    const at = randomInteger(random, sets.length)
    const set = sets[at]!
    const state = real.get(set.metadata.name)!
    const size = set.spec.replicas!
    if (random.next() < 0.5) {
      state.pods = size
      state.available = Math.min(state.available, size)
    }
    if (state.available < state.pods && random.next() < 0.5) state.available++
    const status = { replicas: state.pods, readyReplicas: state.available, availableReplicas: state.available }
    sets = sets.with(at, { ...set, status })
    const all = [...real.values()]
    const total = all.reduce((sum, { pods }) => sum + pods, 0)
    const available = all.reduce((sum, each) => sum + each.available, 0)
    assert.ok(total <= replicas + surge, `seed ${seed}: ${total} pods of at most ${replicas + surge}`)
    assert.ok(available >= least, `seed ${seed}: ${available} available of at least ${least}`)
    if (conditionOf(plan.status.conditions, 'Progressing')?.reason === 'NewReplicaSetAvailable') return
  }
  assert.fail(`seed ${seed}: the rollout did not end`)
}
