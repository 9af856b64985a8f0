// Cron jobs: jobs at recurring times.
import { resource } from '#api/resource.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { JobTemplateSpec } from './job.ts'

/** Makes a job at recurring times. */
export interface CronJob extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** When jobs are made, and which. @default {} @optional */
  spec: CronJobSpec
  /** Which jobs there are, and when the last was made. @default {} */
  status?: CronJobStatus
}

/** The kind CronJob as it is addressed: `cronjobs` of batch. */
export const cronJobs = resource<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  scope: 'Namespaced',
  shortNames: ['cj'],
  categories: ['all'],
})

/** When jobs are made, and which. */
export interface CronJobSpec {
  /** The times, as a line of a crontab such as `30 2 * * mon-fri`, or a word such as `@daily`. */
  schedule: string
  /** The time zone of the schedule by its IANA name, such as `Europe/Berlin`; that of the controller when absent. */
  timeZone?: string
  /** How many seconds late a job may still be made; any when absent. */
  startingDeadlineSeconds?: int64
  /** What happens when the job before still runs. @default Allow */
  concurrencyPolicy?: ConcurrencyPolicy
  /** Makes no further jobs; those that run go on. @default false */
  suspend?: boolean
  /** The jobs to make. */
  jobTemplate: JobTemplateSpec
  /** How many jobs that succeeded are kept. @default 3 */
  successfulJobsHistoryLimit?: int32
  /** How many jobs that failed are kept. @default 1 */
  failedJobsHistoryLimit?: int32
}

/** Which jobs there are, and when the last was made. */
export interface CronJobStatus {
  /** The jobs that run. @atomic */
  active?: ObjectReference[]
  /** When a job was last made. */
  lastScheduleTime?: Time
  /** When a job last succeeded. */
  lastSuccessfulTime?: Time
}

/** Several objects of kind CronJob, as a list request returns them. */
export interface CronJobList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: CronJob[]
}

/** Both run, the new one is left out, or it takes the place of the old one. */
export type ConcurrencyPolicy = 'Allow' | 'Forbid' | 'Replace'
