import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Taint, Toleration } from '#api/core/v1/scheduling.ts'
import { timeText } from '#machinery/time.ts'
import { leavesAt } from './plan.ts'

const now = Date.UTC(2026, 0, 1, 12)
const ago = (seconds: number): string => timeText(now - seconds * 1000)

function pod(tolerations: readonly Toleration[], came = 1000): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', creationTimestamp: ago(came) },
    spec: { containers: [], tolerations: [...tolerations] },
  }
}

const unreachable = (seconds?: number): Toleration => ({
  key: 'unreachable',
  operator: 'Exists',
  effect: 'NoExecute',
  ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
})
const taint = (key: string, seconds: number): Taint => ({ key, effect: 'NoExecute', timeAdded: ago(seconds) })

const rows: readonly { name: string; pod: Pod; taints: readonly Taint[]; leaves: number | undefined }[] = [
  { name: 'no taint', pod: pod([]), taints: [], leaves: undefined },
  { name: 'a taint of another effect', pod: pod([]), taints: [{ key: 'a', effect: 'NoSchedule' }], leaves: undefined },
  { name: 'not tolerated', pod: pod([]), taints: [taint('unreachable', 5)], leaves: now },
  { name: 'tolerated for ever', pod: pod([unreachable()]), taints: [taint('unreachable', 5)], leaves: undefined },
  {
    name: 'tolerated for a time',
    pod: pod([unreachable(300)]),
    taints: [taint('unreachable', 100)],
    leaves: now + 200_000,
  },
  { name: 'not at all', pod: pod([unreachable(0)]), taints: [taint('unreachable', 100)], leaves: now },
  {
    name: 'the first of several tolerations',
    pod: pod([unreachable(300), unreachable(60)]),
    taints: [taint('unreachable', 10)],
    leaves: now + 290_000,
  },
  {
    name: 'everything tolerated, before a toleration that ends',
    pod: pod([{ operator: 'Exists' }, unreachable(60)]),
    taints: [taint('unreachable', 100)],
    leaves: undefined,
  },
  {
    name: 'the time runs from when the pod came',
    pod: pod([unreachable(300)], 20),
    taints: [taint('unreachable', 100)],
    leaves: now + 280_000,
  },
  {
    name: 'every taint counts',
    pod: pod([unreachable(300), { key: 'b', operator: 'Exists', tolerationSeconds: 30 }]),
    taints: [taint('unreachable', 10), taint('b', 10)],
    leaves: now + 20_000,
  },
]

test('leaves: a taint that does not say since when counts from when it was seen', () => {
  const taints = [{ key: 'unreachable', effect: 'NoExecute' as const }]
  assert.deepEqual(
    [leavesAt(pod([unreachable(30)]), taints, now), leavesAt(pod([unreachable(30)]), taints, now, now - 20_000)],
    [now + 30_000, now + 10_000],
  )
})

for (const row of rows) test(`leaves: ${row.name}`, () => assert.equal(leavesAt(row.pod, row.taints, now), row.leaves))
