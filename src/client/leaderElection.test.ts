import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease, LeaseSpec } from '#api/coordination/v1/lease.ts'
import { planLease, type SeenLease } from './leaderElection.ts'

const now = Date.UTC(2026, 0, 1)
const time = '2026-01-01T00:00:00.000000Z'

function seen(spec: LeaseSpec, ago: number): SeenLease {
  const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' }, spec }
  return { lease, at: now - ago }
}

const rows: readonly { name: string; seen: SeenLease | undefined; spec: LeaseSpec | undefined }[] = [
  {
    name: 'there is none',
    seen: undefined,
    spec: { holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: time, renewTime: time, leaseTransitions: 0 },
  },
  {
    name: 'somebody else holds it',
    seen: seen({ holderIdentity: 'you', leaseTransitions: 2 }, 14_999),
    spec: undefined,
  },
  {
    name: 'somebody else held it for too long without a sign',
    seen: seen({ holderIdentity: 'you', leaseTransitions: 2 }, 15_000),
    spec: { holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: time, renewTime: time, leaseTransitions: 3 },
  },
  {
    name: 'it was given back',
    seen: seen({ holderIdentity: '', leaseTransitions: 2 }, 0),
    spec: { holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: time, renewTime: time, leaseTransitions: 3 },
  },
  {
    name: 'it is held already',
    seen: seen({ holderIdentity: 'me', acquireTime: 'before', renewTime: 'x', leaseTransitions: 2 }, 5000),
    spec: {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: 'before',
      renewTime: time,
      leaseTransitions: 2,
    },
  },
]

for (const row of rows)
  test(`lease: ${row.name}`, () => assert.deepEqual(planLease(row.seen, 'me', 15_000, now), row.spec))
