import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Job, JobCondition, JobStatus } from '#api/batch/v1/job.ts'
import { noFailures } from './backOff.ts'
import { ago, job, jobPod, now } from './fixture.ts'
import type { JobPod } from './jobPods.ts'
import { planJob } from './plan.ts'
import { planTracking, settleStatus, type PodsOutcome, type TrackingPlan } from './status.ts'

/** What a job says of its pods once its plan is carried out, with these pods made and those told to end. */
function track(made: Job, pods: readonly JobPod[], outcome: Partial<PodsOutcome> = {}): TrackingPlan {
  const plan = planJob(made, pods, noFailures, now)
  const deleted = plan.pods.do === 'delete' ? plan.pods.pods : []
  return planTracking(made, pods, plan, { created: 0, deleted, ...outcome }, now)
}

function condition(type: string, reason: string, message: string, status: 'True' | 'False' = 'True'): JobCondition {
  return { type, status, lastProbeTime: ago(0), lastTransitionTime: ago(0), reason, message }
}

const plain: JobStatus = { startTime: ago(60), terminating: 0, uncountedTerminatedPods: {}, ready: 0 }
const limit = ['BackoffLimitExceeded', 'Job has reached the specified backoff limit'] as const
const reached = ['CompletionsReached', 'Reached expected number of succeeded pods'] as const
const suspended = condition('Suspended', 'JobSuspended', 'Job suspended')
const succeeded = (name: string, index?: number): JobPod =>
  jobPod(name, { phase: 'Succeeded', ...(index === undefined ? {} : { index }) })
const failed = (name: string): JobPod => jobPod(name, { phase: 'Failed' })

describe('what a status says before pods are let go of', () => {
  const rows: readonly {
    name: string
    job: Job
    pods?: readonly JobPod[]
    outcome?: Partial<PodsOutcome>
    status: JobStatus
    release?: readonly string[]
    ending?: string
    turned?: string
  }[] = [
    {
      name: 'the first pods',
      job: job({ parallelism: 2, completions: 2 }),
      outcome: { created: 2 },
      status: { ...plain, active: 2 },
    },
    {
      name: 'pods that run',
      job: job({ completions: 3, parallelism: 2 }),
      pods: [jobPod('a'), jobPod('b', { isReady: false }), jobPod('c', { deleted: 5, isTracked: false })],
      status: { ...plain, active: 2, ready: 1, terminating: 1 },
    },
    {
      name: 'pods that ended are noted',
      job: job({ completions: 3 }),
      pods: [succeeded('a'), failed('b')],
      status: { ...plain, uncountedTerminatedPods: { succeeded: ['a'], failed: ['b'] } },
      release: ['a', 'b'],
    },
    {
      name: 'pods that were noted and let go of are counted',
      job: job({ completions: 9 }, { succeeded: 3, uncountedTerminatedPods: { succeeded: ['a', 'x'], failed: ['y'] } }),
      pods: [succeeded('a'), succeeded('b')],
      status: { ...plain, succeeded: 4, failed: 1, uncountedTerminatedPods: { succeeded: ['a', 'b'] } },
      release: ['a', 'b'],
    },
    {
      name: 'indexes are noted by their number',
      job: job({ completions: 5, completionMode: 'Indexed' }, { succeeded: 1, completedIndexes: '3' }),
      pods: [succeeded('c', 2), succeeded('b', 1), succeeded('again', 3), succeeded('beyond', 9)],
      status: { ...plain, succeeded: 3, completedIndexes: '1-3' },
      release: ['b', 'c', 'again', 'beyond'],
    },
    {
      name: 'the last failed pod of an index is kept until the next one knows of it',
      job: job({ completions: 5, completionMode: 'Indexed', backoffLimitPerIndex: 3 }),
      pods: [
        jobPod('a', { index: 1, phase: 'Failed' }),
        jobPod('b', { index: 2, phase: 'Failed' }),
        jobPod('b2', { index: 2 }),
      ],
      status: { ...plain, active: 1, ready: 1, failedIndexes: '', uncountedTerminatedPods: { failed: ['b'] } },
      release: ['b'],
    },
    {
      name: 'failures that a policy ignores are let go of uncounted',
      job: job({
        podFailurePolicy: { rules: [{ action: 'Ignore', onExitCodes: { operator: 'NotIn', values: [0] } }] },
      }),
      pods: [failed('a')],
      status: plain,
      release: ['a'],
    },
    {
      name: 'a job that fails: what runs is told to end and is a failure',
      job: job({ backoffLimit: 0, completions: 3 }),
      pods: [failed('a'), jobPod('b')],
      status: {
        ...plain,
        conditions: [condition('FailureTarget', ...limit)],
        terminating: 1,
        uncountedTerminatedPods: { failed: ['a', 'b'] },
      },
      release: ['a', 'b'],
      ending: 'Failed',
    },
    {
      name: 'a job that fails waits until every pod is told to end',
      job: job({ backoffLimit: 0, completions: 3 }),
      pods: [failed('a'), jobPod('b')],
      outcome: { deleted: [] },
      status: { ...plain, active: 1, ready: 1, uncountedTerminatedPods: { failed: ['a'] } },
      release: ['a'],
    },
    {
      name: 'a job that has failed says so once',
      job: job({}, { failed: 1, conditions: [condition('FailureTarget', ...limit)] }),
      status: { ...plain, failed: 1, conditions: [condition('FailureTarget', ...limit)] },
      ending: 'Failed',
    },
    {
      name: 'the last success',
      job: job({ completions: 2 }, { succeeded: 1 }),
      pods: [succeeded('b')],
      status: {
        ...plain,
        succeeded: 1,
        conditions: [condition('SuccessCriteriaMet', ...reached)],
        uncountedTerminatedPods: { succeeded: ['b'] },
      },
      release: ['b'],
      ending: 'Complete',
    },
    {
      name: 'a job that needs nothing',
      job: job({ completions: 0 }),
      status: { ...plain, conditions: [condition('SuccessCriteriaMet', ...reached)] },
      ending: 'Complete',
    },
    {
      name: 'what runs when a success policy is met is no failure',
      job: job({ completions: 2, completionMode: 'Indexed', successPolicy: { rules: [{ succeededCount: 1 }] } }),
      pods: [succeeded('a', 0), jobPod('b', { index: 1 })],
      status: {
        ...plain,
        succeeded: 1,
        completedIndexes: '0',
        terminating: 1,
        conditions: [condition('SuccessCriteriaMet', 'SuccessPolicy', 'Matched rules at index 0')],
      },
      release: ['a', 'b'],
      ending: 'Complete',
    },
    {
      name: 'suspended from the beginning: it has not begun',
      job: unbegun({ suspend: true }),
      status: { terminating: 0, uncountedTerminatedPods: {}, ready: 0, conditions: [suspended] },
      turned: 'Suspended',
    },
    {
      name: 'suspended in between: it began when it began',
      job: job({ suspend: true }),
      pods: [jobPod('a')],
      status: { ...plain, terminating: 1, conditions: [suspended] },
      turned: 'Suspended',
    },
    {
      name: 'resumed: it begins anew',
      job: job({}, { conditions: [suspended] }),
      outcome: { created: 1 },
      status: {
        ...plain,
        startTime: ago(0),
        active: 1,
        conditions: [condition('Suspended', 'JobResumed', 'Job resumed', 'False')],
      },
      turned: 'Resumed',
    },
    {
      name: 'a job that is being deleted lets go of all and counts what ended',
      job: job({ completions: 3 }, {}, { deletionTimestamp: ago(1) }),
      pods: [jobPod('a'), succeeded('b')],
      status: { ...plain, active: 1, ready: 1, uncountedTerminatedPods: { succeeded: ['b'] } },
      release: ['a', 'b'],
    },
  ]
  for (const row of rows) {
    test(row.name, () => {
      const { status, release, ending, turned } = track(row.job, row.pods ?? [], row.outcome)
      assert.deepEqual(status, row.status)
      assert.deepEqual(
        release.map(({ uid }) => uid),
        row.release ?? [],
      )
      assert.equal(ending?.type, row.ending)
      assert.equal(turned, row.turned)
    })
  }
})

function unbegun(spec: Partial<Job['spec']>): Job {
  const { status: _status, ...rest } = job(spec)
  return rest
}

test('a status names 500 pods at most; the job does not end before all are counted', () => {
  const pods = Array.from({ length: 1200 }, (_, at) => succeeded(`p${at}`))
  const { status, release, isPartial, ending } = track(job({ completions: 1200 }), pods)
  assert.equal(status.uncountedTerminatedPods?.succeeded?.length, 500)
  assert.equal(release.length, 500)
  assert.equal(isPartial, true)
  assert.equal(ending, undefined)
  assert.equal(track(job({ completions: 1200 }), pods.slice(0, 500)).isPartial, false)
})

describe('what a status says after pods were let go of', () => {
  const complete = condition('Complete', ...reached)
  const noted: JobStatus = { ...plain, succeeded: 1, uncountedTerminatedPods: { succeeded: ['a', 'b'], failed: ['c'] } }
  const rows: readonly {
    name: string
    status: JobStatus
    left?: readonly string[]
    ending?: JobCondition
    after: JobStatus
    ended?: true
  }[] = [
    {
      name: 'they are counted',
      status: noted,
      after: { ...plain, succeeded: 3, failed: 1 },
    },
    {
      name: 'those that could not be let go of are not',
      status: noted,
      left: ['b', 'c'],
      after: { ...plain, succeeded: 2, uncountedTerminatedPods: { succeeded: ['b'], failed: ['c'] } },
    },
    {
      name: 'the job ends',
      status: noted,
      ending: complete,
      after: { ...plain, succeeded: 3, failed: 1, completionTime: ago(0), conditions: [complete] },
      ended: true,
    },
    {
      name: 'the job does not end before all are counted',
      status: noted,
      left: ['c'],
      ending: complete,
      after: { ...plain, succeeded: 3, uncountedTerminatedPods: { failed: ['c'] } },
    },
    {
      name: 'the job does not end before all have ended',
      status: { ...noted, terminating: 1 },
      ending: complete,
      after: { ...plain, succeeded: 3, failed: 1, terminating: 1 },
    },
  ]
  for (const row of rows) {
    test(row.name, () => {
      const settled = settleStatus(job({ completions: 3 }, row.status), new Set(row.left), row.ending, now)
      assert.deepEqual(settled.status, row.after)
      assert.equal(settled.ended !== undefined, row.ended ?? false)
    })
  }
})
