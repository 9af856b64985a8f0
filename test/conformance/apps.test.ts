import assert from 'node:assert/strict'
import { cronJobs } from '#api/batch/v1/cronJob.ts'
import { jobs } from '#api/batch/v1/job.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import { conformance } from './conformance.ts'
import { namespace, showLifeCycle, withServer } from './lifeCycle.ts'

const jobSpec = () => ({
  suspend: true,
  template: { spec: { restartPolicy: 'Never' as const, containers: [{ name: 'c', image: 'i' }] } },
})

conformance('[sig-apps] CronJob should support CronJob API operations', () =>
  showLifeCycle(cronJobs, {
    object: () => ({ spec: { schedule: '*/1 * * * *', suspend: true, jobTemplate: { spec: jobSpec() } } }),
    status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
  }),
)

conformance('[sig-apps] Job should manage the lifecycle of a job', () =>
  showLifeCycle(jobs, {
    object: () => ({ spec: jobSpec() }),
    async also(client, job) {
      const resumed = await client.update(jobs, { ...job, spec: { ...job.spec, suspend: false } })
      assert.equal(resumed.spec.suspend, false)
      const { items } = await client.list(jobs, { labelSelector: 'cycle=shown' })
      assert.equal(items.length, 3)
    },
  }),
)

conformance('[sig-apps] Job should apply changes to a job status', () =>
  showLifeCycle(jobs, {
    object: () => ({ spec: jobSpec() }),
    status: {
      conditions: [
        {
          type: 'Suspended',
          status: 'True',
          reason: 'Shown',
          lastProbeTime: '2026-01-01T00:00:00Z',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
  }),
)

const budget = () => ({ spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } } })

conformance('[sig-apps] DisruptionController should create a PodDisruptionBudget', () =>
  showLifeCycle(podDisruptionBudgets, {
    object: budget,
    async also(client, created) {
      const where = { name: created.metadata.name!, namespace }
      await client.update(podDisruptionBudgets, { ...created, spec: { ...created.spec, minAvailable: '2%' } })
      assert.equal((await client.get(podDisruptionBudgets, where)).spec?.minAvailable, '2%')
      const body = { spec: { minAvailable: 3 } }
      await client.patch(podDisruptionBudgets, where, { type: 'strategic', body })
      assert.equal((await client.get(podDisruptionBudgets, where)).spec?.minAvailable, 3)
    },
  }),
)

conformance('[sig-apps] DisruptionController should update/patch PodDisruptionBudget status', () =>
  showLifeCycle(podDisruptionBudgets, {
    object: budget,
    status: { disruptedPods: { 'a-pod': '2026-01-01T00:00:00Z' } },
  }),
)

conformance(
  '[sig-apps] DisruptionController Listing PodDisruptionBudgets for all namespaces should list and delete a collection of PodDisruptionBudgets',
  () =>
    withServer(async (client) => {
      const labels = { set: 'listed' }
      const other = 'other'
      await client.create(namespaces, { metadata: { name: other } })
      for (const [name, where] of [
        ['a', namespace],
        ['b', namespace],
        ['c', other],
      ] as const) {
        await client.create(podDisruptionBudgets, { metadata: { name, namespace: where, labels }, ...budget() })
      }
      const count = async (): Promise<number> =>
        (await client.list(podDisruptionBudgets, { labelSelector: 'set=listed' })).items.length
      assert.equal(await count(), 3)
      await client.deleteCollection(podDisruptionBudgets, { namespace, labelSelector: 'set=listed' })
      assert.equal(await count(), 1)
    }),
)
