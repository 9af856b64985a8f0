/** What controllers may say of their pods. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, DeploymentStatus } from '#api/apps/v1/deployment.ts'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { refusals, servingContext } from './testReport.ts'
import { deploymentStrategy } from './apps/deployment.ts'
import { replicaSetStrategy } from './apps/replicaSet.ts'

const meta = { apiVersion: 'apps/v1', kind: '', metadata: { name: 'a' } }
const more = 'cannot be greater than status.replicas'

test('the status of a deployment counts no more pods of a kind than there are', () => {
  const of = (status: DeploymentStatus): Deployment => ({ ...meta, spec: {} as never, status })
  const found = (now: DeploymentStatus, before: DeploymentStatus = {}): string[] =>
    refusals((report) =>
      deploymentStrategy.subresources!['status']!.validate!(of(now), of(before), report, servingContext),
    )
  assert.deepEqual(found({ replicas: 2, readyReplicas: 2, availableReplicas: 1, updatedReplicas: 2 }), [])
  assert.deepEqual(found({ replicas: -1 }), [
    'status.replicas: Invalid value: -1: must be greater than or equal to 0',
    `status.updatedReplicas: Invalid value: 0: ${more}`,
    `status.readyReplicas: Invalid value: 0: ${more}`,
    `status.availableReplicas: Invalid value: 0: ${more}`,
  ])
  assert.deepEqual(
    found({ replicas: 1, readyReplicas: 2, availableReplicas: 3, collisionCount: 1 }, { collisionCount: 2 }),
    [
      `status.readyReplicas: Invalid value: 2: ${more}`,
      `status.availableReplicas: Invalid value: 3: ${more}`,
      'status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas',
      'status.collisionCount: Invalid value: 1: cannot be decremented',
    ],
  )
})

test('the status of a replica set counts no more pods of a kind than there are', () => {
  const replicaSet: ReplicaSet = { ...meta, spec: {} as never, status: { replicas: 1, fullyLabeledReplicas: 2 } }
  assert.deepEqual(
    refusals((report) =>
      replicaSetStrategy.subresources!['status']!.validate!(replicaSet, replicaSet, report, servingContext),
    ),
    [`status.fullyLabeledReplicas: Invalid value: 2: ${more}`],
  )
})
