import type { Job, JobCondition, JobStatus } from '#api/batch/v1/job.ts'
import type { PodFailurePolicyAction } from '#api/batch/v1/jobPolicies.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Change } from '#client/informer.ts'
import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'
import { countIndexes, readIndexes } from '#machinery/jobIndexes.ts'
import { hasEnded, isTracked } from './jobPods.ts'
import { isSuspended, type JobPlan } from './plan.ts'

/** What a look at a job did about its pods. */
export type SyncAction = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted'

export type JobMetrics = ReturnType<typeof jobMetrics>

export function jobMetrics(registry: MetricRegistry) {
  const counter = (name: string, help: string, labels: readonly string[], stability: 'ALPHA' | 'STABLE' = 'ALPHA') =>
    registry.counter({ name: `job_controller_${name}`, help, labels, stability })
  const sync = ['completion_mode', 'result', 'action']
  const syncs = counter('job_syncs_total', 'How often jobs were looked at', sync, 'STABLE')
  const syncSeconds = registry.histogram({
    name: 'job_controller_job_sync_duration_seconds',
    help: 'How long a look at a job took, in seconds',
    labels: sync,
    stability: 'STABLE',
    buckets: exponentialBuckets(0.004, 2, 15),
  })
  const finishedJobs = counter(
    'jobs_finished_total',
    'How many jobs ended',
    ['completion_mode', 'result', 'reason'],
    'STABLE',
  )
  const finishedPods = counter(
    'job_pods_finished_total',
    'How many pods of jobs ended and are counted for good',
    ['completion_mode', 'result'],
    'STABLE',
  )
  const finishedIndexes = counter(
    'job_finished_indexes_total',
    'How many indexes of jobs ended. "status" is "succeeded" or "failed", "backoffLimit" is "perIndex" or "global".',
    ['status', 'backoffLimit'],
  )
  const createdPods = counter(
    'job_pods_creation_total',
    'How many pods were made for jobs. "reason" is "new", "recreate_terminating_or_failed" or "recreate_failed", as the replacement policy has it; "status" is "succeeded" or "failed".',
    ['reason', 'status'],
  )
  const policyActions = counter(
    'pod_failures_handled_by_failure_policy_total',
    'How many failed pods a rule of a pod failure policy fits, by the action of the rule: "FailJob", "FailIndex", "Ignore" or "Count"',
    ['action'],
  )
  const finalizers = counter(
    'terminated_pods_tracking_finalizer_total',
    'How many pods ended with the finalizer batch.kubernetes.io/job-tracking ("event" is "add") and lost it afterwards ("delete")',
    ['event'],
  )
  const others = counter(
    'jobs_by_external_controller_total',
    'How many jobs came that somebody else looks after, by whom',
    ['controller_name'],
  )
  return {
    synced(job: Job, action: SyncAction, isFailure: boolean, milliseconds: number): void {
      const labels = [modeOf(job), isFailure ? 'error' : 'success', action]
      syncs.with(...labels).inc()
      syncSeconds.with(...labels).observe(milliseconds / 1_000)
    },
    finished(job: Job, { type, reason = '' }: JobCondition): void {
      finishedJobs.with(modeOf(job), type === 'Complete' ? 'succeeded' : 'failed', reason).inc()
    },
    /** The status of a job was written: pods and indexes that it counts beyond those of before have ended. */
    counted(job: Job, before: JobStatus = {}, after: JobStatus = {}): void {
      const { spec } = job
      const mode = modeOf(job)
      let succeeded = (after.succeeded ?? 0) - (before.succeeded ?? 0)
      if (spec.completionMode === 'Indexed') {
        // Indexes that are wanted no longer count neither before nor after.
        const count = (text: string | undefined): number => countIndexes(readIndexes(text, spec.completions ?? 0))
        const limit = spec.backoffLimitPerIndex === undefined ? 'global' : 'perIndex'
        succeeded = count(after.completedIndexes) - count(before.completedIndexes)
        finishedIndexes.with('succeeded', limit).inc(succeeded)
        const failed = limit === 'global' ? 0 : count(after.failedIndexes) - count(before.failedIndexes)
        if (failed > 0) finishedIndexes.with('failed', limit).inc(failed)
      }
      finishedPods.with(mode, 'succeeded').inc(succeeded)
      finishedPods.with(mode, 'failed').inc((after.failed ?? 0) - (before.failed ?? 0))
    },
    created({ spec }: Job, { tally }: JobPlan, succeeded: number, failed: number): void {
      const isAgain = tally.failed > 0
      const reason =
        spec.podReplacementPolicy === 'Failed' && isAgain
          ? 'recreate_failed'
          : isAgain || tally.terminating.length > 0
            ? 'recreate_terminating_or_failed'
            : 'new'
      // Creates that fail count as both, as in v1.34.
      if (succeeded + failed > 0) createdPods.with(reason, 'succeeded').inc(succeeded + failed)
      if (failed > 0) createdPods.with(reason, 'failed').inc(failed)
    },
    judged(actions: readonly PodFailurePolicyAction[] = []): void {
      for (const action of actions) policyActions.with(action).inc()
    },
    podChanged({ old, new: pod }: Change<Pod>): void {
      const [was, is] = [isHeld(old), isHeld(pod)]
      if (was !== is) finalizers.with(is ? 'add' : 'delete').inc()
    },
    /** A job came that somebody else looks after. */
    leftAlone(manager: string): void {
      others.with(manager).inc()
    },
  }
}

/** What a look that follows this plan counts as. */
export function syncActionOf(job: Job, { verdict, pods, cause }: JobPlan): SyncAction {
  if (verdict !== undefined || job.metadata.deletionTimestamp !== undefined) return 'reconciling'
  if (isSuspended(job) || pods.do === 'delete') return 'pods_deleted'
  return pods.do === 'create' || cause?.reason === 'BackOff' ? 'pods_created' : 'tracking'
}

function modeOf({ spec }: Job): string {
  return spec.completionMode ?? 'NonIndexed'
}

/** Whether a pod has ended and is kept until its job has counted it. */
function isHeld(pod: Pod | undefined): boolean {
  return pod !== undefined && hasEnded(pod) && isTracked(pod)
}
