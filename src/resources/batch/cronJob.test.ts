import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CronJob, CronJobSpec, CronJobStatus } from '#api/batch/v1/cronJob.ts'
import { refusals } from '#resources/testReport.ts'
import { cronJobStrategy } from './cronJob.ts'

const cronJob = (own: Partial<CronJobSpec>, name = 'c'): CronJob => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name, namespace: 'default' },
  spec: {
    schedule: '* * * * *',
    concurrencyPolicy: 'Allow',
    jobTemplate: {
      spec: {
        template: {
          spec: {
            containers: [{ name: 'c', image: 'x:1', imagePullPolicy: 'Always', terminationMessagePolicy: 'File' }],
            restartPolicy: 'Never',
            dnsPolicy: 'Default',
          },
        },
      },
    },
    ...own,
  },
})

const zoned = 'TZ=UTC * * * * *'
const inSchedule = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'

describe('a cron job', () => {
  const rows: readonly [string, Partial<CronJobSpec>, Partial<CronJobSpec> | undefined, readonly string[]][] = [
    ['as it should be', { timeZone: 'Europe/Berlin' }, undefined, []],
    [
      'an empty zone',
      { timeZone: '' },
      undefined,
      ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    ],
    [
      'no zone',
      { timeZone: 'Mars/Phobos' },
      undefined,
      ['spec.timeZone: Invalid value: "Mars/Phobos": unknown time zone Mars/Phobos'],
    ],
    [
      'a path for a zone',
      { timeZone: '../UTC' },
      undefined,
      ['spec.timeZone: Invalid value: "../UTC": unknown time zone ../UTC'],
    ],
    [
      'the zone of the machine',
      { timeZone: 'Local' },
      undefined,
      [
        'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ],
    ],
    ['no zone, as before', { timeZone: 'Mars/Phobos' }, { timeZone: 'Mars/Phobos' }, []],
    [
      'a zone in the schedule',
      { schedule: zoned },
      undefined,
      [`spec.schedule: Invalid value: "${zoned}": ${inSchedule}`],
    ],
    ['a zone in the schedule, as before', { schedule: zoned }, { schedule: 'TZ=Asia/Tokyo * * * * *' }, []],
    [
      'two zones',
      { schedule: zoned, timeZone: 'UTC' },
      { schedule: zoned },
      [`spec.schedule: Invalid value: "${zoned}": cannot use both timeZone field and TZ or CRON_TZ in schedule`],
    ],
    [
      'a selector',
      {
        jobTemplate: {
          spec: { ...cronJob({}).spec.jobTemplate.spec, selector: { matchLabels: { a: 'b' } }, manualSelector: true },
        },
      },
      undefined,
      [
        'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
      ],
    ],
  ]
  for (const [name, now, before, expected] of rows) {
    test(name, () => {
      const old = before === undefined ? undefined : cronJob(before)
      assert.deepEqual(
        refusals((report) => cronJobStrategy.validate?.(cronJob(now), old, report)),
        expected,
      )
    })
  }

  test('a name that was too long may stay', () => {
    const long = cronJob({}, 'a'.repeat(53))
    const check = (old?: CronJob): number => refusals((report) => cronJobStrategy.validate?.(long, old, report)).length
    assert.deepEqual([check(), check(long)], [1, 0])
  })

  test('a zone in the schedule is told', () => {
    const warnings = cronJobStrategy.warnings!(cronJob({ schedule: zoned }), cronJob({ schedule: zoned }))
    assert.match(warnings.join(), /^cannot use TZ or CRON_TZ in spec\.spec\.schedule, use timeZone instead/)
  })
})

describe('columns of cron jobs', () => {
  const now = Date.parse('2025-01-01T01:00:00Z')
  const cell = (column: string, own: Partial<CronJobSpec>, status: CronJobStatus = {}): unknown =>
    cronJobStrategy.columns!.find(({ name }) => name === column)!.value({ ...cronJob(own), status }, now)
  const rows: readonly [string, unknown, unknown][] = [
    ['no zone', cell('Timezone', {}), '<none>'],
    ['a zone', cell('Timezone', { timeZone: 'UTC' }), 'UTC'],
    ['suspended', cell('Suspend', { suspend: true }), 'True'],
    ['not suspended', cell('Suspend', { suspend: false }), 'False'],
    ['nothing said of it', cell('Suspend', {}), '<unset>'],
    ['active', cell('Active', {}, { active: [{ name: 'a' }] }), 1],
    ['never', cell('Last Schedule', {}), '<none>'],
    ['a minute ago', cell('Last Schedule', {}, { lastScheduleTime: '2025-01-01T00:59:00Z' }), '60s'],
    ['no selector', cell('Selector', {}), '<none>'],
  ]
  for (const [name, found, expected] of rows) test(name, () => assert.equal(found, expected))
})
