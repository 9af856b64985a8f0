import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatefulSet } from '#api/apps/v1/statefulSet.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { computeStatus } from './plan.ts'
import { now, observe, old, pod, setOf, three } from './testSets.ts'

const revisions = { currentRevision: 'web-old', updateRevision: 'web-new', collisionCount: 0 }
const statuses: readonly {
  name: string
  set?: StatefulSet
  pods: readonly Pod[]
  result: unknown
}[] = [
  {
    name: 'nothing',
    pods: [],
    result: { status: { observedGeneration: 4, replicas: 0, ...revisions, availableReplicas: 0 } },
  },
  {
    name: 'in the middle of a rollout',
    pods: [old(0), old(1), pod(2, { ready: false })],
    result: {
      status: {
        observedGeneration: 4,
        replicas: 3,
        readyReplicas: 2,
        currentReplicas: 2,
        updatedReplicas: 1,
        ...revisions,
        availableReplicas: 2,
      },
    },
  },
  {
    name: 'a rollout that is over',
    pods: three,
    result: {
      status: {
        observedGeneration: 4,
        replicas: 3,
        readyReplicas: 3,
        currentReplicas: 3,
        updatedReplicas: 3,
        ...revisions,
        currentRevision: 'web-new',
        availableReplicas: 3,
      },
    },
  },
  {
    name: 'waits for pods to be ready long enough',
    set: setOf({ minReadySeconds: 100 }),
    pods: [old(0, { ready: 30 }), old(1, { ready: 200 })],
    result: {
      status: {
        observedGeneration: 4,
        replicas: 2,
        readyReplicas: 2,
        currentReplicas: 2,
        ...revisions,
        availableReplicas: 1,
      },
      recheckAt: now + 70_000,
    },
  },
]

for (const row of statuses) {
  test(`status: ${row.name}`, () => {
    assert.deepEqual(computeStatus(row.set ?? setOf(), observe(row.pods), { collisions: 0 }, now), row.result)
  })
}

test('status: the pod that a rollout deletes counts no more for its revision', () => {
  const pods = [old(0), old(1), old(2)]
  const { status } = computeStatus(setOf(), observe(pods), { collisions: 0, replaced: pods[2]! }, now)
  assert.deepEqual([status.replicas, status.readyReplicas, status.currentReplicas], [3, 3, 2])
})
