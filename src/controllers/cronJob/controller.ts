import { cronJobs, type CronJob, type CronJobStatus } from '#api/batch/v1/cronJob.ts'
import { jobs, type Job } from '#api/batch/v1/job.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { ObjectName } from '#client/client.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo, type EventNote } from '#client/events.ts'
import { Expectations, recheckExpectations } from '#client/expectations.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { messageOf } from '#lib/errorText.ts'
import { controllerOf, isControlledBy } from '#machinery/owners.ts'
import { isReason } from '#machinery/status.ts'
import { millisecondsOf, timeText } from '#machinery/time.ts'
import { byController, controllerIndex } from '../claims.ts'
import type { ControllerContext } from '../context.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { jobAt, planHistory, planStart, seeJobs, statusOf } from './plan.ts'

const component = 'cronjob-controller'

/** What is remembered of the schedule of a cron job: which it was, and since when. */
interface KnownSchedule {
  readonly uid: string
  readonly text: string
  readonly changedAt: number
}

/** Makes jobs when they are due. */
export function cronJobController(context: ControllerContext): Controller {
  const { client, clock, causes, metrics } = context
  const copies = context.informers.of(cronJobs)
  const jobCopies = context.informers.of(jobs)
  jobCopies.addIndex(byController, controllerIndex)
  const events = context.events.recorder(component)
  const writtenJobs = new Expectations(clock, jobCopies)
  const writtenCronJobs = new Expectations(clock, copies)
  const schedules = new Map<string, KnownSchedule>()

  const tell = (cronJob: CronJob, ...notes: readonly EventNote[]): void => {
    for (const note of notes) events.record(referenceTo(cronJobs, cronJob), note)
  }

  /** Since when the schedule is what it is, as far as this process saw it change. */
  const changedAt = (key: string, { metadata: { uid = '' }, spec }: CronJob, now: number): number => {
    const text = JSON.stringify([spec.schedule, spec.timeZone])
    let known = schedules.get(key)
    if (known === undefined || known.uid !== uid) known = { uid, text, changedAt: 0 }
    else if (known.text !== text) known = { uid, text, changedAt: now }
    schedules.set(key, known)
    return known.changedAt
  }

  /** Deletes a job with its pods. Returns whether it is gone or going. */
  const deleteJob = async (cronJob: CronJob, key: string, job: Job, signal: AbortSignal): Promise<boolean> => {
    const { uid, name } = job.metadata
    try {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } }
      await client.delete(jobs, job.metadata, { propagationPolicy: 'Background', ...preconditions, signal })
    } catch (error) {
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return true
      tell(cronJob, { type: 'Warning', reason: 'FailedDelete', message: `Deleted job: ${messageOf(error)}` })
      return false
    }
    writtenJobs.deleted(key, job)
    tell(cronJob, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted job ${name}` })
    return true
  }

  /** The job that is there now under a name, if any. */
  const freshJob = ({ namespace, name }: Partial<ObjectName>, signal: AbortSignal): Promise<Job | undefined> =>
    unlessGone(client.get(jobs, { ...(namespace === undefined ? {} : { namespace }), name: name ?? '' }, { signal }))

  /** Tells of jobs that the status should know, and takes those out of it that are gone. */
  const settleActive = async (
    cronJob: CronJob,
    seen: { readonly unexpected: readonly Job[]; readonly missing: readonly ObjectReference[] },
    active: readonly ObjectReference[],
    signal: AbortSignal,
  ): Promise<readonly ObjectReference[]> => {
    for (const { metadata } of seen.unexpected) {
      const message = `Saw a job that the controller did not create or forgot: ${metadata.name}`
      tell(cronJob, { type: 'Warning', reason: 'UnexpectedJob', message })
    }
    const gone = new Set<string | undefined>()
    for (const reference of seen.missing) {
      if ((await freshJob(reference, signal)) !== undefined) continue
      gone.add(reference.uid)
      tell(cronJob, { type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${reference.name}` })
    }
    return active.filter(({ uid }) => !gone.has(uid))
  }

  /** Makes the job for a time. Undefined when there is one that is not to be added to the status. */
  const createJob = async (
    cronJob: CronJob,
    key: string,
    time: number,
    active: readonly ObjectReference[],
    signal: AbortSignal,
  ): Promise<Job | undefined> => {
    const draft = jobAt(cronJob, time)
    try {
      const job = await client.create(jobs, draft, { signal })
      writtenJobs.wrote(key, job)
      const created = millisecondsOf(job.metadata.creationTimestamp)
      if (created !== undefined) metrics.cronJobs.skew.observe((created - time) / 1_000)
      tell(cronJob, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created job ${job.metadata.name}` })
      return job
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) {
        const job = await client.get(jobs, draft.metadata as ObjectName, { signal })
        const isKnown = active.some(({ uid }) => uid === job.metadata.uid)
        return isControlledBy(job, cronJob) && !isKnown ? job : undefined
      }
      if (!signal.aborted && !isNamespaceEnding(error)) {
        tell(cronJob, { type: 'Warning', reason: 'FailedCreate', message: `Error creating job: ${messageOf(error)}` })
      }
      throw error
    }
  }

  const writeStatus = async (
    cronJob: CronJob,
    key: string,
    status: CronJobStatus,
    signal: AbortSignal,
  ): Promise<void> => {
    if (sameJson(cronJob.status ?? {}, status)) return
    const written = await unlessGone(client.updateStatus(cronJobs, { ...cronJob, status }, { signal }))
    if (written !== undefined) writtenCronJobs.wrote(key, written)
  }

  /** Makes the job that is due, after those that it replaces are gone. Returns the status with it. */
  const start = async (
    cronJob: CronJob,
    key: string,
    time: number,
    replace: readonly ObjectReference[],
    signal: AbortSignal,
  ): Promise<CronJobStatus> => {
    let active = cronJob.status?.active ?? []
    for (const reference of replace) {
      const job = await freshJob(reference, signal)
      if (job !== undefined && !(await deleteJob(cronJob, key, job, signal))) {
        throw new Error(`could not replace job ${reference.namespace}/${reference.name}`)
      }
      active = active.filter(({ uid }) => uid !== reference.uid)
    }
    const job = await createJob(cronJob, key, time, active, signal)
    if (job === undefined) return statusOf({ ...cronJob.status, active })
    const references = [...active, referenceTo(jobs, job)]
    return statusOf({ ...cronJob.status, active: references, lastScheduleTime: timeText(time) })
  }

  return {
    name: component,
    queue: 'cronjob',
    permissions: [
      { groups: ['batch'], resources: ['cronjobs'], verbs: ['get', 'list', 'update', 'watch'] },
      {
        groups: ['batch'],
        resources: ['jobs'],
        verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
      },
      { groups: ['batch'], resources: ['cronjobs/status', 'cronjobs/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['pods'], verbs: ['delete', 'list', 'watch'] },
    ],
    watch(on) {
      on(copies, (cronJob) => [keyOf(cronJob.metadata)])
      on(jobCopies, (job) => {
        const owner = controllerOf(job)
        return owner?.kind === cronJobs.kind ? [`${job.metadata.namespace}/${owner.name}`] : []
      })
    },
    async reconcile(key, signal) {
      if (!writtenJobs.satisfied(key) || !writtenCronJobs.satisfied(key)) return { after: recheckExpectations }
      const cronJob = copies.get(key)
      if (cronJob === undefined) {
        schedules.delete(key)
        writtenJobs.forget(key)
        writtenCronJobs.forget(key)
        causes.clear({ kind: cronJobs.kind, ...nameOfKey(key) }, component)
        return undefined
      }
      const now = clock.now()
      const owned = jobCopies.byIndex(byController, cronJob.metadata.uid ?? '')
      const surplus = planHistory(cronJob, owned).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      const deleted = new Set<Job>()
      for (const job of surplus) if (await deleteJob(cronJob, key, job, signal)) deleted.add(job)
      const active = (cronJob.status?.active ?? []).filter(
        ({ uid }) => ![...deleted].some(({ metadata }) => metadata.uid === uid),
      )
      const seen = seeJobs({ status: { ...cronJob.status, active } }, owned)
      tell(cronJob, ...seen.notes)
      const left = await settleActive(cronJob, seen, seen.status.active ?? [], signal)
      let status = statusOf({ ...seen.status, active: [...left] })
      const current = { ...cronJob, status }
      const plan = planStart(current, changedAt(key, cronJob, now), now)
      tell(cronJob, ...plan.notes)
      const subject = { kind: cronJobs.kind, ...cronJob.metadata }
      if (plan.cause === undefined) causes.clear(subject, component)
      else causes.record(subject, component, plan.cause)
      let failure: { readonly error: unknown } | undefined
      if (plan.start !== undefined) {
        try {
          status = await start(current, key, plan.start, plan.replace, signal)
        } catch (error) {
          failure = { error }
        }
      }
      // What was seen is kept also when the next job could not be made.
      await writeStatus(cronJob, key, status, signal)
      if (failure !== undefined) throw failure.error
      return plan.recheckAt === undefined ? undefined : { after: Math.max(0, plan.recheckAt - clock.now()) }
    },
  }
}
