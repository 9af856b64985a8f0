import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CronJob, CronJobSpec, CronJobStatus } from '#api/batch/v1/cronJob.ts'
import type { Job } from '#api/batch/v1/job.ts'
import { jobAt, planHistory, planStart, seeJobs } from './plan.ts'
import { nextDue, passedTimes, dueTimesOf, type DueTimes } from './schedule.ts'

const at = (text: string): number => Date.parse(text)
const shown = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().replace('.000Z', 'Z')

function cronJob(spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'tick', namespace: 'default', uid: 'cron', creationTimestamp: '2026-01-01T08:00:30Z' },
    spec: {
      schedule: '0 * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: { template: { spec: { containers: [{ name: 'c', image: 'i' }] } } } },
      ...spec,
    },
    status,
  }
}

function times(schedule: string, timeZone?: string): DueTimes {
  const due = dueTimesOf(cronJob({ schedule, ...(timeZone === undefined ? {} : { timeZone }) }))
  if ('reason' in due) throw new Error(due.message)
  return due
}

describe('the times that have passed', () => {
  const rows: readonly [string, string, string, string, string | undefined, string | undefined][] = [
    ['none yet', '0 * * * *', '2026-01-01T08:00:30Z', '2026-01-01T08:59:59.999Z', undefined, 'none'],
    [
      'one, to the millisecond',
      '0 * * * *',
      '2026-01-01T08:00:30Z',
      '2026-01-01T09:00:00Z',
      '2026-01-01T09:00:00Z',
      'none',
    ],
    ['the latest of some', '0 * * * *', '2026-01-01T08:00:30Z', '2026-01-01T12:30:00Z', '2026-01-01T12:00:00Z', 'some'],
    ['a hundred', '0 * * * *', '2026-01-01T00:00:00Z', '2026-01-05T04:30:00Z', '2026-01-05T04:00:00Z', 'some'],
    [
      'more than a hundred',
      '0 * * * *',
      '2026-01-01T00:00:00Z',
      '2026-01-05T05:30:00Z',
      '2026-01-05T05:00:00Z',
      'many',
    ],
    ['years', '* * * * *', '2000-01-01T00:00:00Z', '2026-01-01T00:00:30Z', '2026-01-01T00:00:00Z', 'many'],
    [
      'spans that differ',
      '30 6-16/4 * * 1-5',
      '2026-01-02T06:30:00Z',
      '2026-01-05T11:00:00Z',
      '2026-01-05T10:30:00Z',
      'some',
    ],
    ['intervals', '@every 90s', '2026-01-01T08:00:30Z', '2026-01-01T08:10:00Z', '2026-01-01T08:09:30Z', 'some'],
    ['never', '0 0 31 2 *', '2026-01-01T08:00:30Z', '2026-01-02T08:00:30Z', undefined, undefined],
  ]
  for (const [name, schedule, since, now, latest, missed] of rows) {
    test(name, () => {
      const passed = passedTimes(times(schedule), at(since), at(now))
      assert.equal(shown(passed?.latest), latest)
      assert.equal(passed?.missed, missed)
    })
  }
})

describe('when a cron job is due after now', () => {
  const rows: readonly [string, DueTimes, string, string, string | undefined][] = [
    ['the first time', times('0 * * * *'), '2026-01-01T08:00:30Z', '2026-01-01T08:10:00Z', '2026-01-01T09:00:00Z'],
    ['after a job', times('0 * * * *'), '2026-01-01T09:00:00Z', '2026-01-01T09:00:00Z', '2026-01-01T10:00:00Z'],
    [
      'after some that were missed',
      times('0 * * * *'),
      '2026-01-01T08:00:30Z',
      '2026-01-01T12:10:00Z',
      '2026-01-01T13:00:00Z',
    ],
    [
      'intervals go on from the last',
      times('@every 1h'),
      '2026-01-01T08:00:30Z',
      '2026-01-01T10:30:00Z',
      '2026-01-01T11:00:30Z',
    ],
    [
      'in its zone',
      times('0 9 * * *', 'Asia/Seoul'),
      '2026-01-01T08:00:30Z',
      '2026-01-01T08:10:00Z',
      '2026-01-02T00:00:00Z',
    ],
    ['never', times('0 0 30 2 *'), '2026-01-01T08:00:30Z', '2026-01-01T08:10:00Z', undefined],
  ]
  for (const [name, due, since, now, next] of rows) {
    test(name, () => assert.equal(shown(nextDue(due, at(since), at(now))), next))
  }
})

const active = (name: string, uid = name) => ({ kind: 'Job', namespace: 'default', name, uid, apiVersion: 'batch/v1' })
const minute = (text: string): number => at(text) / 60_000

describe('whether a job is made', () => {
  const nine = '2026-01-01T09:00:00Z'
  const rows: readonly {
    name: string
    cronJob: CronJob
    now?: string
    changedAt?: string
    start?: string
    replace?: readonly string[]
    notes?: readonly string[]
    recheckAt?: string
    cause?: string
  }[] = [
    { name: 'too early', cronJob: cronJob(), now: '2026-01-01T08:30:00Z', recheckAt: nine },
    { name: 'in time', cronJob: cronJob(), start: nine, recheckAt: '2026-01-01T10:00:00Z' },
    { name: 'made already', cronJob: cronJob({}, { lastScheduleTime: nine }), recheckAt: '2026-01-01T10:00:00Z' },
    {
      name: 'made, and the status only knows that it runs',
      cronJob: cronJob({}, { active: [active(`tick-${minute(nine)}`)] }),
      recheckAt: '2026-01-01T10:00:00Z',
    },
    { name: 'late', cronJob: cronJob(), now: '2026-01-01T09:59:00Z', start: nine, recheckAt: '2026-01-01T10:00:00Z' },
    {
      name: 'too late',
      cronJob: cronJob({ startingDeadlineSeconds: 600 }),
      now: '2026-01-01T09:10:00.001Z',
      recheckAt: '2026-01-01T10:00:00Z',
    },
    {
      name: 'just in time',
      cronJob: cronJob({ startingDeadlineSeconds: 600 }),
      now: '2026-01-01T09:09:59Z',
      start: nine,
      recheckAt: '2026-01-01T10:00:00Z',
    },
    {
      name: 'many were missed: the latest is made up for',
      cronJob: cronJob({ schedule: '* * * * *' }, { lastScheduleTime: '2025-12-31T09:00:00Z' }),
      start: nine,
      notes: [
        'Warning TooManyMissedTimes: too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
      ],
      recheckAt: '2026-01-01T09:01:00Z',
    },
    {
      name: 'those before the schedule was changed are not',
      cronJob: cronJob({ schedule: '* * * * *' }, { lastScheduleTime: '2025-12-31T09:00:00Z' }),
      now: '2026-01-01T09:00:20Z',
      changedAt: '2026-01-01T09:00:10Z',
      recheckAt: '2026-01-01T09:01:00Z',
    },
    { name: 'suspended', cronJob: cronJob({ suspend: true }), cause: 'Suspended' },
    {
      name: 'beside one that runs',
      cronJob: cronJob({}, { active: [active('other')] }),
      start: nine,
      recheckAt: '2026-01-01T10:00:00Z',
    },
    {
      name: 'not beside one that runs',
      cronJob: cronJob({ concurrencyPolicy: 'Forbid' }, { active: [active('other')] }),
      notes: [
        'Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid',
      ],
      recheckAt: '2026-01-01T10:00:00Z',
      cause: 'JobAlreadyActive',
    },
    {
      name: 'in the place of one that runs',
      cronJob: cronJob({ concurrencyPolicy: 'Replace' }, { active: [active('other')] }),
      start: nine,
      replace: ['other'],
      recheckAt: '2026-01-01T10:00:00Z',
    },
    {
      name: 'never',
      cause: 'InvalidSchedule',
      cronJob: cronJob({ schedule: '0 0 31 2 *' }),
      notes: [
        'Warning InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
      ],
    },
    {
      name: 'a schedule that cannot be read',
      cause: 'UnparseableSchedule',
      cronJob: cronJob({ schedule: 'often' }),
      notes: [
        'Warning UnparseableSchedule: unparseable schedule: "often" : expected exactly 5 fields, found 1: [often]',
      ],
    },
    {
      name: 'a zone that does not exist, also of a suspended one',
      cause: 'UnknownTimeZone',
      cronJob: cronJob({ timeZone: 'Nowhere/At_All', suspend: true }),
      notes: ['Warning UnknownTimeZone: invalid timeZone: "Nowhere/At_All": unknown time zone Nowhere/At_All'],
    },
    {
      name: 'a zone within the schedule',
      cronJob: cronJob({ schedule: 'TZ=UTC 0 * * * *' }),
      start: nine,
      notes: [
        'Warning UnsupportedSchedule: CRON_TZ or TZ used in schedule "TZ=UTC 0 * * * *" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
      ],
      recheckAt: '2026-01-01T10:00:00Z',
    },
  ]
  for (const row of rows) {
    test(row.name, () => {
      const changedAt = row.changedAt === undefined ? 0 : at(row.changedAt)
      const plan = planStart(row.cronJob, changedAt, at(row.now ?? nine))
      assert.equal(shown(plan.start), row.start)
      assert.deepEqual(
        plan.replace.map(({ name }) => name),
        row.replace ?? [],
      )
      assert.deepEqual(
        plan.notes.map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
        row.notes ?? [],
      )
      assert.equal(shown(plan.recheckAt), row.recheckAt)
      assert.equal(plan.cause?.reason, row.cause)
    })
  }
})

test('a year of working days in Berlin, with two changes of the clocks', () => {
  const year = at('2026-01-01T00:00:00Z')
  const made: string[] = []
  let status: CronJobStatus = {}
  for (let now: number | undefined = year; now !== undefined && now < at('2027-01-01T00:00:00Z');) {
    const given = cronJob({ schedule: '30 8 * * mon-fri', timeZone: 'Europe/Berlin' }, status)
    const { start, recheckAt } = planStart(
      { ...given, metadata: { ...given.metadata, creationTimestamp: shown(year)! } },
      0,
      now,
    )
    if (start !== undefined) {
      assert.equal(start, now, 'it is made when it is due')
      made.push(shown(start)!)
      status = { lastScheduleTime: shown(start)! }
    }
    now = recheckAt
  }
  assert.equal(made.length, 261)
  const summer = made.filter((time) => time.endsWith('T06:30:00Z'))
  assert.equal(made.filter((time) => time.endsWith('T07:30:00Z')).length, made.length - summer.length)
  assert.deepEqual([summer[0], summer.at(-1)], ['2026-03-30T06:30:00Z', '2026-10-23T06:30:00Z'])
})

test('a schedule that never fires has a cause for those who ask', () => {
  const { cause } = planStart(cronJob({ schedule: '0 0 31 2 *' }), 0, at('2026-01-01T09:00:00Z'))
  assert.deepEqual(cause, {
    reason: 'InvalidSchedule',
    message: 'No date of the next five years suits the schedule "0 0 31 2 *"',
    remedy: 'Correct spec.schedule',
  })
})

describe('the job for a time', () => {
  const rows: readonly [string, string | undefined, string][] = [
    ['without a zone', undefined, '2026-07-01T09:00:00Z'],
    ['east', 'Asia/Seoul', '2026-07-01T18:00:00+09:00'],
    ['west, in summer', 'America/New_York', '2026-07-01T05:00:00-04:00'],
    ['where it is the same', 'Africa/Abidjan', '2026-07-01T09:00:00Z'],
  ]
  for (const [name, timeZone, text] of rows) {
    test(name, () => {
      const { metadata } = jobAt(cronJob(timeZone === undefined ? {} : { timeZone }), at('2026-07-01T09:00:00Z'))
      assert.deepEqual(metadata, {
        name: 'tick-29714940',
        namespace: 'default',
        annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': text },
        ownerReferences: [
          {
            apiVersion: 'batch/v1',
            kind: 'CronJob',
            name: 'tick',
            uid: 'cron',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      })
    })
  }
})

function job(name: string, ending?: 'Complete' | 'Failed', startTime?: string): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default', uid: name },
    spec: { template: { spec: { containers: [] } } },
    status: {
      ...(startTime === undefined ? {} : { startTime, completionTime: startTime }),
      ...(ending === undefined ? {} : { conditions: [{ type: ending, status: 'True' }] }),
    },
  }
}

describe('which jobs are too many', () => {
  const jobs = [
    job('runs', undefined, '2026-01-01T01:00:00Z'),
    job('c', 'Complete', '2026-01-01T03:00:00Z'),
    job('a', 'Complete', '2026-01-01T01:00:00Z'),
    job('b', 'Complete', '2026-01-01T02:00:00Z'),
    job('y', 'Failed', '2026-01-01T02:00:00Z'),
    job('x', 'Failed', '2026-01-01T02:00:00Z'),
  ]
  const rows: readonly [string, Partial<CronJobSpec>, readonly string[]][] = [
    ['none but a failed one', {}, ['x']],
    ['the oldest', { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 5 }, ['a', 'b']],
    ['all', { successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 }, ['a', 'b', 'c', 'x', 'y']],
  ]
  for (const [name, spec, expected] of rows) {
    test(name, () => {
      assert.deepEqual(
        planHistory(cronJob(spec), jobs).map(({ metadata }) => metadata.name),
        expected,
      )
    })
  }
})

test('the status knows which jobs run, and tells of those that ended', () => {
  const before = {
    active: [active('runs'), active('done'), active('gone')],
    lastSuccessfulTime: '2026-01-01T01:00:00Z',
  }
  const jobs = [
    job('runs', undefined, '2026-01-01T01:00:00Z'),
    job('done', 'Complete', '2026-01-01T03:00:00Z'),
    job('earlier', 'Complete', '2026-01-01T02:00:00Z'),
    job('stranger', undefined, '2026-01-01T02:00:00Z'),
  ]
  const { status, notes, unexpected, missing } = seeJobs({ status: before }, jobs)
  assert.deepEqual(status, { active: [active('runs'), active('gone')], lastSuccessfulTime: '2026-01-01T03:00:00Z' })
  assert.deepEqual(
    notes.map(({ reason, message }) => `${reason}: ${message}`),
    ['SawCompletedJob: Saw completed job: done, condition: Complete'],
  )
  assert.deepEqual(
    unexpected.map(({ metadata }) => metadata.name),
    ['stranger'],
  )
  assert.deepEqual(missing, [active('gone')])
})
