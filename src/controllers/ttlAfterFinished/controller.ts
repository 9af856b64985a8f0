import { jobs } from '#api/batch/v1/job.ts'
import type { Controller } from '#client/controller.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { planExpiry } from './plan.ts'

/** Deletes jobs, with their pods, so many seconds after they ended as they say. */
export function ttlAfterFinishedController(context: ControllerContext): Controller {
  const { client, clock, informers, metrics } = context
  const copies = informers.of(jobs)
  return {
    name: 'ttl-after-finished-controller',
    queue: 'ttl_jobs_to_delete',
    permissions: [{ groups: ['batch'], resources: ['jobs'], verbs: ['delete', 'get', 'list', 'watch'] }],
    watch(on) {
      on(copies, (job) => (planExpiry(job, clock.now()).do === 'nothing' ? [] : [keyOf(job.metadata)]))
    },
    async reconcile(key, signal) {
      const copy = copies.get(key)
      if (copy === undefined || planExpiry(copy, clock.now()).do === 'nothing') return undefined
      // The copy may be old: somebody may have given the job more time.
      const job = await unlessGone(client.get(jobs, nameOfKey(key), { signal }))
      const plan = job === undefined ? undefined : planExpiry(job, clock.now())
      if (plan?.do === 'wait') return { after: plan.until - clock.now() }
      if (plan?.do !== 'delete') return undefined
      const { uid } = job!.metadata
      const preconditions = uid === undefined ? {} : { preconditions: { uid } }
      const deleted = await unlessGone(
        client.delete(jobs, job!.metadata, { propagationPolicy: 'Foreground', ...preconditions, signal }),
      )
      if (deleted !== undefined) metrics.finishedJobs.overdue.observe((clock.now() - plan.since) / 1_000)
      return undefined
    },
  }
}
