import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import type { WakeRule } from './plugin.ts'
import { outsideRejecter, SchedulingQueue } from './queue.ts'
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
      {
        event: { resource: 'pods', action: 'update' },
        helps: ({ pod, changedPod }) =>
          changedPod?.metadata.uid === pod.metadata.uid && changedPod?.metadata.labels?.['picky'] === undefined,
      },
    ],
  ],
])

const roomMade = { resource: 'pods', action: 'delete' } as const

function fixture(backoff?: { first: number; most: number }): { clock: SimulatedClock; queue: SchedulingQueue } {
  const clock = new SimulatedClock(0)
  return {
    clock,
    queue: new SchedulingQueue({ clock, rulesOf: () => rules, ...(backoff === undefined ? {} : { backoff }) }),
  }
}

const name = async (queue: SchedulingQueue): Promise<string> => (await queue.take())!.pod.metadata.name!

/** The counts that are not zero. */
function counts(queue: SchedulingQueue): Record<string, number> {
  return Object.fromEntries(Object.entries(queue.counts()).filter(([, count]) => count > 0))
}

/** A queue whose only pod was taken and rejected, or failed, so many times. */
async function failing(times: number, rejectedBy: readonly string[]): Promise<ReturnType<typeof fixture>> {
  const made = fixture()
  const pod = podOf({ name: 'p' })
  made.queue.set(pod, false)
  for (let i = 0; i < times; i++) {
    if (i > 0) made.queue.activate(pod)
    await made.queue.take()
    made.queue.putBack(pod, new Set(rejectedBy))
  }
  return made
}

test('SchedulingQueue hands out by priority, then by age', async () => {
  const { clock, queue } = fixture()
  queue.set(podOf({ name: 'old' }), false)
  await clock.advance(10)
  queue.set(podOf({ name: 'young' }), false)
  queue.set(podOf({ name: 'urgent', spec: { containers: [], priority: 1000 } }), false)
  assert.deepEqual([await name(queue), await name(queue), await name(queue)], ['urgent', 'old', 'young'])
  queue.close()
})

test('SchedulingQueue puts a pod that came back behind those that were not tried yet', async () => {
  const { clock, queue } = fixture({ first: 0, most: 0 })
  const old = podOf({ name: 'old' })
  queue.set(old, false)
  await clock.advance(10)
  queue.set(podOf({ name: 'young' }), false)
  assert.equal(await name(queue), 'old')
  await clock.advance(10)
  queue.putBack(old, new Set())
  assert.deepEqual([await name(queue), await name(queue)], ['young', 'old'])
  queue.close()
})

test('SchedulingQueue wakes a rejected pod only by what helps', async () => {
  const { queue } = await failing(1, ['Label'])
  queue.changed(roomMade)
  queue.changed({ resource: 'nodes', action: 'update', node: nodeOf({ name: 'n' }) })
  assert.deepEqual(counts(queue), { unschedulable: 1 })
  queue.changed({ resource: 'nodes', action: 'update', node: nodeOf({ name: 'n', labels: { disk: 'ssd' } }) })
  assert.deepEqual(counts(queue), { backoff: 1 })
  queue.close()
})

test('SchedulingQueue wakes a pod that someone outside rejected by anything', async () => {
  const { queue } = await failing(1, [outsideRejecter])
  queue.changed({ resource: 'namespaces', action: 'add' })
  assert.deepEqual(counts(queue), { backoff: 1 })
  queue.close()
})

test('SchedulingQueue wakes a pod by a change of itself that helps, and by no other', async () => {
  const { queue } = fixture()
  const picky = podOf({ name: 'p', labels: { picky: 'very' } })
  queue.set(picky, false)
  await queue.take()
  queue.putBack(picky, new Set(['Label']))
  queue.set(podOf({ name: 'p', labels: { picky: 'less' } }), false)
  queue.set({ ...podOf({ name: 'p', labels: { picky: 'less' } }), status: { phase: 'Pending' } }, false)
  assert.deepEqual(counts(queue), { unschedulable: 1 })
  queue.set(podOf({ name: 'p' }), false)
  assert.deepEqual(counts(queue), { backoff: 1 })
  queue.close()
})

// A back-off ends with the whole second after the one that it falls into.
const backoffs = [
  { times: 1, rejectedBy: ['Room'], seconds: 2 },
  { times: 2, rejectedBy: ['Room'], seconds: 3 },
  { times: 3, rejectedBy: ['Room'], seconds: 5 },
  { times: 4, rejectedBy: ['Room'], seconds: 9 },
  { times: 5, rejectedBy: ['Room'], seconds: 11 },
  { times: 9, rejectedBy: ['Room'], seconds: 11 },
  { times: 1, rejectedBy: [], seconds: 2 },
  { times: 3, rejectedBy: [], seconds: 5 },
]

for (const { times, rejectedBy, seconds } of backoffs) {
  const what = rejectedBy.length > 0 ? 'was rejected' : 'went wrong'
  test(`SchedulingQueue makes a pod ready by itself ${seconds} s after it ${what} for time ${times}`, async () => {
    const { clock, queue } = await failing(times, rejectedBy)
    queue.changed(roomMade)
    await clock.advance(seconds * 1_000 - 1)
    assert.deepEqual(counts(queue), { backoff: 1 })
    await clock.advance(1)
    assert.deepEqual(counts(queue), { ready: 1 })
    queue.close()
  })
}

test('SchedulingQueue hands out a rejected pod before its back-off is over when no other is ready', async () => {
  const { clock, queue } = await failing(3, ['Room'])
  const taken = name(queue)
  await clock.advance(500)
  queue.changed(roomMade)
  assert.equal(await taken, 'p')
  queue.close()
})

test('SchedulingQueue lets a pod whose attempt went wrong wait, ready or not', async () => {
  const { clock, queue } = await failing(1, [])
  let taken: string | undefined
  const taking = name(queue).then((each) => (taken = each))
  await clock.advance(1_999)
  assert.equal(taken, undefined)
  await clock.advance(1)
  assert.equal(await taking, 'p')
  queue.close()
})

test('SchedulingQueue hands out the most important of those whose back-offs end in one second', async () => {
  const { clock, queue } = fixture()
  const plain = podOf({ name: 'plain' })
  const urgent = podOf({ name: 'urgent', spec: { containers: [], priority: 10 } })
  queue.set(plain, false)
  await queue.take()
  queue.putBack(plain, new Set(['Room']))
  await clock.advance(300)
  queue.set(urgent, false)
  await queue.take()
  queue.putBack(urgent, new Set(['Room']))
  queue.changed(roomMade)
  assert.deepEqual([await name(queue), await name(queue)], ['urgent', 'plain'])
  queue.close()
})

test('SchedulingQueue counts errors anew after a rejection', async () => {
  const { clock, queue } = await failing(4, [])
  const pod = podOf({ name: 'p' })
  queue.activate(pod)
  await queue.take()
  queue.putBack(pod, new Set(['Room']))
  queue.changed(roomMade)
  await clock.advance('2s')
  assert.deepEqual(counts(queue), { ready: 1 })
  queue.close()
})

test('SchedulingQueue does not lose a change that came while the pod was being scheduled', async () => {
  const { queue } = fixture()
  const pod = podOf({ name: 'p' })
  queue.set(pod, false)
  await queue.take()
  queue.changed(roomMade)
  queue.putBack(pod, new Set(['Room']))
  assert.equal(await name(queue), 'p')
  queue.close()
})

test('SchedulingQueue does not wake a pod by a change that does not matter to it', async () => {
  const { queue } = fixture()
  const pod = podOf({ name: 'p' })
  const toOthers = ({ metadata }: Pod): boolean => metadata.name !== 'p'
  queue.set(pod, false)
  await queue.take()
  queue.changed(roomMade, toOthers)
  queue.putBack(pod, new Set(['Room']))
  queue.changed(roomMade, toOthers)
  assert.deepEqual(counts(queue), { unschedulable: 1 })
  queue.close()
})

test('SchedulingQueue tells pods in flight apart: by when they were taken, and whose change it is', async () => {
  const { queue } = fixture()
  const [early, late] = ['early', 'late'].map((name) => podOf({ name }))
  queue.set(early!, false)
  queue.set(late!, false)
  await queue.take()
  queue.changed(roomMade)
  await queue.take()
  queue.set(podOf({ name: 'early', labels: { app: 'web' } }), false)
  queue.putBack(late!, new Set([outsideRejecter]))
  assert.deepEqual(counts(queue), { taken: 1, unschedulable: 1 })
  queue.putBack(early!, new Set(['Room']))
  assert.deepEqual(counts(queue), { backoff: 1, unschedulable: 1 })
  queue.close()
})

test('SchedulingQueue takes it that one of very many changes helped a pod in flight', async () => {
  const { queue } = fixture()
  const pod = podOf({ name: 'p' })
  queue.set(pod, false)
  await queue.take()
  for (let i = 0; i < 2_000; i++) queue.changed({ resource: 'nodes', action: 'delete' })
  queue.putBack(pod, new Set(['Room']))
  assert.deepEqual(counts(queue), { backoff: 1 })
  queue.close()
})

test('SchedulingQueue remembers no changes for a pod that only has to be bound', async () => {
  const { queue } = fixture()
  const pod = podOf({ name: 'p' })
  queue.set(pod, false)
  await queue.take()
  queue.leave(pod)
  assert.deepEqual(counts(queue), { leaving: 1 })
  queue.changed(roomMade)
  queue.putBack(pod, new Set())
  assert.deepEqual(counts(queue), { backoff: 1 })
  queue.close()
})

test('SchedulingQueue tries a pod again after five minutes even if nothing happened', async () => {
  const { clock, queue } = await failing(1, ['Room'])
  await clock.advance('5m')
  assert.deepEqual(counts(queue), { unschedulable: 1 })
  await clock.advance('31s')
  assert.deepEqual(counts(queue), { ready: 1 })
  queue.close()
})

test('SchedulingQueue keeps a gated pod aside until its gates are gone', async () => {
  const { queue } = fixture()
  const gated = podOf({ name: 'p', spec: { containers: [], schedulingGates: [{ name: 'quota' }] } })
  queue.set(gated, true)
  queue.changed(roomMade)
  assert.deepEqual(counts(queue), { gated: 1 })
  queue.set(podOf({ name: 'p' }), false)
  assert.equal(await name(queue), 'p')
  queue.close()
})

test('SchedulingQueue forgets a pod that was removed, wherever it waited', async () => {
  const { clock, queue } = fixture()
  const gone = podOf({ name: 'gone' })
  queue.set(gone, false)
  queue.remove(gone)
  queue.set(gone, false)
  await queue.take()
  queue.putBack(gone, new Set())
  queue.remove(gone)
  queue.set(gone, false)
  await queue.take()
  queue.remove(gone)
  queue.putBack(gone, new Set())
  assert.deepEqual(counts(queue), {})
  queue.set(podOf({ name: 'there' }), false)
  assert.equal(await name(queue), 'there')
  await clock.advance('1m')
  queue.close()
  assert.deepEqual([await queue.take(), clock.pending], [undefined, 0])
})
