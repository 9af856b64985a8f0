import { jobs, type Job, type JobCondition, type JobStatus } from '#api/batch/v1/job.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { Expectations } from '#client/expectations.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import type { Change } from '#client/informer.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { messageOf } from '#lib/errorText.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import { controllerOf } from '#machinery/owners.ts'
import { isReason } from '#machinery/status.ts'
import { applyClaims, byController, controllerIndex, orphans, planClaims } from '../claims.ts'
import type { ControllerContext } from '../context.ts'
import { podLikeness } from '../podAvailability.ts'
import { PodWrites } from '../podWrites.ts'
import { noFailures, streakAfter, type FailureStreak } from './backOff.ts'
import { draftPod } from './draft.ts'
import { hasEnded, isTracked, jobPodLikeness, jobPodOf, trackingFinalizer, type JobPod } from './jobPods.ts'
import { gatherFor, isFinished, planJob, type JobPlan } from './plan.ts'
import { syncActionOf, type SyncAction } from './metrics.ts'
import { planTracking, settleStatus, type PodsOutcome } from './status.ts'

const component = 'job-controller'
/** Who looks after jobs that do not say. */
const ownName = 'kubernetes.io/job-controller'
/** Pods by the uid of their job. */
const byJob = 'job'
/** Pods that have the finalizer, by the key of their job. */
const trackedByJob = 'tracked by job'
/** Keys of pods that have the finalizer and no owner, before the key of the pod. */
const orphanPrefix = 'orphan '

/** When failures are tried again, in milliseconds; as in v1.34. */
const backoff = { first: 1_000, most: 60_000 }

/** How soon it is looked whether what was written has come back, in milliseconds. */
const recheckWrites = 100

/** Runs the pods of jobs to their end and counts each once. */
export function jobController(context: ControllerContext): Controller {
  const { client, clock, causes, metrics } = context
  const counts = metrics.jobs
  const jobCopies = context.informers.of(jobs)
  const podCopies = context.informers.of(pods)
  podCopies.addIndex(byController, controllerIndex, podLikeness)
  podCopies.addIndex(byJob, (pod) => (jobKeyOf(pod) === undefined ? [] : [controllerOf(pod)!.uid]), jobPodLikeness)
  const trackedKeys = (pod: Pod): readonly string[] => {
    const key = isTracked(pod) ? jobKeyOf(pod) : undefined
    return key === undefined ? [] : [key]
  }
  podCopies.addIndex(trackedByJob, trackedKeys, (pod) => controllerOf(pod)?.uid ?? '')
  const events = context.events.recorder(component)
  const writtenPods = new Expectations(clock, podCopies)
  const writtenJobs = new Expectations(clock, jobCopies)
  const writes = new PodWrites(client, context.events.recorder(component), writtenPods)
  /** The failures in a row of each job, as of the last look. */
  const streaks = new Map<string, { readonly uid: string; readonly streak: FailureStreak }>()
  /** What is looked at of a pod, once for each of its states, and whether its job selects it. */
  const known = new WeakMap<Pod, { readonly jobPod: JobPod; readonly isSelected: boolean }>()

  const lookAt = (job: Job, pod: Pod): { readonly jobPod: JobPod; readonly isSelected: boolean } => {
    let seen = known.get(pod)
    if (seen === undefined) {
      seen = { jobPod: jobPodOf(pod), isSelected: matchesLabelSelector(job.spec.selector, pod.metadata.labels) }
      known.set(pod, seen)
    }
    return seen
  }

  /** Takes the finalizer off a pod, so that it can go; one that is gone is no failure. */
  const letGo = async (key: string, { metadata }: Pod, signal: AbortSignal): Promise<void> => {
    const body = { metadata: { uid: metadata.uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } }
    try {
      const pod = await client.patch(pods, metadata, { type: 'strategic', body }, { signal })
      writtenPods.wrote(key, pod)
    } catch (error) {
      // Another pod of its name has come since: this one is gone too.
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error
    }
  }

  /** The pods that a job has, without those that ended and are counted, after taking and letting go of what it must. */
  const claim = async (job: Job, signal: AbortSignal): Promise<readonly JobPod[]> => {
    const open: JobPod[] = []
    const release: Pod[] = []
    const ending = job.metadata.deletionTimestamp !== undefined
    for (const group of podCopies.groups(byJob, job.metadata.uid ?? '')) {
      const [first] = group
      const isCounted = !isTracked(first) && hasEnded(first)
      // The labels that a job made for itself are the same in all pods of a group; others are looked at one by one.
      const pods = isCounted && job.spec.manualSelector !== true && lookAt(job, first).isSelected ? [] : group
      for (const pod of pods) {
        const { jobPod, isSelected } = lookAt(job, pod)
        if (!isSelected && !ending) release.push(pod)
        else if (!isCounted) open.push(jobPod)
      }
    }
    const strays = podCopies.groups(byController, orphans(job.metadata.namespace))
    const claims = { kept: [], adopt: planClaims(job, job.spec.selector, strays).adopt, release }
    const owner = { resource: jobs, object: job }
    const adopted = await applyClaims(client, pods, owner, claims, signal, trackingFinalizer)
    for (const pod of adopted.flat()) {
      writtenPods.wrote(keyOf(job.metadata), pod)
      open.push(jobPodOf(pod))
    }
    return open
  }

  /** The failures in a row before what is new now. What an earlier process knew is read from the pods that are left. */
  const streakBefore = (job: Job, key: string, open: readonly JobPod[]): FailureStreak => {
    const kept = streaks.get(key)
    if (kept !== undefined && kept.uid === job.metadata.uid) return kept.streak
    const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {}
    const noted = new Set([...succeeded, ...failed])
    const counted = podCopies
      .groups(byJob, job.metadata.uid ?? '')
      .flat()
      .filter((pod) => hasEnded(pod) && !isTracked(pod))
    const ended = [...counted, ...open.filter(({ uid }) => noted.has(uid)).map(({ pod }) => pod)]
    return streakAfter(
      noFailures,
      ended.filter(({ status }) => status?.phase === 'Succeeded'),
      ended.filter(({ status }) => status?.phase !== 'Succeeded'),
    )
  }

  /** Does to the pods what was decided, as far as it goes. */
  const act = async (job: Job, key: string, plan: JobPlan, signal: AbortSignal): Promise<PodsOutcome> => {
    const about = referenceTo(jobs, job)
    const what = plan.pods
    if (what.do === 'nothing') return { created: 0, deleted: [] }
    if (what.do === 'create') {
      const last = plan.tally.indexes?.last
      const podAt = (at: number): Draft<Pod> => {
        const index = what.indexes[at]!
        return draftPod(job, index, last?.get(index)?.pod)
      }
      const outcome = await writes.createEach(key, about, what.indexes.length, podAt, signal)
      counts.created(job, plan, outcome.created, outcome.failed)
      return { deleted: [], ...outcome }
    }
    const results = await Promise.allSettled(
      what.pods.map(async ({ pod, isTracked }) => {
        if (what.letGo && isTracked) await letGo(key, pod, signal)
        await writes.delete(key, about, pod, signal)
      }),
    )
    const error: unknown = results.find((result) => result.status === 'rejected')?.reason
    const deleted = what.pods.filter((_, at) => results[at]!.status === 'fulfilled')
    return { created: 0, deleted, ...(error === undefined ? {} : { error }) }
  }

  /** Writes a status if it says anything new; undefined when the job is gone. */
  const writeStatus = async (
    key: string,
    job: Job,
    status: JobStatus,
    signal: AbortSignal,
  ): Promise<Job | undefined> => {
    if (sameJson(job.status ?? {}, status)) return job
    const written = await unlessGone(client.updateStatus(jobs, { ...job, status }, { signal }))
    if (written !== undefined) {
      writtenJobs.wrote(key, written)
      counts.counted(job, job.status, written.status)
    }
    return written
  }

  const tellEnd = (job: Job, condition: JobCondition): void => {
    const { type, reason = '', message = '' } = condition
    counts.finished(job, condition)
    const about = referenceTo(jobs, job)
    if (type === 'Failed') return events.record(about, { type: 'Warning', reason, message })
    const { completions } = job.spec
    if (completions !== undefined && (job.status?.succeeded ?? 0) > completions) {
      const tooMany = 'Too many succeeded pods running after completion count reached'
      events.record(about, { type: 'Warning', reason: 'TooManySucceededPods', message: tooMany })
    }
    events.record(about, { type: 'Normal', reason: 'Completed', message: 'Job completed' })
  }

  /** Brings a job forward, and counts the look. */
  const lookAtJob = async (job: Job, key: string, signal: AbortSignal): Promise<Outcome> => {
    const started = clock.now()
    let action: SyncAction = 'reconciling'
    let isFailure = true
    try {
      const outcome = await bringForward(job, key, (does) => (action = does), signal)
      isFailure = false
      return outcome
    } finally {
      counts.synced(job, action, isFailure, clock.now() - started)
    }
  }

  const bringForward = async (
    job: Job,
    key: string,
    does: (action: SyncAction) => void,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    const open = await claim(job, signal)
    const now = clock.now()
    const plan = planJob(job, open, streakBefore(job, key, open), now)
    does(syncActionOf(job, plan))
    const outcome = await act(job, key, plan, signal)
    tellCause(job, plan, outcome.error)
    const tracking = planTracking(job, open, plan, outcome, clock.now())
    const noted = await writeStatus(key, job, tracking.status, signal)
    if (noted === undefined) return
    streaks.set(key, { uid: job.metadata.uid ?? '', streak: plan.streak })
    counts.judged(tracking.policyActions)
    if (tracking.turned !== undefined) {
      const message = `Job ${tracking.turned.toLowerCase()}`
      events.record(referenceTo(jobs, job), { type: 'Normal', reason: tracking.turned, message })
    }
    const released = await Promise.allSettled(tracking.release.map(({ pod }) => letGo(key, pod, signal)))
    const failure: unknown = released.find((result) => result.status === 'rejected')?.reason
    const stillTracked = new Set(open.filter(({ isTracked }) => isTracked).map(({ uid }) => uid))
    for (const [at, { uid }] of tracking.release.entries()) {
      if (released[at]!.status === 'fulfilled') stillTracked.delete(uid)
    }
    const ending = failure === undefined ? tracking.ending : undefined
    const settled = settleStatus(noted, stillTracked, ending, clock.now())
    const written = await writeStatus(key, noted, settled.status, signal)
    if (written !== undefined && settled.ended !== undefined) tellEnd(written, settled.ended)
    if (failure !== undefined) throw failure
    if (outcome.error !== undefined) throw outcome.error
    // What one look did not do, the next one does: nothing has to change before.
    const hasMoved = outcome.created + outcome.deleted.length > 0
    if (tracking.isPartial || (plan.isPartial === true && hasMoved)) return { after: recheckWrites }
    return plan.recheckAt === undefined ? undefined : { after: Math.max(0, plan.recheckAt - clock.now()) }
  }

  const tellCause = (job: Job, plan: JobPlan, error: unknown): void => {
    const subject = { kind: jobs.kind, ...job.metadata }
    const failed = plan.pods.do === 'delete' ? 'FailedDelete' : 'FailedCreate'
    const cause = error === undefined ? plan.cause : { reason: failed, message: messageOf(error) }
    if (cause === undefined) causes.clear(subject, component)
    else causes.record(subject, component, cause)
  }

  /** Lets go of pods that their job does not count any more, because it ended or is gone. */
  const letGoOfOthers = async (key: string, job: Job | undefined, signal: AbortSignal): Promise<void> => {
    const left = podCopies.groups(trackedByJob, key).filter(([pod]) => !isCountedBy(pod, job))
    if (left.length === 0) return
    // The copy of the jobs may be older than that of the pods: a job that it lacks may be there.
    const present = await unlessGone(client.get(jobs, nameOfKey(key), { signal }))
    const going = left.filter(([pod]) => !isCountedBy(pod, present)).flat()
    await Promise.all(going.map((pod) => letGo(key, pod, signal)))
  }

  /** Lets go of a pod without an owner, unless a job is about to take it. */
  const letGoOfOrphan = async (key: string, signal: AbortSignal): Promise<void> => {
    const pod = podCopies.get(key)
    if (pod === undefined || !isTracked(pod) || controllerOf(pod) !== undefined) return
    if (pod.metadata.deletionTimestamp === undefined && jobsFor(pod).some(isTaking)) return
    await letGo(key, pod, signal)
    writtenPods.forget(key)
  }

  const jobsFor = ({ metadata: { namespace = '', labels } }: Pod): readonly Job[] =>
    jobCopies.list({ namespace, matches: ({ spec }) => matchesLabelSelector(spec.selector, labels) })

  const keysOfPod = (pod: Pod): readonly string[] => {
    const key = jobKeyOf(pod)
    if (key !== undefined) return [key]
    if (controllerOf(pod) !== undefined) return []
    const takers = jobsFor(pod).map(({ metadata }) => keyOf(metadata))
    return isTracked(pod) ? [...takers, orphanPrefix + keyOf(pod.metadata)] : takers
  }

  /** Whether a pod is to go, and has the finalizer that no job will take from it. */
  const isHeldInVain = (key: string, pod: Pod): boolean =>
    pod.metadata.deletionTimestamp !== undefined && isTracked(pod) && !isCountedBy(pod, jobCopies.get(key))

  /** Changes of pods are gathered, but for those whose finalizer has no reason any more. */
  const waitOfPod = (key: string, { new: pod }: Change<Pod>): number =>
    key.startsWith(orphanPrefix) || (pod !== undefined && isHeldInVain(key, pod)) ? 0 : gatherFor

  return {
    name: component,
    queue: 'job',
    backoff,
    permissions: [
      { groups: ['batch'], resources: ['jobs'], verbs: ['get', 'list', 'patch', 'update', 'watch'] },
      { groups: ['batch'], resources: ['jobs/status'], verbs: ['update'] },
      { groups: ['batch'], resources: ['jobs/finalizers'], verbs: ['update'] },
      { groups: [''], resources: ['pods'], verbs: ['create', 'delete', 'list', 'patch', 'watch'] },
    ],
    watch(on) {
      on(
        jobCopies,
        (job) => [keyOf(job.metadata)],
        (_key, change) => (isStatusAlone(change) ? gatherFor : 0),
        ({ old, new: job }) => {
          if (old === undefined && job !== undefined && !isOurs(job)) counts.leftAlone(job.spec.managedBy!)
        },
      )
      on(podCopies, keysOfPod, waitOfPod, (change) => counts.podChanged(change))
    },
    async reconcile(key, signal) {
      if (key.startsWith(orphanPrefix)) return letGoOfOrphan(key.slice(orphanPrefix.length), signal)
      if (!writtenPods.satisfied(key) || !writtenJobs.satisfied(key)) return { after: recheckWrites }
      const job = jobCopies.get(key)
      await letGoOfOthers(key, job, signal)
      if (job !== undefined && !isFinished(job)) {
        if (isOurs(job)) return lookAtJob(job, key, signal)
        const message = `Somebody else looks after the job: ${job.spec.managedBy}`
        return causes.record({ kind: jobs.kind, ...job.metadata }, component, { reason: 'ManagedByOther', message })
      }
      streaks.delete(key)
      if (job === undefined) {
        writtenPods.forget(key)
        writtenJobs.forget(key)
      }
      causes.clear({ kind: jobs.kind, ...nameOfKey(key) }, component)
      return undefined
    },
  }
}

/** Whether what changed of a job is no reason to look at it at once: nobody asked for anything else. */
function isStatusAlone({ old, new: job }: Change<Job>): boolean {
  return (
    old !== undefined && job !== undefined && old.metadata.generation === job.metadata.generation && !isFinished(job)
  )
}

/** The key of the job that a pod belongs to, if its controller is one. */
function jobKeyOf(pod: Pod): string | undefined {
  const owner = controllerOf(pod)
  if (owner?.kind !== jobs.kind || owner.apiVersion !== 'batch/v1') return undefined
  return `${pod.metadata.namespace}/${owner.name}`
}

/** Whether a pod's finalizer is for its job to take: the job is there, and has not ended. Others' jobs keep theirs. */
function isCountedBy(pod: Pod, job: Job | undefined): boolean {
  return job !== undefined && controllerOf(pod)?.uid === job.metadata.uid && !(isFinished(job) && isOurs(job))
}

/** Whether a job is looked after here, and not by somebody else. */
function isOurs({ spec }: Job): boolean {
  return spec.managedBy === undefined || spec.managedBy === ownName
}

/** Whether a job takes pods without an owner. */
function isTaking(job: Job): boolean {
  return !isFinished(job) && job.metadata.deletionTimestamp === undefined && isOurs(job)
}
