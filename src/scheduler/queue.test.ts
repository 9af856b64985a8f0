import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import type { WakeRule } from './plugin.ts'
import { SchedulingQueue } from './queue.ts'
import { nodeOf, podOf } from './testObjects.ts'

const rules = new Map<string, readonly WakeRule[]>([
  ['Room', [{ event: { resource: 'pods', action: 'delete' } }]],
  [
    'Label',
    [
      {
        event: { resource: 'nodes', action: 'update' },
        helps: ({ node }) => node?.metadata.labels?.['disk'] === 'ssd',
      },
    ],
  ],
])

function fixture(): { clock: SimulatedClock; queue: SchedulingQueue } {
  const clock = new SimulatedClock(0)
  return { clock, queue: new SchedulingQueue(clock, rules) }
}

const name = async (queue: SchedulingQueue): Promise<string> => (await queue.take())!.pod.metadata.name!

test('SchedulingQueue hands out by priority, then by age', async () => {
  const { clock, queue } = fixture()
  queue.set(podOf({ name: 'old' }), false)
  await clock.advance(10)
  queue.set(podOf({ name: 'young' }), false)
  queue.set(podOf({ name: 'urgent', spec: { containers: [], priority: 1000 } }), false)
  assert.deepEqual([await name(queue), await name(queue), await name(queue)], ['urgent', 'old', 'young'])
  queue.close()
})

test('SchedulingQueue wakes a rejected pod only by what helps, and after its back-off', async () => {
  const { clock, queue } = fixture()
  const pod = podOf({ name: 'p' })
  queue.set(pod, false)
  await queue.take()
  queue.putBack(pod, new Set(['Label']))
  queue.changed({ resource: 'pods', action: 'delete' })
  queue.changed({ resource: 'nodes', action: 'update', node: nodeOf({ name: 'n' }) })
  assert.deepEqual(queue.counts(), { ready: 0, backoff: 0, unschedulable: 1, gated: 0, taken: 0 })
  queue.changed({ resource: 'nodes', action: 'update', node: nodeOf({ name: 'n', labels: { disk: 'ssd' } }) })
  assert.equal(queue.counts().backoff, 1)
  await clock.advance('1s')
  assert.equal(queue.counts().ready, 1)
  queue.close()
})

test('SchedulingQueue does not lose a change that came while the pod was being scheduled', async () => {
  const { clock, queue } = fixture()
  const pod = podOf({ name: 'p' })
  queue.set(pod, false)
  await queue.take()
  queue.changed({ resource: 'pods', action: 'delete' })
  queue.putBack(pod, new Set(['Room']))
  await clock.advance('1s')
  assert.equal(await name(queue), 'p')
  queue.close()
})

test('SchedulingQueue tries a pod again after five minutes even if nothing happened', async () => {
  const { clock, queue } = fixture()
  const pod = podOf({ name: 'p' })
  queue.set(pod, false)
  await queue.take()
  queue.putBack(pod, new Set(['Room']))
  await clock.advance('5m')
  assert.equal(queue.counts().unschedulable, 1)
  await clock.advance('31s')
  assert.equal(queue.counts().ready, 1)
  queue.close()
})

test('SchedulingQueue keeps a gated pod aside until its gates are gone', async () => {
  const { queue } = fixture()
  const gated = podOf({ name: 'p', spec: { containers: [], schedulingGates: [{ name: 'quota' }] } })
  queue.set(gated, true)
  assert.equal(queue.counts().gated, 1)
  queue.set(podOf({ name: 'p' }), false)
  assert.equal(await name(queue), 'p')
  queue.close()
})

test('SchedulingQueue forgets a pod that was removed while it waited', async () => {
  const { clock, queue } = fixture()
  queue.set(podOf({ name: 'gone' }), false)
  queue.remove(podOf({ name: 'gone' }))
  queue.set(podOf({ name: 'there' }), false)
  assert.equal(await name(queue), 'there')
  queue.close()
  assert.deepEqual([await queue.take(), clock.pending], [undefined, 0])
})
