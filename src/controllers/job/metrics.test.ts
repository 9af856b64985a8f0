import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job, JobSpec, JobStatus } from '#api/batch/v1/job.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { counted } from '../metricsFixture.ts'
import { noFailures } from './backOff.ts'
import { job, jobPod, now, pod, type PodShape } from './fixture.ts'
import { jobMetrics, syncActionOf, type JobMetrics } from './metrics.ts'
import { newCondition, planJob } from './plan.ts'

/** What is counted while something happens. */
function count(happens: (metrics: JobMetrics) => void): Readonly<Record<string, number>> {
  const registry = new MetricRegistry()
  happens(jobMetrics(registry))
  return counted(registry, 'job_controller_')
}

test('looks at jobs by mode, result and what they did', () => {
  const indexed = job({ completionMode: 'Indexed' })
  const counts = count((metrics) => {
    metrics.synced(job(), 'pods_created', false, 500)
    metrics.synced(job(), 'pods_created', false, 1_500)
    metrics.synced(indexed, 'tracking', true, 0)
  })
  const created = '{completion_mode="NonIndexed",result="success",action="pods_created"}'
  const failed = '{completion_mode="Indexed",result="error",action="tracking"}'
  assert.deepEqual(counts, {
    [`job_sync_duration_seconds_count${created}`]: 2,
    [`job_sync_duration_seconds_count${failed}`]: 1,
    [`job_sync_duration_seconds_sum${created}`]: 2,
    [`job_syncs_total${created}`]: 2,
    [`job_syncs_total${failed}`]: 1,
  })
})

test('how jobs end', () => {
  const counts = count((metrics) => {
    metrics.finished(job(), newCondition('Complete', 'CompletionsReached', '', now))
    metrics.finished(job({ completionMode: 'Indexed' }), newCondition('Failed', 'FailedIndexes', '', now))
  })
  assert.deepEqual(counts, {
    'jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"}': 1,
    'jobs_finished_total{completion_mode="Indexed",result="failed",reason="FailedIndexes"}': 1,
  })
})

const statuses: readonly [name: string, spec: Partial<JobSpec>, JobStatus, JobStatus, Record<string, number>][] = [
  [
    'pods',
    {},
    { succeeded: 1, failed: 2 },
    { succeeded: 4, failed: 3 },
    {
      'job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"}': 3,
      'job_pods_finished_total{completion_mode="NonIndexed",result="failed"}': 1,
    },
  ],
  [
    'indexes, without those that are not wanted any longer',
    { completionMode: 'Indexed', completions: 4 },
    { completedIndexes: '0,7', succeeded: 2 },
    { completedIndexes: '0-2', succeeded: 3 },
    {
      'job_finished_indexes_total{status="succeeded",backoffLimit="global"}': 2,
      'job_pods_finished_total{completion_mode="Indexed",result="succeeded"}': 2,
    },
  ],
  [
    'indexes that fail by themselves',
    { completionMode: 'Indexed', completions: 4, backoffLimitPerIndex: 0 },
    { failedIndexes: '' },
    { completedIndexes: '0', failedIndexes: '1,3', failed: 2 },
    {
      'job_finished_indexes_total{status="succeeded",backoffLimit="perIndex"}': 1,
      'job_finished_indexes_total{status="failed",backoffLimit="perIndex"}': 2,
      'job_pods_finished_total{completion_mode="Indexed",result="succeeded"}': 1,
      'job_pods_finished_total{completion_mode="Indexed",result="failed"}': 2,
    },
  ],
]
for (const [name, spec, before, after, expected] of statuses) {
  test(`what a status counts: ${name}`, () =>
    assert.deepEqual(
      count((metrics) => metrics.counted(job(spec), before, after)),
      expected,
    ))
}

const creations: readonly [name: string, Partial<JobSpec>, pods: readonly PodShape[], reason: string][] = [
  ['the first', {}, [], 'new'],
  ['after a failure', {}, [{ phase: 'Failed' }], 'recreate_terminating_or_failed'],
  ['in place of one that ends', { parallelism: 2 }, [{ deleted: 1 }], 'recreate_terminating_or_failed'],
  ['once the failed are over', { podReplacementPolicy: 'Failed' }, [{ phase: 'Failed' }], 'recreate_failed'],
]
for (const [name, spec, shapes, reason] of creations) {
  test(`pods are made: ${name}`, () => {
    const of = job(spec)
    const pods = shapes.map((shape, at) => jobPod(`p${at}`, shape))
    const counts = count((metrics) => metrics.created(of, planJob(of, pods, noFailures, now), 3, 0))
    assert.deepEqual(counts, { [`job_pods_creation_total{reason="${reason}",status="succeeded"}`]: 3 })
  })
}

test('creates that fail count as both', () => {
  const counts = count((metrics) => metrics.created(job(), planJob(job(), [], noFailures, now), 3, 2))
  assert.deepEqual(counts, {
    'job_pods_creation_total{reason="new",status="succeeded"}': 5,
    'job_pods_creation_total{reason="new",status="failed"}': 2,
  })
})

test('pods that end with the finalizer, and lose it', () => {
  const states = [
    pod('p'),
    pod('p', { phase: 'Succeeded' }),
    pod('p', { phase: 'Succeeded', deleted: 1 }),
    pod('p', { phase: 'Succeeded', isTracked: false }),
  ]
  const counts = count((metrics) => {
    for (const [at, state] of states.entries()) {
      metrics.podChanged(at === 0 ? { new: state } : { old: states[at - 1]!, new: state })
    }
    metrics.podChanged({ old: states.at(-1)! })
    metrics.podChanged({ old: pod('q', { phase: 'Failed' }) })
  })
  assert.deepEqual(counts, {
    'terminated_pods_tracking_finalizer_total{event="add"}': 1,
    'terminated_pods_tracking_finalizer_total{event="delete"}': 2,
  })
})

test('what the failure policy does, and jobs of others', () => {
  const counts = count((metrics) => {
    metrics.judged(['Ignore', 'Count', 'Ignore'])
    metrics.judged()
    metrics.leftAlone('example.com/queue')
  })
  assert.deepEqual(counts, {
    'pod_failures_handled_by_failure_policy_total{action="Ignore"}': 2,
    'pod_failures_handled_by_failure_policy_total{action="Count"}': 1,
    'jobs_by_external_controller_total{controller_name="example.com/queue"}': 1,
  })
})

const failedLately: PodShape = { phase: 'Failed', ended: 1 }
const actions: readonly [name: string, Job, readonly PodShape[], action: string][] = [
  ['pods are made', job(), [], 'pods_created'],
  ['pods are to be made later', job(), [failedLately], 'pods_created'],
  [
    'every index that is left has failed',
    job({ completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimitPerIndex: 0 }, { failedIndexes: '0' }),
    [{ index: 1 }, { index: 2 }],
    'pods_created',
  ],
  ['there are too many', job(), [{}, {}], 'pods_deleted'],
  ['it is suspended', job({ suspend: true }), [], 'pods_deleted'],
  ['all is as it should be', job(), [{}], 'tracking'],
  ['it ends', job({ backoffLimit: 0 }), [{ phase: 'Failed' }], 'reconciling'],
  ['it is being deleted', job({}, {}, { deletionTimestamp: 'now' }), [], 'reconciling'],
]
for (const [name, of, shapes, action] of actions) {
  test(`what a look does: ${name}`, () => {
    const pods = shapes.map((shape, at) => jobPod(`p${at}`, shape))
    assert.equal(syncActionOf(of, planJob(of, pods, noFailures, now)), action)
  })
}
