/** Jobs, cron jobs and the time that jobs are kept, in a whole cluster under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cronJobs, type CronJobSpec } from '#api/batch/v1/cronJob.ts'
import { jobs, type Job, type JobSpec } from '#api/batch/v1/job.ts'
import { events } from '#api/core/v1/event.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import type { Patch } from '#client/client.ts'
import { cronJobController } from '#controllers/cronJob/controller.ts'
import { jobController } from '#controllers/job/controller.ts'
import { ttlAfterFinishedController } from '#controllers/ttlAfterFinished/controller.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'
import { isReason } from '#machinery/status.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'
import type { MakeController } from '#controllers/context.ts'
import { startFaultyProcess } from './faultyProcess.ts'

const namespace = 'default'
const at = (name: string) => ({ name, namespace })

/** A pod that behaves so: `exit-after`, `exit-code` and others of the simulation's annotations. */
function template(behaviour: Record<string, string>): PodTemplateSpec {
  const annotations = Object.fromEntries(
    Object.entries(behaviour).map(([key, value]) => [`simulation.k8ts.dev/${key}`, value]),
  )
  return {
    metadata: { annotations },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'i' }] },
  }
}

const fails = { crash: 'always' }

/** A cluster that takes pods, ten seconds after its beginning: nothing is due then. */
async function cluster(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const started = await simulatedCluster({ nodes: 2, ...options })
  const beginning = 10_000 - (started.clock.now() % 60_000)
  await started.clock.advance(beginning)
  return started
}

async function createJob({ client }: SimulatedCluster, name: string, spec: JobSpec): Promise<Job> {
  return client.create(jobs, { metadata: at(name), spec })
}

const merge = (body: object): Patch => ({ type: 'merge', body })

async function podsOf({ client }: SimulatedCluster, job: string): Promise<readonly Pod[]> {
  const { items } = await client.list(pods, { namespace, labelSelector: `batch.kubernetes.io/job-name=${job}` })
  return items.toSorted((a, b) => (madeAt(a) < madeAt(b) ? -1 : 1))
}

const madeAt = ({ metadata }: Pod | Job): number => millisecondsOf(metadata.creationTimestamp)!

/** Controllers in a process of their own, which begins at once, and may end and begin anew. */
function restartable(here: SimulatedCluster, controllers: readonly MakeController[]) {
  const start = () => startFaultyProcess({ cluster: here, controllers })
  let process = start()
  return {
    start() {
      process = start()
    },
    stop: () => process.stop(),
    [Symbol.asyncDispose]: () => process.stop(),
  }
}

/** Of conditions that hold: `Type Reason`. */
function conditionsOf({ status }: Job): readonly string[] {
  return (status?.conditions ?? [])
    .filter((each) => each.status === 'True')
    .map(({ type, reason }) => `${type} ${reason}`)
}

async function isGone(read: Promise<unknown>): Promise<boolean> {
  return read.then(
    () => false,
    (error: unknown) => isReason(error, 'NotFound') || Promise.reject(error as Error),
  )
}

/** The events about objects of a kind, in order. */
async function told({ client }: SimulatedCluster, kind: string): Promise<readonly string[]> {
  return (await client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.kind === kind)
    .toSorted((a, b) => (momentOf(a.metadata.name) < momentOf(b.metadata.name) ? -1 : 1))
    .map(({ type, reason, message }) => `${type} ${reason}: ${message}`)
}

const momentOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

test('what pods do is looked at when a second has passed, and what is asked of a job at once', async () => {
  await using here = await cluster()
  const { client, clock } = here
  const began = clock.now()
  const looks: string[] = []
  const seconds = (): number => Math.floor((clock.now() - began) / 1000)
  here.informers.of(jobs).onChange(({ new: job }) => {
    const { active = 0, ready = 0, succeeded = 0 } = job?.status ?? {}
    if (job?.status?.startTime !== undefined)
      looks.push(`${seconds()}: ${active} run, ${ready} ready, ${succeeded} done`)
  })
  const spec = { completions: 3, parallelism: 2, template: template({ 'exit-after': '10s' }) }
  await createJob(here, 'gathers', spec)
  await clock.advance('4s')
  await client.patch(jobs, at('gathers'), merge({ spec: { parallelism: 3 } }))
  await clock.advance('20s')
  assert.deepEqual(looks, [
    '0: 2 run, 0 ready, 0 done',
    '1: 2 run, 2 ready, 0 done',
    '4: 2 run, 2 ready, 0 done',
    '4: 3 run, 2 ready, 0 done',
    '5: 3 run, 3 ready, 0 done',
    // The two that came first end together, and are noted before they are counted.
    '11: 1 run, 1 ready, 0 done',
    '11: 1 run, 1 ready, 2 done',
    '15: 0 run, 0 ready, 2 done',
    '15: 0 run, 0 ready, 3 done',
  ])
})

test('a job that has more pods to make than one look may makes them in a row', async () => {
  await using here = await simulatedCluster({
    nodes: [],
    controllers: ['service-account-controller', 'job-controller'],
  })
  await here.clock.advance('1s')
  await createJob(here, 'many', { completions: 520, parallelism: 520, template: template({}) })
  await here.clock.advance(500)
  assert.equal((await podsOf(here, 'many')).length, 520)
})

test('pods that cannot be made are tried again after a second, and later each time', async () => {
  await using here = await cluster()
  const { client, clock } = here
  await client.create(resourceQuotas, { metadata: at('none'), spec: { hard: { pods: '0' } } })
  await clock.advance('5s')
  await createJob(here, 'refused', { template: template({}) })
  await clock.advance('3m')
  const refused = (await told(here, 'Job')).filter((text) => text.startsWith('Warning FailedCreate'))
  // At once, then after 1, 2, 4, 8, 16, 32 and 60 seconds.
  assert.equal(refused.length, 8)
})

test('pods that fail come again after 10, 20, 40 and 80 seconds, and then no more', async () => {
  await using here = await cluster()
  await createJob(here, 'chain', { backoffLimit: 4, template: template(fails) })
  await createJob(here, 'late', { backoffLimit: 4, activeDeadlineSeconds: 120, template: template(fails) })
  const began = here.clock.now()
  await here.clock.advance('10m')
  const since = async (name: string): Promise<readonly number[]> =>
    (await podsOf(here, name)).map((pod) => (madeAt(pod) - began) / 1000)
  assert.deepEqual(await since('chain'), [0, 10, 30, 70, 150])
  assert.deepEqual(await since('late'), [0, 10, 30, 70])
  const chain = await here.client.get(jobs, at('chain'))
  assert.deepEqual(conditionsOf(chain), ['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded'])
  assert.equal(chain.status?.failed, 5)
  const late = await here.client.get(jobs, at('late'))
  assert.deepEqual(conditionsOf(late), ['FailureTarget DeadlineExceeded', 'Failed DeadlineExceeded'])
  const ended = millisecondsOf(conditionOf(late.status?.conditions, 'Failed')?.lastTransitionTime)!
  assert.equal((ended - began) / 1000, 120)
})

test('deadlines, back-off and the time that jobs are kept go on while no controller runs', async () => {
  const others = ['service-account-controller', 'node-controller', 'generic-garbage-collector']
  await using here = await cluster({ controllers: others })
  const { client, clock } = here
  await using process = restartable(here, [jobController, ttlAfterFinishedController])
  await createJob(here, 'chain', { backoffLimit: 4, template: template(fails) })
  await createJob(here, 'slow', { activeDeadlineSeconds: 100, ttlSecondsAfterFinished: 60, template: template({}) })
  const began = clock.now()
  await clock.advance('50s')
  await process.stop()
  await clock.advance('10s')
  process.start()
  await clock.advance('39s')
  assert.deepEqual(conditionsOf(await client.get(jobs, at('slow'))), [])
  await clock.advance('3s')
  assert.deepEqual(conditionsOf(await client.get(jobs, at('slow'))), [
    'FailureTarget DeadlineExceeded',
    'Failed DeadlineExceeded',
  ])
  await process.stop()
  await clock.advance('40s')
  process.start()
  await clock.advance('15s')
  assert.equal(await isGone(client.get(jobs, at('slow'))), false)
  await clock.advance('5s')
  assert.equal(await isGone(client.get(jobs, at('slow'))), true)
  await clock.advance('2m')
  assert.deepEqual(
    (await podsOf(here, 'chain')).map((pod) => (madeAt(pod) - began) / 1000),
    [0, 10, 30, 70, 150],
  )
})

test('a job is deleted with its pods to the second, and later when it is given more time', async () => {
  await using here = await cluster()
  const { client, clock } = here
  const spec = { ttlSecondsAfterFinished: 40, template: template({ 'exit-after': '5s' }) }
  await createJob(here, 'short', spec)
  await createJob(here, 'long', spec)
  await clock.advance('10s')
  await client.patch(jobs, at('long'), merge({ spec: { ttlSecondsAfterFinished: 100 } }))
  // They end a second after their pods.
  await clock.advance('35s')
  assert.equal(await isGone(client.get(jobs, at('short'))), false)
  await clock.advance('2s')
  assert.equal(await isGone(client.get(jobs, at('short'))), true)
  assert.deepEqual(await podsOf(here, 'short'), [])
  await clock.advance('58s')
  assert.equal(await isGone(client.get(jobs, at('long'))), false)
  await clock.advance('2s')
  assert.equal(await isGone(client.get(jobs, at('long'))), true)
})

test('a pod that is lost runs again, whether it was deleted or its node fell silent', async () => {
  await using here = await cluster({ nodes: 2 })
  const { client, clock } = here
  // What listens and ends well before the job looks would be a success.
  await createJob(here, 'redo', { template: template({ 'exit-after': '20s', 'stop-after': '1h' }) })
  await clock.advance('5s')
  const [first] = await podsOf(here, 'redo')
  await client.delete(pods, first!.metadata)
  await clock.advance('15s')
  const [second, ...more] = await podsOf(here, 'redo')
  assert.deepEqual(more, [])
  assert.notEqual(second!.metadata.uid, first!.metadata.uid)
  await clock.advance('20s')
  const { status } = await client.get(jobs, at('redo'))
  assert.deepEqual([status?.succeeded, status?.failed], [1, 1])

  await createJob(here, 'move', { template: template({ 'exit-after': '20m' }) })
  await clock.advance('5s')
  const [lost] = await podsOf(here, 'move')
  here.nodes.pause(lost!.spec.nodeName!)
  await here.until(async () => {
    const all = await podsOf(here, 'move')
    return all.some(({ metadata, status }) => metadata.uid !== lost!.metadata.uid && status?.phase === 'Running')
  }, '10m')
  await here.until(
    async () => isConditionTrue((await client.get(jobs, at('move'))).status?.conditions, 'SuccessCriteriaMet'),
    '30m',
  )
  // The job does not end while a pod of it may still run on the node that is silent.
  assert.deepEqual(conditionsOf(await client.get(jobs, at('move'))), ['SuccessCriteriaMet CompletionsReached'])
  here.nodes.resume(lost!.spec.nodeName!)
  await here.until(
    async () => isConditionTrue((await client.get(jobs, at('move'))).status?.conditions, 'Complete'),
    '5m',
  )
})

test('hundreds of indexes succeed, each once', async () => {
  await using here = await cluster({ nodes: 10 })
  const { client } = here
  const completions = 300
  const spec = { completions, parallelism: 150, completionMode: 'Indexed', template: template({ 'exit-after': '2s' }) }
  await createJob(here, 'wide', spec as JobSpec)
  let most = 0
  await here.until(async () => {
    const { status } = await client.get(jobs, at('wide'))
    most = Math.max(most, status?.active ?? 0)
    return isConditionTrue(status?.conditions, 'Complete')
  })
  const { status } = await client.get(jobs, at('wide'))
  assert.equal(most, 150)
  assert.equal(status?.succeeded, completions)
  assert.equal(status?.completedIndexes, `0-${completions - 1}`)
  assert.equal(status?.failed, undefined)
  assert.deepEqual(status?.uncountedTerminatedPods, {})
  const made = await podsOf(here, 'wide')
  assert.equal(made.length, completions)
  assert.ok(made.every(({ metadata }) => metadata.finalizers === undefined))
})

test('a job that has nothing to do ends while it is suspended, and never begins', async () => {
  await using here = await cluster()
  await createJob(here, 'idle', { suspend: true, completions: 0, template: template({}) })
  await here.clock.advance('5s')
  const job = await here.client.get(jobs, at('idle'))
  assert.deepEqual(conditionsOf(job), ['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'])
  assert.equal(job.status?.startTime, undefined)
})

test('an indexed job grows and shrinks', async () => {
  await using here = await cluster()
  const { client, clock } = here
  const size = (count: number) => ({ completions: count, parallelism: count })
  await createJob(here, 'elastic', { ...size(3), completionMode: 'Indexed', template: template({}) })
  const indexes = async (): Promise<readonly string[]> =>
    (await podsOf(here, 'elastic'))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.labels!['batch.kubernetes.io/job-completion-index']!)
      .toSorted()
  await clock.advance('5s')
  assert.deepEqual(await indexes(), ['0', '1', '2'])
  await client.patch(jobs, at('elastic'), merge({ spec: size(5) }))
  await clock.advance('5s')
  assert.deepEqual(await indexes(), ['0', '1', '2', '3', '4'])
  await client.patch(jobs, at('elastic'), merge({ spec: size(2) }))
  await clock.advance('5s')
  assert.deepEqual(await indexes(), ['0', '1'])
  const { status } = await client.get(jobs, at('elastic'))
  assert.deepEqual([status?.active, status?.failed], [2, undefined])
})

test('a job that somebody else looks after is left alone, pods included', async () => {
  await using here = await cluster()
  const { client, clock } = here
  const job = await createJob(here, 'theirs', { managedBy: 'example.com/jobs', template: template({}) })
  const reference = { apiVersion: 'batch/v1', kind: 'Job', name: 'theirs', uid: job.metadata.uid!, controller: true }
  const { spec } = template({ 'exit-after': '1s' })
  await client.create(pods, {
    metadata: {
      ...at('p'),
      labels: job.spec.selector!.matchLabels!,
      finalizers: ['batch.kubernetes.io/job-tracking'],
      ownerReferences: [reference],
    },
    spec: spec!,
  })
  await clock.advance('5m')
  assert.deepEqual((await client.get(jobs, at('theirs'))).status, {})
  assert.deepEqual((await client.get(pods, at('p'))).metadata.finalizers, ['batch.kubernetes.io/job-tracking'])
})

test('a pod whose job is gone, and one that was let go, lose the finalizer', async () => {
  await using here = await cluster()
  const { client, clock } = here
  await createJob(here, 'gone', { template: template({}) })
  await clock.advance('5s')
  await client.delete(jobs, at('gone'), { propagationPolicy: 'Orphan' })
  await clock.advance('10s')
  const [left] = await podsOf(here, 'gone')
  assert.equal(left!.metadata.ownerReferences, undefined)
  assert.equal(left!.metadata.finalizers, undefined)
  assert.equal(left!.status?.phase, 'Running')
})

test('a namespace goes with its jobs and their pods', async () => {
  await using here = await cluster()
  const { client, clock } = here
  const other = { metadata: { name: 'other' } }
  await client.create(namespaces, other)
  await clock.advance('5s')
  const spec = { parallelism: 3, completions: 5, template: template({}) }
  await client.create(jobs, { metadata: { name: 'runs', namespace: 'other' }, spec })
  await client.create(jobs, { metadata: { name: 'fails', namespace: 'other' }, spec: { template: template(fails) } })
  await clock.advance('5s')
  await client.delete(namespaces, other.metadata)
  await here.until(() => isGone(client.get(namespaces, other.metadata)), '1m')
})

test('at rest nobody writes', async () => {
  await using here = await cluster()
  const { client, clock } = here
  await createJob(here, 'runs', { template: template({}) })
  await createJob(here, 'done', { template: template({ 'exit-after': '1s' }) })
  await createJob(here, 'waits', { suspend: true, template: template({}) })
  const spec = { schedule: '0 0 1 1 *', jobTemplate: { spec: { template: template({}) } } }
  await client.create(cronJobs, { metadata: at('seldom'), spec })
  await clock.advance('1m')
  const state = async (): Promise<readonly unknown[]> =>
    Promise.all([jobs, cronJobs, pods].map(async (kind) => (await client.list(kind as typeof jobs)).items))
  const before = await state()
  await clock.advance('1h')
  assert.deepEqual(await state(), before)
})

const tick = (spec: Partial<CronJobSpec> = {}, behaviour: Record<string, string> = { 'exit-after': '10s' }) => ({
  metadata: at('tick'),
  spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template(behaviour) } }, ...spec },
})

test('a cron job makes its jobs to the second, keeps three of them, and tells what it does', async () => {
  await using here = await cluster()
  const { client, clock } = here
  const minute = Math.floor(clock.now() / 60_000)
  await client.create(cronJobs, tick())
  await clock.advance('50s')
  await clock.advance('270s')
  const made = (await client.list(jobs)).items
  assert.deepEqual(
    made.map((job) => [job.metadata.name, madeAt(job)]),
    [3, 4, 5].map((number) => [`tick-${minute + number}`, (minute + number) * 60_000]),
  )
  const { status } = await client.get(cronJobs, at('tick'))
  assert.equal(status?.active, undefined)
  assert.equal(millisecondsOf(status?.lastScheduleTime), (minute + 5) * 60_000)
  assert.equal(millisecondsOf(status?.lastSuccessfulTime), (minute + 5) * 60_000 + 11_000)
  const ended = (number: number): readonly string[] => [
    `Normal SuccessfulCreate: Created job tick-${minute + number}`,
    ...(number > 3 ? [`Normal SuccessfulDelete: Deleted job tick-${minute + number - 3}`] : []),
    `Normal SawCompletedJob: Saw completed job: tick-${minute + number}, condition: Complete`,
  ]
  assert.deepEqual(await told(here, 'CronJob'), [1, 2, 3, 4, 5].flatMap(ended))
})

test('of jobs that nobody was there to make, the latest is made up for', async () => {
  const others = ['service-account-controller', 'node-controller', 'generic-garbage-collector', 'job-controller']
  await using here = await cluster({ controllers: others })
  const { client, clock } = here
  await using process = restartable(here, [cronJobController])
  const minute = Math.floor(clock.now() / 60_000)
  const names = async (): Promise<readonly string[]> =>
    (await client.list(jobs)).items.map(({ metadata }) => `minute ${Number(metadata.name.slice(5)) - minute}`)
  await client.create(cronJobs, tick())
  await clock.advance('1m')
  await process.stop()
  await clock.advance('3m')
  process.start()
  await clock.advance('20s')
  assert.deepEqual(await names(), ['minute 1', 'minute 4'])
  await clock.advance('30s')
  assert.deepEqual(await names(), ['minute 1', 'minute 4', 'minute 5'])
  await process.stop()
  await client.patch(cronJobs, at('tick'), merge({ spec: { startingDeadlineSeconds: 15 } }))
  await clock.advance('90s')
  process.start()
  await clock.advance('5s')
  assert.deepEqual(await names(), ['minute 1', 'minute 4', 'minute 5'])
  await clock.advance('30s')
  assert.deepEqual((await names()).slice(-2), ['minute 5', 'minute 7'])
})

test('a schedule that never fires says so', async () => {
  await using here = await cluster()
  await here.client.create(cronJobs, tick({ schedule: '0 0 31 2 *' }))
  await here.clock.advance('1h')
  assert.deepEqual(await told(here, 'CronJob'), [
    'Warning InvalidSchedule: invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
  ])
  const [cause] = here.causes.of({ kind: 'CronJob', ...at('tick') })
  assert.equal(cause?.message, 'No date of the next five years suits the schedule "0 0 31 2 *"')
  await here.client.patch(cronJobs, at('tick'), merge({ spec: { schedule: '* * * * *' } }))
  await here.clock.advance('1m')
  assert.equal((await here.client.list(jobs)).items.length, 1)
  assert.deepEqual(here.causes.of({ kind: 'CronJob', ...at('tick') }), [])
})

test('a cron job keeps the time of its zone when the clocks change', async () => {
  const clock = new SimulatedClock(Date.UTC(2026, 2, 29))
  const controllers = ['cronjob-controller', 'job-controller']
  await using here = await simulatedCluster({ clock, nodes: [], controllers })
  await here.client.create(cronJobs, {
    metadata: at('work'),
    spec: {
      schedule: '30 1,3 * * *',
      timeZone: 'Europe/Berlin',
      jobTemplate: { spec: { completions: 0, template: template({}) } },
    },
  })
  await clock.advance('2h')
  assert.deepEqual(
    (await here.client.list(jobs)).items.map(({ metadata }) => [
      metadata.creationTimestamp,
      metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'],
    ]),
    [
      ['2026-03-29T00:30:00Z', '2026-03-29T01:30:00+01:00'],
      ['2026-03-29T01:30:00Z', '2026-03-29T03:30:00+02:00'],
    ],
  )
  assert.deepEqual(here.problems, [])
})
