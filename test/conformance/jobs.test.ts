// Jobs and cron jobs on simulated nodes.
import assert from 'node:assert/strict'
import { cronJobs, type CronJob, type CronJobSpec } from '#api/batch/v1/cronJob.ts'
import { jobs, type Job, type JobSpec } from '#api/batch/v1/job.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { Draft } from '#client/client.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'
import { controllerOf } from '#machinery/owners.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { conformance } from './conformance.ts'
import { namespace } from './lifeCycle.ts'
import { at, isThere, labels, mergePatch, podsOf, templateOf, untilHolds, withNodes } from './workloads.ts'

const indexAnnotation = 'batch.kubernetes.io/job-completion-index'

/** What simulated containers do: run for as long as `exit-after` says, and end with `exit-code`. */
type Behaviour = Readonly<Record<string, string>>

const annotationsOf = (behaviour: Behaviour): Record<string, string> =>
  Object.fromEntries(Object.entries(behaviour).map(([key, value]) => [`simulation.k8ts.dev/${key}`, value]))

function template(behaviour: Behaviour, restartPolicy: 'Never' | 'OnFailure' = 'Never'): PodTemplateSpec {
  const plain = templateOf('a:1', annotationsOf(behaviour))
  return { ...plain, spec: { ...plain.spec, restartPolicy } }
}

function job(behaviour: Behaviour, spec: Partial<JobSpec> = {}): Draft<Job> {
  return { metadata: at('shown'), spec: { template: template(behaviour), ...spec } }
}

const indexed = (completions: number, spec: Partial<JobSpec> = {}): Partial<JobSpec> => ({
  completionMode: 'Indexed',
  completions,
  parallelism: completions,
  ...spec,
})

/** Lets each new pod behave as its index says, which one template cannot. */
function behaveByIndex(cluster: SimulatedCluster, behaviour: (index: number) => Behaviour): Disposable {
  return cluster.informers.of(pods).onChange(({ old, new: pod }) => {
    const index = pod?.metadata.annotations?.[indexAnnotation]
    if (old !== undefined || index === undefined) return
    const annotations = annotationsOf(behaviour(Number(index)))
    void unlessGone(cluster.client.patch(pods, pod!.metadata, mergePatch({ metadata: { annotations } })))
  })
}

const untilEnded = (cluster: SimulatedCluster, type: 'Complete' | 'Failed', limit = '5m'): Promise<Job> =>
  untilHolds(cluster, jobs, 'shown', ({ status }) => isConditionTrue(status?.conditions, type), limit)

/** The reason of a condition that holds. */
function reasonOf({ status }: Job, type: string): string | undefined {
  const condition = conditionOf(status?.conditions, type)
  return condition?.status === 'True' ? condition.reason : undefined
}

const indexesOf = (found: readonly Pod[]): readonly string[] =>
  found.map(({ metadata }) => metadata.annotations?.[indexAnnotation] ?? '').toSorted()

const fails: Behaviour = { 'exit-after': '1s', 'exit-code': '1' }
const succeeds: Behaviour = { 'exit-after': '1s' }

conformance('[sig-apps] Job should run a job to completion when tasks sometimes fail and are locally restarted', () =>
  withNodes(async (cluster) => {
    const behaviour = { 'exit-after': '1s', 'exit-code': '1', 'exit-runs': '1' }
    const spec = { completions: 4, parallelism: 2, template: template(behaviour, 'OnFailure') }
    await cluster.client.create(jobs, job({}, spec))
    // After its one failure a container would run for ever: its work is done as soon as it runs again.
    using _works = cluster.informers.of(pods).onChange(({ old, new: pod }) => {
      const restarts = pod?.status?.containerStatuses?.[0]?.restartCount ?? 0
      if (restarts === 0 || (old?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0) return
      const annotations = annotationsOf({ 'exit-after': '1s', 'exit-code': '0', 'exit-runs': '9' })
      void unlessGone(cluster.client.patch(pods, pod!.metadata, mergePatch({ metadata: { annotations } })))
    })
    const { status } = await untilEnded(cluster, 'Complete')
    assert.equal(status?.succeeded, 4)
    assert.equal(status?.failed, undefined)
    const found = await podsOf(cluster)
    assert.deepEqual(
      found.map((pod) => [pod.status?.phase, pod.status?.containerStatuses?.[0]?.restartCount]),
      Array(4).fill(['Succeeded', 1]),
    )
  }),
)

conformance('[sig-apps] Job should create pods for an Indexed job with completion indexes and specified hostname', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(jobs, job(succeeds, indexed(4, { parallelism: 2 })))
    const { status } = await untilEnded(cluster, 'Complete')
    assert.equal(status?.completedIndexes, '0-3')
    const found = await podsOf(cluster)
    assert.deepEqual(indexesOf(found), ['0', '1', '2', '3'])
    for (const { metadata, spec } of found) {
      const index = metadata.annotations![indexAnnotation]
      assert.equal(metadata.labels?.[indexAnnotation], index)
      assert.equal(spec.hostname, `shown-${index}`)
      const fieldRef = { apiVersion: 'v1', fieldPath: `metadata.labels['${indexAnnotation}']` }
      assert.deepEqual(spec.containers[0]?.env, [{ name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef } }])
    }
  }),
)

conformance('[sig-apps] Job should delete a job', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(jobs, job({}, { parallelism: 2, completions: 4 }))
    await untilHolds(cluster, jobs, 'shown', ({ status }) => status?.active === 2)
    await cluster.client.delete(jobs, at('shown'), { propagationPolicy: 'Foreground' })
    await cluster.until(async () => !(await isThere(cluster, jobs, 'shown')))
    assert.deepEqual(await podsOf(cluster), [])
  }),
)

conformance('[sig-apps] Job should adopt matching orphans and release non-matching pods', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(jobs, job({}, { parallelism: 2, completions: 4 }))
    await untilHolds(cluster, jobs, 'shown', ({ status }) => status?.ready === 2)
    const [pod] = await podsOf(cluster)
    await client.patch(pods, pod!.metadata, mergePatch({ metadata: { ownerReferences: null } }))
    await cluster.until(async () => controllerOf(await client.get(pods, pod!.metadata))?.name === 'shown')
    const { metadata } = await client.get(pods, pod!.metadata)
    assert.deepEqual(metadata.finalizers, ['batch.kubernetes.io/job-tracking'])
    await client.patch(pods, pod!.metadata, mergePatch({ metadata: { labels: null } }))
    await cluster.until(async () => controllerOf(await client.get(pods, pod!.metadata)) === undefined)
    assert.equal((await client.get(pods, pod!.metadata)).metadata.finalizers, undefined)
  }),
)

conformance('[sig-apps] Job should allow to use the pod failure policy on exit code to fail the job early', () =>
  withNodes(async (cluster) => {
    const rules: JobSpec['podFailurePolicy'] = {
      rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }],
    }
    await cluster.client.create(jobs, job(fails, { podFailurePolicy: rules, backoffLimit: 9 }))
    const ended = await untilEnded(cluster, 'Failed', '9s')
    assert.equal(reasonOf(ended, 'Failed'), 'PodFailurePolicy')
    assert.equal(ended.status?.failed, 1)
    assert.equal((await podsOf(cluster)).length, 1)
  }),
)

conformance(
  '[sig-apps] Job should allow to use a pod failure policy to ignore failure matching on DisruptionTarget condition',
  () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      const policy: JobSpec['podFailurePolicy'] = {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      }
      // Nobody gets a container to end that does not listen, but by force: that is a failure.
      await client.create(jobs, job({ 'stop-after': '1h' }, indexed(2, { podFailurePolicy: policy, backoffLimit: 0 })))
      await untilHolds(cluster, jobs, 'shown', ({ status }) => status?.ready === 2)
      const evicted = await podsOf(cluster)
      for (const { metadata } of evicted) {
        await client.createSubresource(pods, metadata, 'eviction', {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: metadata.name, namespace },
        })
      }
      using _ends = behaveByIndex(cluster, () => succeeds)
      const { status } = await untilEnded(cluster, 'Complete')
      assert.equal(status?.failed, undefined)
      assert.equal(status?.completedIndexes, '0,1')
      const uids = new Set(evicted.map(({ metadata }) => metadata.uid))
      assert.ok((await podsOf(cluster)).every(({ metadata }) => !uids.has(metadata.uid!)))
    }),
)

conformance('[sig-apps] Job should execute all indexes despite some failing when using backoffLimitPerIndex', () =>
  withNodes(async (cluster) => {
    using _behaves = behaveByIndex(cluster, (index) => (index % 2 === 0 ? succeeds : fails))
    await cluster.client.create(jobs, job({}, indexed(4, { parallelism: 2, backoffLimitPerIndex: 1 })))
    const { status } = await untilEnded(cluster, 'Failed')
    assert.equal(status?.completedIndexes, '0,2')
    assert.equal(status?.failedIndexes, '1,3')
    assert.equal(status?.succeeded, 2)
    assert.equal(status?.failed, 4)
    assert.deepEqual(indexesOf(await podsOf(cluster)), ['0', '1', '1', '2', '3', '3'])
  }),
)

conformance(
  '[sig-apps] Job should terminate job execution when the number of failed indexes exceeds maxFailedIndexes',
  () =>
    withNodes(async (cluster) => {
      using _behaves = behaveByIndex(cluster, (index) => (index % 2 === 0 ? succeeds : fails))
      const limits = { backoffLimitPerIndex: 0, maxFailedIndexes: 0 }
      await cluster.client.create(jobs, job({}, indexed(10, { parallelism: 1, ...limits })))
      const ended = await untilEnded(cluster, 'Failed')
      assert.equal(reasonOf(ended, 'Failed'), 'MaxFailedIndexesExceeded')
      assert.equal(ended.status?.completedIndexes, '0')
      assert.equal(ended.status?.failedIndexes, '1')
      assert.equal(ended.status?.failed, 1)
    }),
)

conformance(
  '[sig-apps] Job should mark indexes as failed when the FailIndex action is matched in podFailurePolicy',
  () =>
    withNodes(async (cluster) => {
      using _behaves = behaveByIndex(cluster, (index) =>
        index === 0 ? { 'exit-after': '1s', 'exit-code': '2' } : succeeds,
      )
      const policy: JobSpec['podFailurePolicy'] = {
        rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [2] } }],
      }
      await cluster.client.create(jobs, job({}, indexed(2, { backoffLimitPerIndex: 1, podFailurePolicy: policy })))
      const { status } = await untilEnded(cluster, 'Failed')
      assert.equal(status?.failedIndexes, '0')
      assert.equal(status?.completedIndexes, '1')
      assert.equal(status?.failed, 1)
      assert.equal((await podsOf(cluster)).length, 2)
    }),
)

for (const [name, successPolicy, done, completed] of [
  [
    '[sig-apps] Job with successPolicy should succeeded when all indexes succeeded',
    { succeededIndexes: '0,1' },
    2,
    '0,1',
  ],
  [
    '[sig-apps] Job with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending',
    { succeededIndexes: '0' },
    1,
    '0',
  ],
  [
    '[sig-apps] Job with successPolicy succeededCount rule should succeeded even when some indexes remain pending',
    { succeededCount: 1 },
    1,
    '0',
  ],
] as const) {
  conformance(name, () =>
    withNodes(async (cluster) => {
      // The others go on until they are ended.
      using _behaves = behaveByIndex(cluster, (index) => (index < done ? succeeds : {}))
      await cluster.client.create(jobs, job({}, indexed(2, { successPolicy: { rules: [successPolicy] } })))
      const ended = await untilEnded(cluster, 'Complete')
      assert.equal(reasonOf(ended, 'SuccessCriteriaMet'), 'SuccessPolicy')
      assert.equal(reasonOf(ended, 'Complete'), 'SuccessPolicy')
      assert.equal(ended.status?.completedIndexes, completed)
      assert.equal(ended.status?.failed, undefined)
      assert.equal(ended.status?.active, undefined)
    }),
  )
}

function cronJob(behaviour: Behaviour, spec: Partial<CronJobSpec> = {}): Draft<CronJob> {
  const jobTemplate = { metadata: { labels }, spec: { template: template(behaviour) } }
  return { metadata: at('shown'), spec: { schedule: '*/1 * * * *', jobTemplate, ...spec } }
}

const jobsOf = async ({ client }: SimulatedCluster): Promise<readonly Job[]> =>
  (await client.list(jobs, { namespace })).items

conformance('[sig-apps] CronJob should schedule multiple jobs concurrently', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(cronJobs, cronJob({}, { concurrencyPolicy: 'Allow' }))
    const { status } = await untilHolds(cluster, cronJobs, 'shown', (each) => (each.status?.active ?? []).length > 1)
    const found = await jobsOf(cluster)
    assert.deepEqual(
      status?.active?.map(({ uid }) => uid).toSorted(),
      found.map(({ metadata }) => metadata.uid).toSorted(),
    )
    assert.ok(found.every((each) => each.status?.active === 1))
    await cluster.client.delete(cronJobs, at('shown'))
    await cluster.until(async () => (await jobsOf(cluster)).length === 0)
  }),
)

conformance('[sig-apps] CronJob should not schedule jobs when suspended', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(cronJobs, cronJob(succeeds, { suspend: true, concurrencyPolicy: 'Allow' }))
    await cluster.clock.advance('5m')
    assert.deepEqual(await jobsOf(cluster), [])
    assert.deepEqual((await cluster.client.get(cronJobs, at('shown'))).status, {})
  }),
)

conformance('[sig-apps] CronJob should not schedule new jobs when ForbidConcurrent', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(cronJobs, cronJob({}, { concurrencyPolicy: 'Forbid' }))
    await untilHolds(cluster, cronJobs, 'shown', ({ status }) => status?.active?.length === 1)
    const [first] = await jobsOf(cluster)
    await cluster.clock.advance('5m')
    const { status } = await cluster.client.get(cronJobs, at('shown'))
    assert.deepEqual(
      status?.active?.map(({ uid }) => uid),
      [first!.metadata.uid],
    )
    assert.equal((await jobsOf(cluster)).length, 1)
  }),
)

conformance('[sig-apps] CronJob should replace jobs when ReplaceConcurrent', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(cronJobs, cronJob({}, { concurrencyPolicy: 'Replace' }))
    await untilHolds(cluster, cronJobs, 'shown', ({ status }) => status?.active?.length === 1)
    const [first] = await jobsOf(cluster)
    await untilHolds(
      cluster,
      cronJobs,
      'shown',
      ({ status }) => status?.active?.length === 1 && status.active[0]!.uid !== first!.metadata.uid,
    )
    await cluster.until(async () => (await jobsOf(cluster)).length === 1)
    assert.notEqual((await jobsOf(cluster))[0]!.metadata.uid, first!.metadata.uid)
  }),
)
