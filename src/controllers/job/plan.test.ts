import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Job, JobSpec, JobStatus } from '#api/batch/v1/job.ts'
import type { PodFailurePolicyRule } from '#api/batch/v1/jobPolicies.ts'
import { formatIndexes } from '#machinery/jobIndexes.ts'
import { timeText } from '#machinery/time.ts'
import { noFailures, type FailureStreak } from './backOff.ts'
import { ago, job, jobPod, now, pod } from './fixture.ts'
import { failureCountAnnotation, ignoredCountAnnotation, jobPodOf, noIndex, type JobPod } from './jobPods.ts'
import { planJob, type JobPlan } from './plan.ts'

const running = (...names: readonly string[]): JobPod[] => names.map((name) => jobPod(name))
const indexed = (spec: Partial<JobSpec> = {}): Partial<JobSpec> => ({
  completionMode: 'Indexed',
  completions: 4,
  parallelism: 4,
  ...spec,
})
const failed = (name: string, shape: Parameters<typeof jobPod>[1] = {}): JobPod =>
  jobPod(name, { phase: 'Failed', ended: 3600, ...shape })
const succeeded = (name: string, shape: Parameters<typeof jobPod>[1] = {}): JobPod =>
  jobPod(name, { phase: 'Succeeded', ...shape })
const failures = (count: number): Record<string, string> => ({ [failureCountAnnotation]: String(count) })

/** A job whose pods find out themselves when there is nothing left to do. */
function workQueue(parallelism: number): Job {
  const { completions: _completions, ...spec } = job({ parallelism }).spec
  return { ...job(), spec }
}

/** What a plan does, in a few words. */
function told({ pods }: JobPlan): string {
  if (pods.do === 'nothing') return 'nothing'
  if (pods.do === 'delete') {
    const names = pods.pods.map(({ pod }) => pod.metadata.name).toSorted()
    return `${pods.letGo ? 'remove' : 'end'} ${names.join(' ')}`.trim()
  }
  const { indexes } = pods
  return indexes[0] === noIndex ? `create ${indexes.length}` : `create indexes ${indexes.join(' ')}`
}

describe('the pods of a job', () => {
  const rows: readonly { name: string; job: Job; pods?: readonly JobPod[]; streak?: FailureStreak; does: string }[] = [
    { name: 'the first', job: job(), does: 'create 1' },
    { name: 'as many at once as it may', job: job({ completions: 9, parallelism: 3 }), does: 'create 3' },
    {
      name: 'not more than are missing',
      job: job({ completions: 9, parallelism: 3 }, { succeeded: 8 }),
      does: 'create 1',
    },
    { name: 'enough run', job: job({ completions: 3, parallelism: 2 }), pods: running('a', 'b'), does: 'nothing' },
    {
      name: 'one that succeeded counts before it is in the status',
      job: job({ completions: 3, parallelism: 3 }),
      pods: [succeeded('a'), ...running('b', 'c')],
      does: 'nothing',
    },
    {
      name: 'one that succeeded and was noted counts once',
      job: job({ completions: 3, parallelism: 3 }, { uncountedTerminatedPods: { succeeded: ['a'] } }),
      pods: [succeeded('a'), ...running('b')],
      does: 'create 1',
    },
    { name: 'a failed one is replaced', job: job(), pods: [failed('a')], does: 'create 1' },
    { name: 'one on its way out is replaced', job: job(), pods: [jobPod('a', { deleted: 3600 })], does: 'create 1' },
    {
      name: 'one on its way out is waited for where only ended ones are replaced',
      job: job({ podReplacementPolicy: 'Failed' }),
      pods: [jobPod('a', { deleted: 3600 })],
      does: 'nothing',
    },
    { name: 'never more than 500 at once', job: job({ completions: 2000, parallelism: 2000 }), does: 'create 500' },
    { name: 'none', job: job({ parallelism: 0 }), does: 'nothing' },
    {
      name: 'too many: those that are missed least go',
      job: job({ completions: 3, parallelism: 1 }),
      pods: [jobPod('a'), jobPod('b', { phase: 'Pending' }), jobPod('c', { isReady: false })],
      does: 'remove b c',
    },
    {
      name: 'too many: of those alike, whose sidecars restarted more often goes',
      job: job({ completions: 2, parallelism: 1 }),
      pods: [besideSidecar('a', 0), besideSidecar('b', 3)],
      does: 'remove b',
    },
    {
      name: 'suspended: all go',
      job: job({ suspend: true, parallelism: 2 }),
      pods: running('a', 'b'),
      does: 'remove a b',
    },
    {
      name: 'a job that is being deleted makes none',
      job: job({}, {}, { deletionTimestamp: ago(1) }),
      does: 'nothing',
    },
    { name: 'a work queue starts as many as may run', job: workQueue(4), does: 'create 4' },
    {
      name: 'a work queue makes none after a success, and leaves those that run',
      job: workQueue(4),
      pods: [succeeded('a'), ...running('b')],
      does: 'nothing',
    },
    { name: 'each index', job: job(indexed()), does: 'create indexes 0 1 2 3' },
    {
      name: 'the lowest indexes that have no pod and did not succeed',
      job: job(indexed({ completions: 8, parallelism: 4 }), { completedIndexes: '0,2' }),
      pods: [jobPod('b', { index: 1 }), succeeded('d', { index: 3 })],
      does: 'create indexes 4 5 6',
    },
    {
      name: 'pods of an index that is not wanted, of none and of one that has another',
      job: job(indexed({ completions: 2, parallelism: 2 })),
      pods: [
        jobPod('a', { index: 0 }),
        jobPod('b', { index: 0, phase: 'Pending' }),
        jobPod('c'),
        jobPod('d', { index: 7 }),
      ],
      does: 'remove b c d',
    },
    {
      name: 'an index whose pod is on its way out waits where only ended ones are replaced',
      job: job(indexed({ podReplacementPolicy: 'Failed' })),
      pods: [jobPod('a', { index: 0, deleted: 3600 })],
      does: 'create indexes 1 2 3',
    },
    {
      name: 'a failed index gets no more pods',
      job: job(indexed({ backoffLimitPerIndex: 0, backoffLimit: 100 })),
      pods: [failed('a', { index: 1 })],
      does: 'create indexes 0 2 3',
    },
    {
      name: 'indexes wait each by itself',
      job: job(indexed({ backoffLimitPerIndex: 5, backoffLimit: 100, completions: 2, parallelism: 2 })),
      pods: [failed('a', { index: 0, ended: 5 }), failed('b', { index: 1, ended: 11 })],
      does: 'create indexes 1',
    },
  ]
  for (const row of rows) {
    test(row.name, () => assert.equal(told(planJob(row.job, row.pods ?? [], row.streak ?? noFailures, now)), row.does))
  }
})

describe('how a job ends', () => {
  const onExit = (action: PodFailurePolicyRule['action'], ...values: number[]): PodFailurePolicyRule => ({
    action,
    onExitCodes: { operator: 'In', values },
  })
  const policy = (...rules: PodFailurePolicyRule[]): Partial<JobSpec> => ({
    podFailurePolicy: { rules },
    podReplacementPolicy: 'Failed',
  })
  const target = (reason: string, message: string): string => `FailureTarget ${reason}: ${message}`
  const limit = target('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  const deadline = target('DeadlineExceeded', 'Job was active longer than specified deadline')
  const rows: readonly { name: string; job: Job; pods?: readonly JobPod[]; verdict: string | undefined }[] = [
    { name: 'not yet', job: job(), pods: running('a'), verdict: undefined },
    {
      name: 'as many failures as are allowed',
      job: job({ backoffLimit: 2 }),
      pods: [failed('a'), failed('b')],
      verdict: undefined,
    },
    { name: 'one more', job: job({ backoffLimit: 1 }), pods: [failed('a'), failed('b')], verdict: limit },
    { name: 'counted before', job: job({ backoffLimit: 1 }, { failed: 1 }), pods: [failed('b')], verdict: limit },
    {
      name: 'noted before counts once',
      job: job({ backoffLimit: 1 }, { uncountedTerminatedPods: { failed: ['a'] } }),
      pods: [failed('a')],
      verdict: undefined,
    },
    { name: 'deleted is failed', job: job({ backoffLimit: 0 }), pods: [jobPod('a', { deleted: 1 })], verdict: limit },
    {
      name: 'deleted is not failed before it ended, where only ended ones are replaced',
      job: job({ backoffLimit: 0, podReplacementPolicy: 'Failed' }),
      pods: [jobPod('a', { deleted: 1 })],
      verdict: undefined,
    },
    {
      name: 'restarts count where containers run again',
      job: restarting(2),
      pods: [jobPod('a', { restarts: 1 }), jobPod('b', { restarts: 1 })],
      verdict: limit,
    },
    { name: 'fewer restarts', job: restarting(2), pods: [jobPod('a', { restarts: 1 })], verdict: undefined },
    {
      name: 'the first restart where none is allowed',
      job: restarting(0),
      pods: [jobPod('a', { restarts: 1 })],
      verdict: limit,
    },
    { name: 'none yet where none is allowed', job: restarting(0), pods: running('a'), verdict: undefined },
    { name: 'in time', job: job({ activeDeadlineSeconds: 61 }), verdict: undefined },
    { name: 'too late', job: job({ activeDeadlineSeconds: 60 }), verdict: deadline },
    { name: 'suspended jobs have time', job: job({ activeDeadlineSeconds: 1, suspend: true }), verdict: undefined },
    {
      name: 'a failed pod of which a rule says that the job fails',
      job: job(policy(onExit('Ignore', 1), onExit('FailJob', 42))),
      pods: [failed('a', { exitCode: 42 })],
      verdict: target(
        'PodFailurePolicy',
        'Container c for pod default/a failed with exit code 42 matching FailJob rule at index 1',
      ),
    },
    {
      name: 'a condition of which a rule says that the job fails',
      job: job(policy({ action: 'FailJob', onPodConditions: [{ type: 'ConfigIssue', status: 'True' }] })),
      pods: [failed('a', { conditions: ['ConfigIssue'] })],
      verdict: target('PodFailurePolicy', 'Pod default/a has condition ConfigIssue matching FailJob rule at index 0'),
    },
    {
      name: 'ignored failures',
      job: job({ ...policy(onExit('Ignore', 1)), backoffLimit: 0 }),
      pods: [failed('a'), failed('b')],
      verdict: undefined,
    },
    {
      name: 'counted failures, of which a rule speaks',
      job: job({ ...policy(onExit('Count', 1), onExit('Ignore', 1)), backoffLimit: 0 }),
      pods: [failed('a')],
      verdict: limit,
    },
    {
      name: 'what was decided stays',
      job: job({}, { conditions: [{ type: 'FailureTarget', status: 'True', reason: 'Why', message: 'because' }] }),
      verdict: 'Failed Why: because',
    },
    {
      name: 'what was certain stays',
      job: job(
        { backoffLimit: 0 },
        { conditions: [{ type: 'SuccessCriteriaMet', status: 'True', reason: 'Why', message: 'because' }] },
      ),
      pods: [failed('a')],
      verdict: 'SuccessCriteriaMet Why: because',
    },
    {
      name: 'too many indexes failed',
      job: job(indexed({ backoffLimitPerIndex: 0, backoffLimit: 100, maxFailedIndexes: 1 })),
      pods: [failed('a', { index: 0 }), failed('b', { index: 2 })],
      verdict: target('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes'),
    },
    {
      name: 'every index succeeded or failed',
      job: job(indexed({ backoffLimitPerIndex: 1, backoffLimit: 100 }), {
        completedIndexes: '0,1',
        failedIndexes: '3',
      }),
      pods: [failed('a', { index: 2, annotations: failures(1) })],
      verdict: target('FailedIndexes', 'Job has failed indexes'),
    },
    {
      name: 'an index that may fail once more',
      job: job(indexed({ backoffLimitPerIndex: 2, backoffLimit: 100 }), {
        completedIndexes: '0,1',
        failedIndexes: '3',
      }),
      pods: [failed('a', { index: 2, annotations: failures(1) })],
      verdict: undefined,
    },
    {
      name: 'an index that fails because a rule says so',
      job: job(
        indexed({ ...policy(onExit('FailIndex', 1)), backoffLimitPerIndex: 9, backoffLimit: 100, maxFailedIndexes: 0 }),
      ),
      pods: [failed('a', { index: 2 })],
      verdict: target('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes'),
    },
    {
      name: 'ignored failures do not fail an index',
      job: job(
        indexed({ ...policy(onExit('Ignore', 1)), backoffLimitPerIndex: 0, backoffLimit: 100, maxFailedIndexes: 0 }),
      ),
      pods: [failed('a', { index: 2 })],
      verdict: undefined,
    },
    {
      name: 'the indexes of a rule succeeded',
      job: job(indexed({ successPolicy: { rules: [{ succeededIndexes: '0,1' }, { succeededIndexes: '2-3' }] } }), {
        completedIndexes: '1-2',
      }),
      pods: [succeeded('d', { index: 3 })],
      verdict: 'SuccessCriteriaMet SuccessPolicy: Matched rules at index 1',
    },
    {
      name: 'enough of the indexes of a rule succeeded',
      job: job(indexed({ successPolicy: { rules: [{ succeededIndexes: '1-3', succeededCount: 2 }] } }), {
        completedIndexes: '0,2',
      }),
      pods: [succeeded('d', { index: 3 })],
      verdict: 'SuccessCriteriaMet SuccessPolicy: Matched rules at index 0',
    },
    {
      name: 'enough of all succeeded',
      job: job(indexed({ successPolicy: { rules: [{ succeededCount: 1 }] } })),
      pods: [succeeded('d', { index: 3 })],
      verdict: 'SuccessCriteriaMet SuccessPolicy: Matched rules at index 0',
    },
    {
      name: 'a rule that asks for no success is not met before the first',
      job: job(indexed({ successPolicy: { rules: [{ succeededCount: 0 }] } })),
      verdict: undefined,
    },
    {
      name: 'no rule is met',
      job: job(indexed({ successPolicy: { rules: [{ succeededIndexes: '1-3', succeededCount: 2 }] } })),
      pods: [succeeded('d', { index: 3 }), succeeded('a', { index: 0 })],
      verdict: undefined,
    },
  ]
  for (const row of rows) {
    test(row.name, () => {
      const { verdict, pods } = planJob(row.job, row.pods ?? [], noFailures, now)
      assert.equal(verdict && `${verdict.type} ${verdict.reason}: ${verdict.message}`, row.verdict)
      if (verdict !== undefined) assert.equal(pods.do, 'delete', 'pods that run are ended')
    })
  }
})

function besideSidecar(name: string, restartCount: number): JobPod {
  const made = pod(name)
  const sidecar = { name: 's', image: 'i', imageID: '', ready: true, restartCount }
  return jobPodOf({
    ...made,
    spec: { ...made.spec, initContainers: [{ name: 's', image: 'i', restartPolicy: 'Always' }] },
    status: { ...made.status, initContainerStatuses: [sidecar] },
  })
}

function restarting(backoffLimit: number): Job {
  const made = job({ backoffLimit, parallelism: 2, completions: 2 })
  return {
    ...made,
    spec: { ...made.spec, template: { spec: { ...made.spec.template.spec, restartPolicy: 'OnFailure' } } },
  }
}

test('a look that could not do all says so', () => {
  const isPartial = (count: number, pods: readonly JobPod[] = [], spec: Partial<Job['spec']> = {}): boolean =>
    planJob(job({ completions: count, parallelism: count, ...spec }), pods, noFailures, now).isPartial === true
  const many = Array.from({ length: 501 }, (_, at) => jobPod(`p${at}`))
  assert.deepEqual([isPartial(500), isPartial(501)], [false, true])
  const perIndex = { ...indexed(), backoffLimitPerIndex: 1, completions: 501, parallelism: 501 }
  assert.equal(isPartial(501, [], perIndex), true)
  const none = { parallelism: 0 }
  assert.deepEqual([isPartial(501, many, none), isPartial(501, many.slice(1), none)], [true, false])
})

describe('when a job is looked at again', () => {
  const rows: readonly {
    name: string
    job: Job
    pods?: readonly JobPod[]
    before?: FailureStreak
    after: number | undefined
  }[] = [
    { name: 'nothing to wait for', job: job(), pods: running('a'), after: undefined },
    { name: 'at its deadline', job: job({ activeDeadlineSeconds: 100 }), pods: running('a'), after: 40 },
    { name: 'ten seconds after a failure', job: job(), pods: [failed('a', { ended: 3 })], after: 7 },
    { name: 'not after it', job: job(), pods: [failed('a', { ended: 10 })], after: undefined },
    { name: 'not sooner than in a second', job: job(), before: { count: 1, lastAt: now - 9_400 }, after: 1 },
    {
      name: 'twice that after two in a row',
      job: job(),
      pods: [failed('a', { ended: 3 })],
      before: { count: 1, lastAt: now - 30_000 },
      after: 17,
    },
    {
      name: 'ten minutes at most',
      job: job(),
      pods: [failed('a', { ended: 0 })],
      before: { count: 40, lastAt: now - 600_000 },
      after: 600,
    },
    {
      name: 'a success ends the row',
      job: job({ completions: 3 }),
      pods: [succeeded('a', { ended: 5 }), failed('b', { ended: 6 })],
      before: { count: 3, lastAt: now - 9_000 },
      after: undefined,
    },
    {
      name: 'a failure after a success begins a new one',
      job: job({ completions: 3 }),
      pods: [succeeded('a', { ended: 6 }), failed('b', { ended: 4 })],
      before: { count: 3, lastAt: now - 9_000 },
      after: 6,
    },
    {
      name: 'at the deadline when the next pod would come later',
      job: job({ activeDeadlineSeconds: 62 }),
      pods: [failed('a', { ended: 3 })],
      after: 2,
    },
    {
      name: 'when the first of the indexes may try again',
      job: job(indexed({ backoffLimitPerIndex: 5, backoffLimit: 100, completions: 2, parallelism: 2 })),
      pods: [
        failed('a', { index: 0, ended: 4 }),
        failed('b', { index: 1, ended: 15, annotations: { ...failures(1), [ignoredCountAnnotation]: '1' } }),
      ],
      after: 6,
    },
  ]
  for (const row of rows) {
    test(row.name, () => {
      const { recheckAt } = planJob(row.job, row.pods ?? [], row.before ?? noFailures, now)
      assert.equal(recheckAt === undefined ? undefined : (recheckAt - now) / 1000, row.after)
    })
  }
})

describe('a job that has fewer pods than it asks for, or does not end, says why', () => {
  const target: JobStatus = { conditions: [{ type: 'FailureTarget', status: 'True', reason: 'Why', message: '' }] }
  const rows: readonly [string, Job, readonly JobPod[], string | undefined][] = [
    ['it goes on', job(), running('a'), undefined],
    ['suspended', job({ suspend: true }), [], 'The job is suspended: it has no pods'],
    [
      'it waits after a failure',
      job(),
      [failed('a', { ended: 3 })],
      `No pod is made before ${timeText(now + 7_000)}: 1 of its pods failed in a row`,
    ],
    [
      'its pods are slow to stop',
      job({}, target),
      [jobPod('a', { deleted: 1 })],
      'Its end is decided (Why); 1 of its pods must stop first',
    ],
    ['it ends', job({}, target), [failed('a')], undefined],
  ]
  for (const [name, given, pods, message] of rows) {
    test(name, () => assert.equal(planJob(given, pods, noFailures, now).cause?.message, message))
  }
})

describe('the indexes of a job', () => {
  const rows: readonly { name: string; status: JobStatus; completions?: number; completed: string; failed: string }[] =
    [
      {
        name: 'those of the status and those of pods',
        status: { completedIndexes: '0' },
        completed: '0,3',
        failed: '2',
      },
      { name: 'failed before', status: { failedIndexes: '1' }, completed: '3', failed: '1,2' },
      {
        name: 'fewer completions than before',
        status: { completedIndexes: '0,3' },
        completions: 3,
        completed: '0',
        failed: '2',
      },
    ]
  for (const row of rows) {
    test(row.name, () => {
      const spec = indexed({ backoffLimitPerIndex: 0, backoffLimit: 100, completions: row.completions ?? 4 })
      const pods = [
        succeeded('a', { index: 3 }),
        failed('b', { index: 2 }),
        succeeded('c'),
        succeeded('d', { index: 1, isTracked: false }),
      ]
      const { tally } = planJob(job(spec, row.status), pods, noFailures, now)
      assert.equal(formatIndexes(tally.indexes!.completed), row.completed)
      assert.equal(formatIndexes(tally.indexes!.failed!), row.failed)
    })
  }
})
