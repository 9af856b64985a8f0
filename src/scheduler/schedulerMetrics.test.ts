import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { SchedulingQueue } from './queue.ts'
import { SchedulerMetrics } from './schedulerMetrics.ts'

const pod = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'a', uid: name },
  spec: { containers: [], schedulerName: 'mine' },
})
const cache = { counts: () => ({ nodes: 3, pods: 7, assumed: 1 }) }

/** A queue and what is counted of it. */
function scene() {
  const clock = new SimulatedClock()
  const registry = new MetricRegistry()
  let metrics: SchedulerMetrics | undefined
  const entered: SchedulerMetrics['entered'] = (...told) => metrics?.entered(...told)
  const queue = new SchedulingQueue({ clock, rulesOf: () => new Map(), entered })
  metrics = new SchedulerMetrics(registry, { queue, cache }, clock)
  /** All that is not 0, by what follows `scheduler_`; without buckets. */
  const values = (prefix = ''): Record<string, number> =>
    Object.fromEntries(
      registry
        .render()
        .split('\n')
        .flatMap((line) => {
          const at = line.lastIndexOf(' ')
          const name = line.slice('scheduler_'.length, at)
          const value = Number(line.slice(at + 1))
          return line === '' ||
            line.startsWith('#') ||
            name.includes('_bucket') ||
            value === 0 ||
            !name.startsWith(prefix)
            ? []
            : [[name, value]]
        }),
    )
  const take = async (): Promise<Pod> => {
    const queued = (await queue.take())!
    metrics.begins(queued)
    return queued.pod
  }
  return { clock, metrics, queue, values, take, [Symbol.dispose]: () => queue.close() }
}

test('attempts, how long each took, and how long pods waited since they could first be taken', async () => {
  using it = scene()
  it.queue.set(pod('p'), true)
  await it.clock.advance('1m')
  it.queue.set(pod('p'), false)
  await it.clock.advance('4s')
  const first = await it.take()
  await it.clock.advance(500)
  it.metrics.decided(first)
  it.metrics.attempted(first, 'unschedulable')
  it.queue.putBack(first, new Set(['NodeResourcesFit']))
  await it.clock.advance('20s')
  it.queue.activate(first)
  const second = await it.take()
  await it.clock.advance('2s')
  it.metrics.attempted(second, 'scheduled')
  // Attempts that came to nothing are told of nowhere.
  it.metrics.drop(second)
  assert.deepEqual(it.values('schedul'), {
    'schedule_attempts_total{result="scheduled",profile="mine"}': 1,
    'schedule_attempts_total{result="unschedulable",profile="mine"}': 1,
    scheduling_algorithm_duration_seconds_sum: 0.5,
    scheduling_algorithm_duration_seconds_count: 1,
    'scheduling_attempt_duration_seconds_sum{result="scheduled",profile="mine"}': 2,
    'scheduling_attempt_duration_seconds_count{result="scheduled",profile="mine"}': 1,
    'scheduling_attempt_duration_seconds_sum{result="unschedulable",profile="mine"}': 0.5,
    'scheduling_attempt_duration_seconds_count{result="unschedulable",profile="mine"}': 1,
  })
  assert.deepEqual(it.values('pod_scheduling'), {
    pod_scheduling_attempts_sum: 2,
    pod_scheduling_attempts_count: 1,
    'pod_scheduling_sli_duration_seconds_sum{attempts="2"}': 26.5,
    'pod_scheduling_sli_duration_seconds_count{attempts="2"}': 1,
  })
})

test('where pods are, and which events led them there', async () => {
  using it = scene()
  for (const name of ['a', 'b', 'c', 'd']) it.queue.set(pod(name), false)
  it.queue.set(pod('gated'), true)
  const [a, b, c] = [await it.take(), await it.take(), await it.take()]
  it.queue.putBack(a, new Set(['NodeAffinity', 'NodeResourcesFit']))
  it.queue.putBack(b, new Set(['NodeResourcesFit']))
  it.queue.putBack(c, new Set())
  assert.deepEqual(it.values('pending_pods'), {
    'pending_pods{queue="active"}': 1,
    'pending_pods{queue="backoff"}': 1,
    'pending_pods{queue="gated"}': 1,
    'pending_pods{queue="unschedulable"}': 2,
  })
  const unschedulable = {
    'unschedulable_pods{plugin="NodeAffinity",profile="mine"}': 1,
    'unschedulable_pods{plugin="NodeResourcesFit",profile="mine"}': 2,
    'unschedulable_pods{plugin="SchedulingGates",profile="mine"}': 1,
  }
  assert.deepEqual(it.values('unschedulable_pods'), unschedulable)
  it.queue.activate(a)
  await it.clock.advance('5s')
  it.queue.set(pod('gated'), false)
  it.queue.changed({ resource: 'nodes', action: 'add' })
  await it.clock.advance('6m')
  assert.deepEqual(it.values('queue_incoming'), {
    'queue_incoming_pods_total{queue="active",event="BackoffComplete"}': 1,
    'queue_incoming_pods_total{queue="active",event="ForceActivate"}': 1,
    'queue_incoming_pods_total{queue="active",event="UnschedulablePodAdd"}': 4,
    'queue_incoming_pods_total{queue="active",event="UnschedulablePodUpdatePodSchedulingGatesEliminated"}': 1,
    'queue_incoming_pods_total{queue="active",event="UnschedulableTimeout"}': 1,
    'queue_incoming_pods_total{queue="backoff",event="ScheduleAttemptFailure"}': 1,
    'queue_incoming_pods_total{queue="unschedulable",event="ScheduleAttemptFailure"}': 2,
    'queue_incoming_pods_total{queue="unschedulable",event="UnschedulablePodAdd"}': 1,
  })
  // Those that are tried are turned down by nobody as yet.
  for (let left = 5; left > 0; left--) await it.take()
  assert.deepEqual(it.values('unschedulable_pods'), {})
})

test('extension points, those who are sent away, and what is known', () => {
  using it = scene()
  const now = it.clock.now()
  it.metrics.passed('Filter', pod('p'), now)
  it.metrics.passed('Bind', pod('p'), now - 1_000, 'Error')
  it.metrics.preempts()
  it.metrics.preempts()
  it.metrics.sendsAway(3)
  const bind = '{extension_point="Bind",status="Error",profile="mine"}'
  assert.deepEqual(it.values('framework'), {
    [`framework_extension_point_duration_seconds_sum${bind}`]: 1,
    [`framework_extension_point_duration_seconds_count${bind}`]: 1,
    'framework_extension_point_duration_seconds_count{extension_point="Filter",status="Success",profile="mine"}': 1,
  })
  assert.deepEqual(it.values('preemption'), {
    preemption_attempts_total: 2,
    preemption_victims_count: 1,
    preemption_victims_sum: 3,
  })
  assert.deepEqual(it.values('cache_size'), {
    'cache_size{type="assumed_pods"}': 1,
    'cache_size{type="nodes"}': 3,
    'cache_size{type="pods"}': 7,
  })
})
