import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { timeText } from '#machinery/time.ts'
import { SchedulerMetrics } from './schedulerMetrics.ts'

test('attempts, what waits, and how long pods waited', async () => {
  const clock = new SimulatedClock()
  const registry = new MetricRegistry()
  const counts = { ready: 1, backoff: 2, unschedulable: 3, gated: 4, taken: 5, leaving: 6 }
  const metrics = new SchedulerMetrics(registry, { counts: () => counts }, clock)
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', creationTimestamp: timeText(clock.now()) },
    spec: { containers: [], schedulerName: 'mine' },
  }
  await clock.advance('4s')
  metrics.attempted(pod, 'unschedulable')
  metrics.attempted(pod, 'unschedulable')
  metrics.attempted(pod, 'scheduled')
  const lines = registry.render().split('\n')
  for (const line of [
    'scheduler_schedule_attempts_total{result="scheduled",profile="mine"} 1',
    'scheduler_schedule_attempts_total{result="unschedulable",profile="mine"} 2',
    'scheduler_pending_pods{queue="active"} 1',
    'scheduler_pending_pods{queue="gated"} 4',
    'scheduler_pod_scheduling_sli_duration_seconds_sum 4',
    'scheduler_pod_scheduling_sli_duration_seconds_count 1',
  ]) {
    assert.ok(lines.includes(line), line)
  }
})
