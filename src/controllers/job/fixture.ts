/** Jobs and pods for the tests of this folder. */
import type { Job, JobSpec, JobStatus } from '#api/batch/v1/job.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { timeText } from '#machinery/time.ts'
import { indexAnnotation, jobPodOf, trackingFinalizer, type JobPod } from './jobPods.ts'

export const now = Date.UTC(2026, 0, 1, 12)
export const ago = (seconds: number): string => timeText(now - seconds * 1000)

/** A job of the API's defaults that began a minute ago. */
export function job(spec: Partial<JobSpec> = {}, status: JobStatus = {}, metadata: Partial<Job['metadata']> = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default', uid: 'job', ...metadata },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } },
      ...spec,
    },
    status: { startTime: ago(60), ...status },
  }
}

export interface PodShape {
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  readonly index?: number
  /** Seconds ago; `phase` may still be that of a pod that runs. */
  readonly deleted?: number
  /** How many seconds ago it ended. */
  readonly ended?: number
  readonly exitCode?: number
  readonly isTracked?: boolean
  readonly isReady?: boolean
  readonly restarts?: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly conditions?: readonly string[]
  readonly node?: string
}

export function pod(name: string, shape: PodShape = {}): Pod {
  const { phase = 'Running', index, deleted, ended = 30, exitCode, isReady = phase === 'Running' } = shape
  const isOver = phase === 'Succeeded' || phase === 'Failed'
  const terminated = { exitCode: exitCode ?? (phase === 'Succeeded' ? 0 : 1), finishedAt: ago(ended) }
  const container: ContainerStatus = {
    name: 'c',
    image: 'i',
    imageID: '',
    ready: isReady,
    restartCount: shape.restarts ?? 0,
    state: isOver ? { terminated } : { running: {} },
  }
  const more = (shape.conditions ?? []).map((type) => ({ type, status: 'True' as const }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: ago(60),
      ...(shape.isTracked === false ? {} : { finalizers: [trackingFinalizer] }),
      ...(deleted === undefined ? {} : { deletionTimestamp: ago(deleted), deletionGracePeriodSeconds: 0 }),
      annotations: { ...shape.annotations, ...(index === undefined ? {} : { [indexAnnotation]: String(index) }) },
    },
    spec: { containers: [{ name: 'c', image: 'i' }], nodeName: shape.node ?? 'n1' },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: ago(ended) }, ...more],
      containerStatuses: [container],
    },
  }
}

export const jobPod = (name: string, shape: PodShape = {}): JobPod => jobPodOf(pod(name, shape))
