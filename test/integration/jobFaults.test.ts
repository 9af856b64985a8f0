/** Jobs and cron jobs through every fault at each write of their controllers; `FAULT_STRIDE=1` walks them all. */
import { test } from 'node:test'
import { cronJobs } from '#api/batch/v1/cronJob.ts'
import { jobs, type Job, type JobSpec } from '#api/batch/v1/job.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Draft } from '#client/client.ts'
import { cronJobController } from '#controllers/cronJob/controller.ts'
import { jobController } from '#controllers/job/controller.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { controllerOf } from '#machinery/owners.ts'
import { faultStride, walkFaults, type Stage } from './faultWalk.ts'

const namespace = 'default'
const tracking = 'batch.kubernetes.io/job-tracking'

function job(name: string, behaviour: Record<string, string>, spec: Partial<JobSpec> = {}): Draft<Job> {
  return { metadata: { name, namespace }, spec: jobSpec(behaviour, spec) }
}

function jobSpec(behaviour: Record<string, string>, spec: Partial<JobSpec> = {}): JobSpec {
  const annotations = Object.fromEntries(
    Object.entries(behaviour).map(([key, value]) => [`simulation.k8ts.dev/${key}`, value]),
  )
  const template = {
    metadata: { annotations },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'i' }] },
  }
  return { ...spec, template: template as JobSpec['template'] }
}

const found = ({ all }: Stage, name: string): Job | undefined =>
  all(jobs).find(({ metadata }) => metadata.name === name)
const is = (stage: Stage, name: string, condition: string): boolean =>
  isConditionTrue(found(stage, name)?.status?.conditions, condition)
const ofJob = ({ all }: Stage, name: string): number =>
  all(pods).filter((pod) => controllerOf(pod)?.name === name && controllerOf(pod)?.kind === 'Job').length

/** No pod of a job that has ended keeps the finalizer, so that all of them can be deleted. */
function isSettled({ all }: Stage): boolean {
  return all(pods).every(({ metadata }) => metadata.finalizers?.includes(tracking) !== true)
}

/** More pods at once than a job may have, or more successes than it wants. */
function excess(stage: Stage): string | undefined {
  for (const { metadata, spec, status = {} } of stage.all(jobs)) {
    const active = stage
      .all(pods)
      .filter((pod) => controllerOf(pod)?.uid === metadata.uid && isActive(pod.metadata, pod.status?.phase))
    if (active.length > (spec.parallelism ?? 1)) return `${metadata.name} has ${active.length} active pods`
    if ((status.succeeded ?? 0) > (spec.completions ?? 1)) return `${metadata.name} succeeded ${status.succeeded} times`
  }
  return undefined
}

const isActive = ({ deletionTimestamp }: KubeObject['metadata'], phase: string | undefined): boolean =>
  deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed'

/** Pods that a job's selector fits and that belong to others, and one that has the finalizer under another owner. */
async function strangers({ cluster: { client } }: Stage): Promise<readonly KubeObject[]> {
  const owner = (kind: string) => [
    { apiVersion: 'example.com/v1', kind, name: 'good', uid: 'elsewhere', controller: true },
  ]
  const spec = { containers: [{ name: 'c', image: 'i' }] }
  return [
    await client.create(pods, {
      metadata: { name: 'stranger', namespace, labels: { 'job-name': 'good' }, ownerReferences: owner('Batch') },
      spec,
    }),
    await client.create(pods, {
      metadata: { name: 'held', namespace, finalizers: [tracking], ownerReferences: owner('Batch') },
      spec,
    }),
  ]
}

test('jobs count each of their pods once through every fault', async (t) => {
  const { writes, plays } = await walkFaults(
    {
      name: 'Job',
      controllers: [jobController],
      kinds: [jobs, pods],
      // What has to do with owners that do not exist is left alone: that is the collector's.
      cluster: { seed: 3 },
      steps: [
        {
          does: 'succeed',
          act: ({ cluster }) =>
            cluster.client.create(jobs, job('good', { 'exit-after': '2s' }, { completions: 4, parallelism: 2 })),
          isDone: (stage) => is(stage, 'good', 'Complete') && isSettled(stage),
        },
        {
          does: 'fail',
          act: ({ cluster }) => cluster.client.create(jobs, job('bad', { crash: 'always' }, { backoffLimit: 1 })),
          isDone: (stage) => is(stage, 'bad', 'Failed') && isSettled(stage),
        },
        {
          does: 'succeed by index',
          act: ({ cluster }) =>
            cluster.client.create(
              jobs,
              job('indexed', { 'exit-after': '2s' }, { completionMode: 'Indexed', completions: 3, parallelism: 3 }),
            ),
          isDone: (stage) => is(stage, 'indexed', 'Complete') && isSettled(stage),
        },
        {
          does: 'run',
          act: ({ cluster }) => cluster.client.create(jobs, job('paused', {}, { completions: 2, parallelism: 2 })),
          isDone: (stage) => found(stage, 'paused')?.status?.ready === 2,
        },
        {
          does: 'suspend',
          act: ({ cluster }) => patch(cluster.client, 'paused', { suspend: true }),
          isDone: (stage) => is(stage, 'paused', 'Suspended') && ofJob(stage, 'paused') === 0,
        },
        {
          does: 'resume',
          act: ({ cluster }) => patch(cluster.client, 'paused', { suspend: false }),
          isDone: (stage) => !is(stage, 'paused', 'Suspended') && found(stage, 'paused')?.status?.ready === 2,
        },
        {
          does: 'delete',
          act: ({ cluster }) =>
            cluster.client.delete(jobs, { namespace, name: 'paused' }, { propagationPolicy: 'Background' }),
          isDone: (stage) => found(stage, 'paused') === undefined && ofJob(stage, 'paused') === 0,
        },
      ],
      wrong: excess,
    },
    faultStride(89),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})

function patch(client: Stage['cluster']['client'], name: string, spec: object): Promise<unknown> {
  return client.patch(jobs, { namespace, name }, { type: 'merge', body: { spec } })
}

test('cron jobs make each job once through every fault', async (t) => {
  const { writes, plays } = await walkFaults(
    {
      name: 'CronJob',
      controllers: [cronJobController],
      others: ['job-controller'],
      kinds: [cronJobs, jobs],
      steps: [
        {
          does: 'make jobs',
          act: ({ cluster }) =>
            cluster.client.create(cronJobs, {
              metadata: { name: 'tick', namespace },
              spec: {
                schedule: '* * * * *',
                successfulJobsHistoryLimit: 2,
                jobTemplate: { spec: jobSpec({ 'exit-after': '5s' }) },
              },
            }),
          // The fifth job has ended, and the first three are deleted.
          isDone: ({ all }) => {
            const ended = all(jobs).filter(({ status }) => isConditionTrue(status?.conditions, 'Complete'))
            const names = ended.map(({ metadata }) => Number(/\d+$/.exec(metadata.name)![0])).toSorted((a, b) => a - b)
            return all(jobs).length === 2 && names.length === 2 && names[1] === firstMinute + 4
          },
        },
        {
          does: 'suspend',
          act: ({ cluster }) =>
            cluster.client.patch(
              cronJobs,
              { namespace, name: 'tick' },
              { type: 'merge', body: { spec: { suspend: true } } },
            ),
          isDone: ({ all }) => all(cronJobs)[0]?.status?.active === undefined,
        },
      ],
      wrong: ({ all }) => (all(jobs).length > 4 ? `${all(jobs).length} jobs` : undefined),
    },
    faultStride(17),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})

/** The first full minute after clusters begin, in minutes since the epoch. */
const firstMinute = Date.UTC(2026, 0, 1, 0, 1) / 60_000

test('jobs leave what belongs to others alone', async () => {
  await walkFaults(
    {
      name: 'Job beside others',
      controllers: [jobController],
      kinds: [jobs, pods],
      foreign: strangers,
      steps: [
        {
          does: 'succeed',
          act: ({ cluster }) => cluster.client.create(jobs, job('good', { 'exit-after': '2s' })),
          isDone: (stage) => is(stage, 'good', 'Complete'),
        },
      ],
    },
    faultStride(1000),
  )
})
