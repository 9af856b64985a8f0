import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { NodeCondition } from '#api/core/v1/nodeStatus.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import { timeText } from '#machinery/time.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { planHealth, planLabels, planTaints, signOfLife, type Driving } from './plan.ts'
import { areAllDown, EvictionPace, evictionRate, stateOfZone, zoneOf } from './zones.ts'

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
  {
    name: 'what readiness said already is not said again for the others',
    node: node([condition('MemoryPressure', 'False'), unknown('Ready')]),
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

const taints: readonly { name: string; node: Node; driving?: Driving; taints: readonly Taint[] | undefined }[] = [
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
    driving: 'allowed',
    taints: [taint('not-ready', 'NoSchedule'), taint('not-ready', 'NoExecute')],
  },
  {
    name: 'silent, and taints of others stay',
    node: node(ready('Unknown'), { taints: [theirs] }),
    driving: 'allowed',
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
    name: 'in the order of the conditions',
    node: node([condition('Ready', 'False'), condition('PIDPressure', 'True'), condition('DiskPressure', 'True')]),
    taints: [
      taint('not-ready', 'NoSchedule'),
      taint('pid-pressure', 'NoSchedule'),
      taint('disk-pressure', 'NoSchedule'),
    ],
  },
  {
    name: 'no pods are driven out while all nodes are down',
    node: node(ready('Unknown'), {
      taints: [taint('unreachable', 'NoSchedule', 'x'), taint('unreachable', 'NoExecute', 'x')],
    }),
    driving: 'lifted',
    taints: [taint('unreachable', 'NoSchedule', 'x')],
  },
  {
    name: 'a cordon that was taken back',
    node: node(ready('True'), { taints: [taint('unschedulable', 'NoSchedule', 'x')] }),
    taints: [],
  },
]

for (const row of taints) {
  test(`taints: ${row.name}`, () => {
    assert.deepEqual(planTaints(row.node, row.driving ?? 'asBefore', now), row.taints)
  })
}

const zone = (ready: number, unready: number) => ({ ready, unready })

const zones: readonly {
  name: string
  zone: { ready: number; unready: number }
  state: string
  rate: number
}[] = [
  { name: 'one of four', zone: zone(3, 1), state: 'normal', rate: 0.1 },
  { name: 'two of three are too few to matter', zone: zone(1, 2), state: 'normal', rate: 0.1 },
  { name: 'most of a small zone', zone: zone(4, 5), state: 'partlyDisrupted', rate: 0 },
  { name: 'most of a large zone', zone: zone(40, 60), state: 'partlyDisrupted', rate: 0.01 },
  { name: 'all of one zone', zone: zone(0, 3), state: 'fullyDisrupted', rate: 0.1 },
]

for (const row of zones) {
  test(`zones: ${row.name}`, () => {
    assert.deepEqual([stateOfZone(row.zone), evictionRate(row.zone)], [row.state, row.rate])
  })
}

test('zones: all are down when each is, and there is one', () => {
  const rows = [[], [zone(0, 1)], [zone(0, 3), zone(0, 1)], [zone(0, 3), zone(1, 9)]]
  assert.deepEqual(rows.map(areAllDown), [false, true, true, false])
})

test('zones: the labels of before win', () => {
  const labelled = (labels: Record<string, string>): string => zoneOf({ ...node([]), metadata: { name: 'n', labels } })
  const beta = { 'failure-domain.beta.kubernetes.io/zone': 'b', 'failure-domain.beta.kubernetes.io/region': 'r' }
  assert.deepEqual(
    [
      labelled({}),
      labelled({ 'topology.kubernetes.io/zone': 'a' }),
      labelled({ 'topology.kubernetes.io/zone': 'a', ...beta }),
    ],
    ['', ':\u0000:a', 'r:\u0000:b'],
  )
})

test('zones: nodes are driven empty one after another, and what was used up stays so when the pace changes', async () => {
  const clock = new SimulatedClock()
  const pace = new EvictionPace(clock)
  const called = (name: string, status: NodeCondition['status'], labels: Record<string, string> = {}): Node => ({
    ...node(ready(status)),
    metadata: { name, labels },
  })
  const down = called('a', 'Unknown')
  pace.see(down)
  pace.see(called('x', 'True', { 'node.kubernetes.io/exclude-disruption': '' }))
  assert.deepEqual([pace.areAllDown, pace.tryTake(down)], [true, false])
  pace.see(called('b', 'True'))
  assert.deepEqual([pace.areAllDown, pace.tryTake(down)], [false, false])
  await clock.advance(10_000)
  assert.deepEqual([pace.tryTake(down), pace.tryTake(down)], [true, false])
  pace.forget('b')
  assert.equal(pace.areAllDown, true)
})

test('a sign of life is a renewed lease or the heartbeat of readiness, and nothing else', () => {
  const beat = (type: string, lastHeartbeatTime: string): NodeCondition => ({
    ...condition(type, 'True'),
    lastHeartbeatTime,
  })
  const of = (conditions: NodeCondition[], renewTime = '1'): string => signOfLife(node(conditions), renewTime)
  const first = of([beat('Ready', 'a'), beat('NetworkUnavailable', 'a')])
  assert.equal(of([beat('Ready', 'a'), beat('NetworkUnavailable', 'b')]), first)
  assert.notEqual(of([beat('Ready', 'b')]), first)
  assert.notEqual(of([beat('Ready', 'a')], '2'), first)
  assert.notEqual(of([]), first)
})

const labels: readonly { name: string; labels: Record<string, string>; changed: object | undefined }[] = [
  { name: 'none', labels: {}, changed: undefined },
  { name: 'missing', labels: { 'kubernetes.io/os': 'linux' }, changed: { 'beta.kubernetes.io/os': 'linux' } },
  {
    name: 'another value',
    labels: { 'kubernetes.io/arch': 'arm64', 'beta.kubernetes.io/arch': 'amd64' },
    changed: { 'beta.kubernetes.io/arch': 'arm64' },
  },
  { name: 'only those of before', labels: { 'beta.kubernetes.io/os': 'linux' }, changed: undefined },
  { name: 'the same', labels: { 'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'linux' }, changed: undefined },
]

for (const row of labels) {
  test(`labels of before: ${row.name}`, () => {
    assert.deepEqual(planLabels({ ...node([]), metadata: { name: 'n', labels: row.labels } }), row.changed)
  })
}
