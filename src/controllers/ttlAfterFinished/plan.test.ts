import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '#api/batch/v1/job.ts'
import { planExpiry } from './plan.ts'

const end = Date.UTC(2026, 0, 1, 12)
const ended = new Date(end).toISOString()

function job(ttlSecondsAfterFinished?: number, type?: string, deletionTimestamp?: string, time = ended): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
    spec: {
      template: { spec: { containers: [] } },
      ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }),
    },
    status: type === undefined ? {} : { conditions: [{ type, status: 'True', lastTransitionTime: time }] },
  }
}

const rows: readonly [string, Job, number, unknown][] = [
  ['it has not ended', job(40), end, { do: 'nothing' }],
  ['its end is certain and has not come', job(40, 'SuccessCriteriaMet'), end, { do: 'nothing' }],
  ['it may stay', job(undefined, 'Complete'), end, { do: 'nothing' }],
  ['it is being deleted', job(0, 'Complete', ended), end, { do: 'nothing' }],
  ['it stays for a while', job(40, 'Complete'), end + 39_999, { do: 'wait', until: end + 40_000 }],
  ['its time is over', job(40, 'Complete'), end + 40_000, { do: 'delete', since: end + 40_000 }],
  ['a failed one', job(40, 'Failed'), end + 40_000, { do: 'delete', since: end + 40_000 }],
  ['at once', job(0, 'Failed'), end, { do: 'delete', since: end }],
  ['clocks differ', job(40, 'Failed'), end - 60_000, { do: 'wait', until: end + 40_000 }],
]
for (const [name, given, now, plan] of rows) {
  test(name, () => assert.deepEqual(planExpiry(given, now), plan))
}
