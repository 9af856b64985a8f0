import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { queueMetrics } from './queueMetrics.ts'
import { WorkQueue } from './workQueue.ts'

test('a queue tells what waits, what is worked on and how long', async () => {
  const clock = new SimulatedClock()
  const registry = new MetricRegistry()
  const queue = new WorkQueue({ clock, observer: queueMetrics(registry, clock)('q') })
  const values = (): Record<string, number> =>
    Object.fromEntries(
      registry
        .render()
        .split('\n')
        .flatMap((line) => {
          const [, name, value] = /^workqueue_(\w+)\{name="q"\} (\S+)$/.exec(line) ?? []
          return name === undefined ? [] : [[name, Number(value)]]
        }),
    )
  queue.add('a')
  queue.add('a')
  queue.add('b')
  await clock.advance('2s')
  assert.equal(await queue.take(), 'a')
  queue.add('a')
  await clock.advance('3s')
  assert.deepEqual(values(), {
    adds_total: 3,
    depth: 2,
    longest_running_processor_seconds: 3,
    queue_duration_seconds_count: 1,
    queue_duration_seconds_sum: 2,
    retries_total: 0,
    unfinished_work_seconds: 3,
    work_duration_seconds_count: 0,
    work_duration_seconds_sum: 0,
  })
  queue.done('a')
  queue.retry('b')
  queue.retryAfter('a', 0)
  assert.deepEqual([await queue.take(), await queue.take()], ['b', 'a'])
  const after = values()
  assert.deepEqual(
    [after['depth'], after['work_duration_seconds_sum'], after['queue_duration_seconds_sum'], after['retries_total']],
    [0, 3, 10, 2],
  )
  queue.close()
})

test('queues of one name are told together', async () => {
  const clock = new SimulatedClock()
  const registry = new MetricRegistry()
  const observerOf = queueMetrics(registry, clock)
  const [left, right] = [1, 2].map(() => new WorkQueue({ clock, observer: observerOf('q') })) as [WorkQueue, WorkQueue]
  for (const queue of [left, right]) {
    queue.add('a')
    queue.add('b')
    await queue.take()
    await clock.advance('2s')
  }
  const lines = registry.render().split('\n')
  for (const line of [
    'workqueue_adds_total{name="q"} 4',
    'workqueue_depth{name="q"} 2',
    'workqueue_unfinished_work_seconds{name="q"} 6',
    'workqueue_longest_running_processor_seconds{name="q"} 4',
    '# HELP workqueue_depth [ALPHA] Current depth of workqueue',
    'workqueue_queue_duration_seconds_bucket{name="q",le="9.999999999999999e-06"} 2',
    'workqueue_queue_duration_seconds_bucket{name="q",le="10"} 2',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  assert.equal(lines.filter((line) => line.startsWith('workqueue_work_duration_seconds_bucket')).length, 11)
  left.close()
  right.close()
})
