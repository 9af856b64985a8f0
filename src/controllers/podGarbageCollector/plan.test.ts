import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { timeText } from '#machinery/time.ts'
import { planOrphans, planRemovals } from './plan.ts'

const now = Date.UTC(2026, 0, 1, 12)
const dead: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'dead' },
  spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
  status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
}
const alive: Node = { ...dead, metadata: { name: 'alive' }, spec: {} }
const nodeOf = (name: string): Node | undefined => [dead, alive].find(({ metadata }) => metadata.name === name)

function pod(
  name: string,
  node: string,
  shape: { ending?: boolean; phase?: 'Succeeded' | 'Failed' | 'Running'; age?: number; reason?: string } = {},
): Pod {
  const { ending = false, phase = 'Running', age = 0, reason } = shape
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, creationTimestamp: timeText(now - age * 1000), ...(ending ? { deletionTimestamp: 'x' } : {}) },
    spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
    status: { phase, ...(reason === undefined ? {} : { reason }) },
  }
}

const rows: readonly {
  name: string
  pods: readonly Pod[]
  before?: ReadonlyMap<string, number>
  threshold?: number
  plan: { remove?: readonly string[]; missing?: readonly [string, number][]; suspects?: readonly string[] }
}[] = [
  { name: 'all well', pods: [pod('a', 'alive'), pod('b', '')], plan: {} },
  {
    name: 'never placed and being deleted',
    pods: [pod('a', '', { ending: true })],
    plan: { remove: ['a unscheduled'] },
  },
  { name: 'a node that is missing is noted', pods: [pod('a', 'lost')], plan: { missing: [['lost', now]] } },
  {
    name: 'and stays so for a while',
    pods: [pod('a', 'lost')],
    before: new Map([['lost', now - 39_000]]),
    plan: { missing: [['lost', now - 39_000]] },
  },
  {
    name: 'then it is asked for',
    pods: [pod('a', 'lost')],
    before: new Map([['lost', now - 40_000]]),
    plan: { missing: [['lost', now - 40_000]], suspects: ['lost'] },
  },
  { name: 'a node that is back is forgotten', pods: [pod('a', 'alive')], before: new Map([['alive', 0]]), plan: {} },
  {
    name: 'a node that was declared dead',
    pods: [pod('a', 'dead', { ending: true }), pod('b', 'dead')],
    plan: { remove: ['a out-of-service'] },
  },
  {
    name: 'the oldest of too many finished pods',
    pods: [
      pod('new', 'alive', { phase: 'Failed', age: 1 }),
      pod('old', 'alive', { phase: 'Succeeded', age: 9 }),
      pod('run', 'alive', { age: 99 }),
    ],
    threshold: 1,
    plan: { remove: ['old terminated'] },
  },
  {
    name: 'those that were evicted before older ones',
    pods: [
      pod('evicted', 'alive', { phase: 'Failed', age: 1, reason: 'Evicted' }),
      pod('old', 'alive', { phase: 'Failed', age: 9 }),
    ],
    threshold: 1,
    plan: { remove: ['evicted terminated'] },
  },
]

for (const row of rows) {
  test(`pods to remove: ${row.name}`, () => {
    const plan = planRemovals(row.pods, nodeOf, row.before ?? new Map(), row.threshold ?? 100, now)
    assert.deepEqual(
      {
        remove: plan.remove.map(({ pod: { metadata }, reason }) => `${metadata.name} ${reason}`),
        missing: [...plan.missing],
        suspects: [...plan.suspects],
      },
      { remove: row.plan.remove ?? [], missing: row.plan.missing ?? [], suspects: row.plan.suspects ?? [] },
    )
  })
}

test('the pods of a lost node say why they ended', () => {
  const lost = pod('a', 'lost')
  const cause = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }
  assert.deepEqual(planOrphans([lost, pod('b', 'alive')], 'lost'), [{ pod: lost, reason: 'orphaned', cause }])
})
