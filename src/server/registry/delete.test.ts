import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeleteOptions } from '#api/meta/v1/options.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Kind } from '../kind.ts'
import type { Strategy } from '../strategy.ts'
import { planDeletion } from './delete.ts'

const now = Date.UTC(2026, 0, 1)
const graceful: Partial<Strategy> = { gracePeriod: (_object, requested) => requested ?? 30 }
const plain: Partial<Strategy> = {}
const orphaning: Partial<Strategy> = { orphans: { warning: 'left' } }

interface Row {
  readonly name: string
  readonly strategy: Partial<Strategy>
  readonly metadata?: object
  readonly wanted?: DeleteOptions
  /** Nothing, or the marks that are left and whether the object goes at once behind them. */
  readonly plan: unknown
}

const deleting = (seconds: number): object => ({
  deletionTimestamp: `2026-01-01T00:00:${String(seconds).padStart(2, '0')}Z`,
  deletionGracePeriodSeconds: seconds,
})

const rows: readonly Row[] = [
  { name: 'nothing holds it', strategy: plain, plan: 'remove' },
  {
    name: 'a finalizer holds it',
    strategy: plain,
    metadata: { finalizers: ['a/b'] },
    plan: [{ ...deleting(0), finalizers: ['a/b'] }, false],
  },
  {
    name: 'orphans are left',
    strategy: plain,
    wanted: { propagationPolicy: 'Orphan' },
    plan: [{ ...deleting(0), finalizers: ['orphan'] }, false],
  },
  {
    name: 'background takes other policies back',
    strategy: plain,
    metadata: { finalizers: ['foregroundDeletion'] },
    wanted: { propagationPolicy: 'Background' },
    plan: 'remove',
  },
  {
    name: 'orphans are left without a wish, where the kind leaves them',
    strategy: orphaning,
    plan: [{ ...deleting(0), finalizers: ['orphan'] }, false],
  },
  {
    name: 'orphans are not left against a wish',
    strategy: orphaning,
    wanted: { orphanDependents: false },
    plan: 'remove',
  },
  {
    name: 'a policy that is there stays without a wish',
    strategy: orphaning,
    metadata: { finalizers: ['foregroundDeletion'] },
    plan: [{ ...deleting(0), finalizers: ['foregroundDeletion'] }, false],
  },
  { name: 'grace as it is', strategy: graceful, plan: [{ ...deleting(30) }, false] },
  { name: 'grace as wanted', strategy: graceful, wanted: { gracePeriodSeconds: 5 }, plan: [{ ...deleting(5) }, false] },
  { name: 'no grace', strategy: graceful, wanted: { gracePeriodSeconds: 0 }, plan: [{ ...deleting(0) }, true] },
  {
    name: 'longer grace is not given',
    strategy: graceful,
    metadata: deleting(30),
    wanted: { gracePeriodSeconds: 40 },
    plan: 'nothing',
  },
  {
    name: 'shorter grace is',
    strategy: graceful,
    metadata: deleting(30),
    wanted: { gracePeriodSeconds: 10 },
    plan: [{ ...deleting(10) }, false],
  },
  {
    name: 'the end of the grace',
    strategy: graceful,
    metadata: deleting(30),
    wanted: { gracePeriodSeconds: 0 },
    plan: [{ ...deleting(0) }, true],
  },
  {
    name: 'a second deletion of what waits',
    strategy: plain,
    metadata: { ...deleting(0), finalizers: ['a/b'] },
    plan: 'nothing',
  },
  { name: 'the kind holds it', strategy: { holds: () => true }, plan: [{ ...deleting(0) }, false] },
]

test('what a deletion does to an object', () => {
  for (const { name, strategy, metadata = {}, wanted = {}, plan } of rows) {
    const kind = { strategy } as unknown as Kind
    const object = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a', ...metadata } } as KubeObject
    const planned = planDeletion(kind, object, wanted, now)
    if (planned.do !== 'mark') {
      assert.equal(planned.do, plan, name)
      continue
    }
    const { name: _, ...marks } = planned.object.metadata
    assert.deepEqual([marks, planned.thenRemove], plan, name)
  }
})
