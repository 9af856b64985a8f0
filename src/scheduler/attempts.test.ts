import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { Causes } from '#client/causes.ts'
import { clientOver } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { Attempts } from './attempts.ts'
import { SchedulerCache } from './cache.ts'
import { Nominations } from './nominations.ts'
import { defaultPlugins } from './plugins/index.ts'
import { PodReports } from './podReports.ts'
import { usualPreemption } from './preemption/plan.ts'
import { makeProfile } from './profile.ts'
import { SchedulingQueue } from './queue.ts'
import { nodeOf, podOf } from './testObjects.ts'

/** A node that pods fill, another that wants the place of all, and a server that does what it is asked. */
async function fixture(names = ['victim']) {
  const clock = new SimulatedClock()
  const stop = new AbortController()
  const asked: string[] = []
  const unused = (): never => assert.fail('nothing is watched')
  const client = clientOver({
    send: async ({ method, path }) => {
      asked.push(`${method} ${path.split('/').slice(5).join('/')}`)
      return { code: 200, body: {}, warnings: [] }
    },
    watch: unused,
    stream: unused,
  })
  const causes = new Causes(clock)
  const events = { recorder: () => ({ record: () => {}, recordAction: () => {} }) }
  const reports = new PodReports({ client, causes, clock, eventsOf: events.recorder })
  const plugins = defaultPlugins({
    siblingsOf: () => undefined,
    namespaces: { version: 0, names: [], labelsOf: () => undefined },
  })
  const profile = makeProfile({ schedulerName: 'default-scheduler', plugins, preemption: usualPreemption })
  const queue = new SchedulingQueue({ clock, rulesOf: () => profile.rules })
  const cache = new SchedulerCache()
  const rest = { client, events, clock, random: seededRandom(1), reports, budgets: () => [], extenders: [] }
  const attempts = new Attempts({ ...rest, cache, queue, nominations: new Nominations() }, stop.signal)
  const requests = { cpu: `${3_000 / names.length}m` }
  const victims = names.map((name) => podOf({ name, requests, spec: { nodeName: 'a', priority: 0 } }))
  const preemptor = podOf({ name: 'urgent', requests: { cpu: '3' }, spec: { priority: 10 } })
  cache.setNode(nodeOf({ name: 'a' }))
  for (const victim of victims) cache.setPod(victim)
  queue.set(preemptor, false)
  await queue.take()
  void attempts.attempt(preemptor, profile)
  await clock.advance(0)
  const seenGoing = (victim: Pod, deletionGracePeriodSeconds: number): void => {
    const ends = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds }
    const going = { ...victim, metadata: { ...victim.metadata, ...ends } }
    cache.setPod(going)
    attempts.ends(going)
  }
  const seenGone = (victim: Pod): void => {
    attempts.drop(victim)
    cache.removePod(victim)
    queue.changed({ resource: 'pods', action: 'delete', oldChangedPod: victim })
  }
  return { attempts, queue, stop, asked, victims, seenGoing, seenGone, clock }
}

test('a pod that sent another away is not tried again before that one is seen to go', async () => {
  const { queue, asked, victims, seenGone, clock } = await fixture()
  assert.deepEqual(asked.toSorted(), ['DELETE pods/victim', 'PATCH pods/urgent/status', 'PATCH pods/victim/status'])
  assert.equal(queue.counts().taken, 1)
  queue.changed({ resource: 'nodes', action: 'add', node: nodeOf({ name: 'b' }) })
  await clock.advance('1m')
  assert.equal(queue.counts().taken, 1)
  seenGone(victims[0]!)
  await clock.advance(0)
  assert.equal(queue.counts().taken, 0)
  assert.equal(queue.counts().backoff, 1)
  queue.close()
})

test('a pod that takes its time to go is waited for no longer than until it is seen to', async () => {
  const { queue, victims, seenGoing, clock } = await fixture()
  seenGoing(victims[0]!, 30)
  await clock.advance(0)
  assert.equal(queue.counts().unschedulable, 1)
  queue.close()
})

test('a pod is not tried again because of the first of its victims while the last is still there', async () => {
  const { queue, victims, seenGoing, seenGone, clock } = await fixture(['first', 'last'])
  const [first, last] = [victims[0]!, victims[1]!]
  seenGone(first)
  seenGoing(last, 30)
  await clock.advance(0)
  assert.equal(queue.counts().unschedulable, 1)
  seenGone(last)
  assert.equal(queue.counts().backoff, 1)
  queue.close()
})

test('a pod that has no time to go is waited for until it is gone', async () => {
  const { queue, victims, seenGoing, seenGone, clock } = await fixture()
  seenGoing(victims[0]!, 0)
  await clock.advance(0)
  assert.equal(queue.counts().taken, 1)
  seenGone(victims[0]!)
  await clock.advance(0)
  assert.equal(queue.counts().backoff, 1)
  queue.close()
})

test('a pod is tried again when all of its victims are gone before it is back in the queue', async () => {
  const { queue, victims, seenGone, clock } = await fixture(['first', 'last'])
  for (const victim of victims) seenGone(victim)
  await clock.advance(0)
  assert.equal(queue.counts().backoff, 1)
  queue.close()
})

test('what is waited for is given up when the scheduler ends', async () => {
  const { attempts, queue, stop } = await fixture()
  queue.close()
  stop.abort()
  await attempts.end()
})
