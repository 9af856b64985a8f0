import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { NodeCondition } from '#api/core/v1/nodeStatus.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import { timeText } from '#machinery/time.ts'
import { planHealth, planTaints } from './plan.ts'
import { evictionRate, stateOfZone } from './zones.ts'

const now = Date.UTC(2026, 0, 1, 12)
const time = timeText(now)

function node(conditions: readonly NodeCondition[], spec: Node['spec'] = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', creationTimestamp: timeText(now - 90_000) },
    spec,
    ...(conditions.length === 0 ? {} : { status: { conditions: [...conditions] } }),
  }
}

const condition = (type: string, status: NodeCondition['status']): NodeCondition => ({
  type,
  status,
  reason: 'r',
  message: 'm',
})
const healthy = ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => condition(type, 'False'))
const ready = (status: NodeCondition['status']): NodeCondition[] => [...healthy, condition('Ready', status)]
const unknown = (type: string): NodeCondition => ({
  type,
  status: 'Unknown',
  reason: 'NodeStatusUnknown',
  message: 'Kubelet stopped posting node status.',
  lastTransitionTime: time,
})
const never = (type: string): NodeCondition => ({
  type,
  status: 'Unknown',
  reason: 'NodeStatusNeverUpdated',
  message: 'Kubelet never posted node status.',
  lastHeartbeatTime: timeText(now - 90_000),
  lastTransitionTime: time,
})

const health: readonly { name: string; node: Node; ago: number; plan: unknown }[] = [
  { name: 'just heard of', node: node(ready('True')), ago: 0, plan: { silentAt: now + 50_000 } },
  { name: 'at the last moment', node: node(ready('True')), ago: 50_000, plan: { silentAt: now } },
  {
    name: 'silent for too long',
    node: node(ready('True')),
    ago: 50_001,
    plan: { silentAt: now - 1, conditions: [...healthy.map(({ type }) => unknown(type)), unknown('Ready')] },
  },
  {
    name: 'said so already',
    node: node([...healthy.map(({ type }) => unknown(type)), unknown('Ready')]),
    ago: 100_000,
    plan: { silentAt: now - 50_000 },
  },
  { name: 'never heard of, still starting', node: node([]), ago: 60_000, plan: { silentAt: now } },
  {
    name: 'never heard of for too long',
    node: node([]),
    ago: 61_000,
    plan: { silentAt: now - 1000, conditions: ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map(never) },
  },
]

for (const row of health) {
  test(`health: ${row.name}`, () => {
    assert.deepEqual(planHealth(row.node, { sign: '', at: now - row.ago }, 50_000, now), row.plan)
  })
}

const taint = (key: string, effect: Taint['effect'], timeAdded = time): Taint => ({
  key: `node.kubernetes.io/${key}`,
  effect,
  timeAdded,
})
const theirs: Taint = { key: 'dedicated', value: 'db', effect: 'NoSchedule' }

const taints: readonly { name: string; node: Node; mayEvict?: boolean; taints: readonly Taint[] | undefined }[] = [
  { name: 'a healthy node', node: node(ready('True')), taints: undefined },
  {
    name: 'the taint of a node that has just come stays until it is ready',
    node: node([], { taints: [taint('not-ready', 'NoSchedule')] }),
    taints: undefined,
  },
  { name: 'not ready: no new pods', node: node(ready('False')), taints: [taint('not-ready', 'NoSchedule')] },
  {
    name: 'not ready: pods are driven out when they may be',
    node: node(ready('False')),
    mayEvict: true,
    taints: [taint('not-ready', 'NoSchedule'), taint('not-ready', 'NoExecute')],
  },
  {
    name: 'silent, and taints of others stay',
    node: node(ready('Unknown'), { taints: [theirs] }),
    mayEvict: true,
    taints: [theirs, taint('unreachable', 'NoSchedule'), taint('unreachable', 'NoExecute')],
  },
  {
    name: 'from one to the other',
    node: node(ready('Unknown'), {
      taints: [taint('not-ready', 'NoSchedule', 'x'), taint('not-ready', 'NoExecute', 'x')],
    }),
    taints: [taint('unreachable', 'NoSchedule'), taint('unreachable', 'NoExecute')],
  },
  {
    name: 'what stands already keeps its time',
    node: node(ready('False'), {
      taints: [taint('not-ready', 'NoSchedule', 'x'), taint('not-ready', 'NoExecute', 'x')],
    }),
    taints: undefined,
  },
  {
    name: 'back again',
    node: node(ready('True'), {
      taints: [theirs, taint('unreachable', 'NoSchedule', 'x'), taint('unreachable', 'NoExecute', 'x')],
    }),
    taints: [theirs],
  },
  {
    name: 'pressure and a cordon',
    node: node([...ready('True').filter(({ type }) => type !== 'DiskPressure'), condition('DiskPressure', 'True')], {
      unschedulable: true,
    }),
    taints: [taint('disk-pressure', 'NoSchedule'), taint('unschedulable', 'NoSchedule')],
  },
  {
    name: 'a cordon that was taken back',
    node: node(ready('True'), { taints: [taint('unschedulable', 'NoSchedule', 'x')] }),
    taints: [],
  },
]

for (const row of taints) {
  test(`taints: ${row.name}`, () => {
    assert.deepEqual(planTaints(row.node, row.mayEvict ?? false, now), row.taints)
  })
}

const zone = (up: number, down: number): Node[] => [
  ...Array.from({ length: up }, () => node(ready('True'))),
  ...Array.from({ length: down }, () => node(ready('Unknown'))),
]

const zones: readonly {
  name: string
  nodes: readonly Node[]
  others?: readonly Node[]
  state: string
  rate: number
}[] = [
  { name: 'one of four', nodes: zone(3, 1), state: 'normal', rate: 0.1 },
  { name: 'two of three are too few to matter', nodes: zone(1, 2), state: 'normal', rate: 0.1 },
  { name: 'most of a small zone', nodes: zone(4, 5), state: 'partlyDisrupted', rate: 0 },
  { name: 'most of a large zone', nodes: zone(40, 60), state: 'partlyDisrupted', rate: 0.01 },
  { name: 'all of one zone', nodes: zone(0, 3), others: zone(3, 0), state: 'fullyDisrupted', rate: 0.1 },
  { name: 'all of all zones', nodes: zone(0, 3), others: zone(0, 3), state: 'fullyDisrupted', rate: 0 },
]

for (const row of zones) {
  test(`zones: ${row.name}`, () => {
    const all = new Map([
      ['a', row.nodes],
      ['b', row.others ?? row.nodes],
    ])
    assert.deepEqual([stateOfZone(row.nodes), evictionRate(row.nodes, all)], [row.state, row.rate])
  })
}
