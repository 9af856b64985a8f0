/** A CronJob over a week: one night its container fails once, one night it takes too long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cronJobs } from 'k8ts/api/batch/v1/cronJob'
import { jobs } from 'k8ts/api/batch/v1/job'
import { cluster } from 'k8ts/testing'

const report = `
apiVersion: batch/v1
kind: CronJob
metadata: { name: report }
spec:
  schedule: '0 3 * * *'
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  successfulJobsHistoryLimit: 10
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 3600
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: report, image: 'example.com/report:3' }]
`

test('a report is made every night, whatever happens in one of them', async () => {
  let failing: string | undefined
  await using it = await cluster({
    // A Monday; on the last Sunday of March, Berlin puts its clocks forward.
    start: '2026-03-23T12:00:00Z',
    nodes: 1,
    behaviours: {
      // Asked at every look at a run: the same run always gets the same answer.
      report: (pod) => {
        const night = new Date(pod.metadata.creationTimestamp!).getUTCDay()
        if (night === 3) failing ??= pod.metadata.name
        if (pod.metadata.name === failing) return { exitAfter: '1m', exitCode: 1 }
        return { exitAfter: night === 5 ? '2h' : '10m' }
      },
    },
  })
  await it.apply(report)
  await it.advance('7d')

  const { items } = await it.client.list(jobs, { namespace: 'default' })
  const nights = items
    .map(({ status }) => ({
      began: status?.startTime?.slice(5, 16),
      outcome: status?.conditions?.find(({ status: is }) => is === 'True' && true)?.reason,
      failed: status?.failed ?? 0,
    }))
    .toSorted((a, b) => a.began!.localeCompare(b.began!))
  assert.deepEqual(
    nights.map(({ began }) => began),
    // From winter to summer time: three o'clock in Berlin is one hour earlier in UTC.
    ['03-24T02:00', '03-25T02:00', '03-26T02:00', '03-27T02:00', '03-28T02:00', '03-29T01:00', '03-30T01:00'],
  )
  assert.deepEqual(
    nights.map(({ failed: count }) => count),
    [0, 1, 0, 1, 0, 0, 0],
  )
  assert.equal(nights[3]!.outcome, 'DeadlineExceeded')
  const { status } = await it.client.get(cronJobs, { name: 'report', namespace: 'default' })
  assert.equal(status?.lastSuccessfulTime?.slice(5, 16), '03-30T01:10')
})
