// Jobs: pods that run to their end.
import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { PodFailurePolicy, SuccessPolicy } from './jobPolicies.ts'

/** Runs pods until enough of them have ended well. */
export interface Job extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run, and how often. @default {} @optional */
  spec: JobSpec
  /** How far the job is. @default {} */
  status?: JobStatus
}

/** The kind Job as it is addressed: `jobs` of batch. */
export const jobs = resource<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  scope: 'Namespaced',
  categories: ['all'],
})

/** What should run, and how often. */
export interface JobSpec {
  /** How many pods may run at the same time; 1 when absent. */
  parallelism?: int32
  /** How many pods must end well; when absent the success of any pod is that of the job. */
  completions?: int32
  /** How long the job may take, in seconds from its start; a suspended job does not count. */
  activeDeadlineSeconds?: int64
  /** Which pods ended badly in a way that is counted, ignored, or the end of the job. */
  podFailurePolicy?: PodFailurePolicy
  /** When an indexed job has succeeded before all of its indexes have. */
  successPolicy?: SuccessPolicy
  /** How often pods may fail before the job does; 6 when absent, without bound next to `backoffLimitPerIndex`. */
  backoffLimit?: int32
  /** How often pods of one index may fail before the index does; only of indexed jobs, and fixed. */
  backoffLimitPerIndex?: int32
  /** How many indexes may fail before the job does; needs `backoffLimitPerIndex`. */
  maxFailedIndexes?: int32
  /** Which pods belong to the job; made by the server unless `manualSelector` is true. */
  selector?: LabelSelector
  /** Leaves labels and selector to whoever writes the job; they must then be unique. */
  manualSelector?: boolean
  /** The pods to make. Their restart policy must be `Never` or `OnFailure`. @default {} */
  template: PodTemplateSpec
  /** How many seconds after its end the job is deleted; never when absent. */
  ttlSecondsAfterFinished?: int32
  /** Whether any pods that end well are counted, or one for each index. */
  completionMode?: CompletionMode
  /** Keeps the job from having pods; those that it has are deleted. */
  suspend?: boolean
  /** When a pod is replaced: once it is on its way out, or only after it has ended. */
  podReplacementPolicy?: PodReplacementPolicy
  /** The controller that looks after the job, such as `acme.io/jobs`; Kubernetes' own when absent. Fixed. */
  managedBy?: string
}

/** How far a job is. */
export interface JobStatus {
  /** Facts about the job: `Complete`, `Failed`, `Suspended` and others. @atomic @mergeKey type */
  conditions?: JobCondition[]
  /** When the job began; anew each time that it is resumed. */
  startTime?: Time
  /** When the job succeeded. */
  completionTime?: Time
  /** Pods that wait or run and are not on their way out. */
  active?: int32
  /** Pods that ended well. */
  succeeded?: int32
  /** Pods that ended badly. */
  failed?: int32
  /** Pods that were told to end and have not yet. */
  terminating?: int32
  /** Indexes that succeeded, as numbers and ranges: `1,3-5,7`. */
  completedIndexes?: string
  /** Indexes that failed, written alike; of jobs with `backoffLimitPerIndex`. */
  failedIndexes?: string
  /** Pods that ended and are not in the counts yet. */
  uncountedTerminatedPods?: UncountedTerminatedPods
  /** Active pods that are ready. */
  ready?: int32
}

/** Pods that ended and are not counted yet, so that each is counted once. */
export interface UncountedTerminatedPods {
  /** Uids of pods that ended well. @listSet */
  succeeded?: string[]
  /** Uids of pods that ended badly. @listSet */
  failed?: string[]
}

/** One fact about a job. */
export interface JobCondition {
  /** Names the fact. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When somebody last looked. */
  lastProbeTime?: Time
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** A job as a template, from which cron jobs make jobs. */
export interface JobTemplateSpec {
  /** Labels and annotations of the jobs. @default {} */
  metadata?: Partial<ObjectMeta>
  /** What the jobs run. @default {} @optional */
  spec: JobSpec
}

/** Several objects of kind Job, as a list request returns them. */
export interface JobList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Job[]
}

/** Any pods that end well, or one for each index. */
export type CompletionMode = 'Indexed' | 'NonIndexed'

/** After its end, or as soon as it is on its way out. */
export type PodReplacementPolicy = 'Failed' | 'TerminatingOrFailed'
