import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { timeText } from '#machinery/time.ts'
import { KubeletMetrics } from './kubeletMetrics.ts'
import type { PodWorker } from './podWorker.ts'

const clock = new SimulatedClock()
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: 'u', creationTimestamp: timeText(clock.now()) },
  spec: { containers: [] },
}
const running = { name: 'c', state: { running: {} } } as never

test('an agent counts its pods, their starts and their probes', async () => {
  const worker = {
    observed: { sandboxes: [{ ready: true }], containers: [{ state: 'running' }, { state: 'exited' }] },
  } as unknown as PodWorker
  const metrics = new KubeletMetrics('n1', clock, () => [worker])
  await clock.advance('1s')
  metrics.seen(pod, { phase: 'Pending' })
  metrics.noted(pod, 'Pulling')
  await clock.advance('1500ms')
  metrics.noted(pod, 'Pulled')
  await clock.advance('500ms')
  metrics.seen(pod, { phase: 'Running', containerStatuses: [running, { name: 'd', state: { waiting: {} } } as never] })
  metrics.seen(pod, { phase: 'Running', containerStatuses: [running] })
  metrics.seen(pod, { phase: 'Running', containerStatuses: [running] })
  const lines = metrics.text().split('\n')
  for (const line of [
    'kubelet_node_name{node="n1"} 1',
    'kubelet_running_pods 1',
    'kubelet_running_containers{container_state="exited"} 1',
    'kubelet_running_containers{container_state="running"} 1',
    'kubelet_pod_start_total_duration_seconds_count 1',
    'kubelet_pod_start_total_duration_seconds_sum 3',
    'kubelet_pod_start_sli_duration_seconds_sum 1.5',
    'kubelet_pod_start_duration_seconds_sum 2',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  metrics.evicted('memory.available')
  assert.match(metrics.text(), /^kubelet_evictions\{eviction_signal="memory.available"\} 1$/m)
  for (const result of ['success', 'failure', 'success'] as const) metrics.probed(pod, 'c', 'liveness', result)
  const labels = 'container="c",namespace="n",pod="p",pod_uid="u",probe_type="Liveness"'
  assert.deepEqual(metrics.probesText().split('\n').slice(2), [
    `prober_probe_total{${labels},result="successful"} 2`,
    `prober_probe_total{${labels},result="failed"} 1`,
  ])
  metrics.forget('u')
  assert.equal(metrics.probesText(), '')
})
