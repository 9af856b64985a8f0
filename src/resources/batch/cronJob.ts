import { cronJobs, type CronJob, type CronJobSpec } from '#api/batch/v1/cronJob.ts'
import { parseCronSchedule } from '#machinery/cronSchedule.ts'
import { ageOf } from '#machinery/humanDuration.ts'
import { isTimeZone } from '#machinery/timeZone.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, containerColumns, nameColumn, selectorColumn } from '#resources/columns.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { defaultTemplate } from '#resources/core/pod/template.ts'
import { checkAtLeast } from '#resources/rules.ts'
import { isAsBefore, podNameWarnings } from '#resources/core/pod/warnings.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkJobSpec, jobSpecWarnings } from './jobSpec.ts'

/** What is left of a label for the name, next to the time that each job has behind it: a dash and ten digits. */
const longestName = 63 - 11
const concurrencyPolicies: readonly string[] = ['Allow', 'Forbid', 'Replace']

/** Cron jobs: jobs at recurring times. */
export const cronJobStrategy: Strategy<CronJob> = {
  resource: cronJobs,
  reserved: ['status'],
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    { name: 'Schedule', description: 'When jobs are made.', value: ({ spec }) => spec.schedule },
    { name: 'Timezone', description: 'The time zone of the schedule.', value: ({ spec }) => spec.timeZone ?? '<none>' },
    {
      name: 'Suspend',
      type: 'boolean',
      description: 'Whether no further jobs are made.',
      value: ({ spec: { suspend } }) => (suspend === undefined ? '<unset>' : suspend ? 'True' : 'False'),
    },
    {
      name: 'Active',
      type: 'integer',
      description: 'Jobs that run.',
      value: ({ status }) => status?.active?.length ?? 0,
    },
    {
      name: 'Last Schedule',
      description: 'Time since a job was last made.',
      value: ({ status }, now) =>
        status?.lastScheduleTime === undefined ? '<none>' : ageOf(status.lastScheduleTime, now),
    },
    ageColumn,
    ...containerColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template.spec?.containers),
    selectorColumn<CronJob>(({ spec }) => spec.jobTemplate.spec?.selector),
  ],
  subresources: { status: { ...statusSubresource, validate: () => {} } },
  default: ({ spec }) => defaultTemplate(spec.jobTemplate.spec.template),
  prepare: ({ spec }, old) =>
    dropDisabledFields(spec.jobTemplate.spec.template.spec, old?.spec.jobTemplate.spec.template.spec),
  validate({ metadata, spec }, old, report) {
    checkSpec(spec, old?.spec, report.at('spec'))
    if (old === undefined && metadata.name.length > longestName) {
      report.at('metadata', 'name').invalid(metadata.name, `must be no more than ${longestName} characters`)
    }
  },
  warnings(cronJob, old) {
    const { metadata, spec } = cronJob
    const place = 'spec.jobTemplate.spec'
    const ofSpec = isAsBefore(cronJob, old) ? [] : jobSpecWarnings(spec.jobTemplate.spec, place)
    if (old === undefined) return [...podNameWarnings(metadata.name), ...ofSpec]
    return spec.schedule.includes('TZ') ? [...ofSpec, zoneInSchedule] : ofSpec
  },
}

const zoneInSchedule =
  'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details'

function checkSpec(spec: CronJobSpec, old: CronJobSpec | undefined, report: Report): void {
  checkSchedule(spec, old, report.at('schedule'))
  checkAtLeast(report.at('startingDeadlineSeconds'), 0, spec.startingDeadlineSeconds)
  if (spec.timeZone !== undefined && spec.timeZone !== old?.timeZone)
    checkTimeZone(spec.timeZone, report.at('timeZone'))
  const policy = (spec.concurrencyPolicy ?? '') as string
  if (policy === '') report.at('concurrencyPolicy').required()
  else if (!concurrencyPolicies.includes(policy)) {
    report.at('concurrencyPolicy').notSupported(policy, concurrencyPolicies)
  }
  const { spec: job } = spec.jobTemplate
  const place = report.at('jobTemplate', 'spec')
  checkJobSpec(job, old?.jobTemplate.spec, place)
  if (job.selector !== undefined) place.at('selector').invalid(job.selector, '`selector` will be auto-generated')
  if (job.manualSelector === true) {
    place.at('manualSelector').problem('NotSupported', 'supported values: "nil", "false"', true)
  }
  checkAtLeast(report.at('successfulJobsHistoryLimit'), 0, spec.successfulJobsHistoryLimit)
  checkAtLeast(report.at('failedJobsHistoryLimit'), 0, spec.failedJobsHistoryLimit)
}

/** Zones have a field of their own; schedules that had one within before may keep it. */
function checkSchedule({ schedule, timeZone }: CronJobSpec, old: CronJobSpec | undefined, report: Report): void {
  if ((schedule ?? '') === '') return report.required()
  const parsed = parseCronSchedule(schedule)
  if ('problem' in parsed) report.invalid(schedule, parsed.problem)
  if (!schedule.includes('TZ')) return
  if (!(old?.schedule.includes('TZ') ?? false)) {
    report.invalid(schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')
  } else if (timeZone !== undefined) {
    report.invalid(schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule')
  }
}

const zonePart = /^(?!-)(?!\.{1,2}$)[A-Za-z.\-_0-9+]{1,14}$/

function checkTimeZone(zone: string, report: Report): void {
  if (zone === '') return report.invalid(zone, 'timeZone must be nil or non-empty string')
  if (!zone.split('/').every((part) => zonePart.test(part))) return report.invalid(zone, `unknown time zone ${zone}`)
  if (zone.toLowerCase() === 'local') {
    const problem = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
    report.invalid(zone, problem)
  }
  if (zone !== 'Local' && !isTimeZone(zone)) report.invalid(zone, `unknown time zone ${zone}`)
}
