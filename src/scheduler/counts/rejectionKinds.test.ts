import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RejectionKinds } from './rejectionKinds.ts'

test('RejectionKinds tells of all nodes that are rejected for the same reasons together, whatever their figures', () => {
  const kinds = new RejectionKinds()
  const short = (resource: string, free: number, forever: boolean) => {
    const cause = { kind: 'resource', resource, requested: 4, free, capacity: 4 } as const
    return { reason: `Insufficient ${resource}`, forever, cause }
  }
  const told = () => kinds.list.map(({ plugin, rejection, count }) => `${count} ${plugin} ${rejection.reason}`)
  const nowhere = new Set<number>()
  kinds.enter(0, 'Fit', short('cpu', 1, false))
  kinds.enter(2, 'Fit', short('cpu', 2, false))
  kinds.enter(3, 'Fit', short('cpu', 0, true))
  kinds.enter(5, 'Taints', { reason: 'tainted', forever: true })
  assert.deepEqual(told(), ['2 Fit Insufficient cpu', '1 Fit Insufficient cpu', '1 Taints tainted'])
  assert.deepEqual([...kinds.notForever(6, nowhere)], [0, 2])
  assert.deepEqual([...kinds.notForever(2, nowhere)], [0])
  for (const at of [0, 1, 3, 5, 9]) kinds.leave(at)
  // A number that is free is given to another kind.
  kinds.enter(1, 'Fit', { ...short('cpu', 0, false), furtherReasons: ['Insufficient memory'] })
  kinds.enter(4, 'Fit', short('cpu', 0, false))
  assert.deepEqual(told(), ['2 Fit Insufficient cpu', '1 Fit Insufficient cpu'])
  assert.deepEqual([...kinds.notForever(6, nowhere)], [1, 2, 4])
  assert.deepEqual([...kinds.notForever(7, new Set([3, 6]))], [1, 2, 3, 4, 6])
})
