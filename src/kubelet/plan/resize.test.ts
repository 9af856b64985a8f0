import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, ResourceRequirements } from '#api/core/v1/container.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import type { ObservedContainer, ObservedPod } from '../runtime/containerRuntime.ts'
import { planPod } from './planPod.ts'
import { freshMemory, type PodMemory } from './podMemory.ts'
import { hashOfContainer } from './podView.ts'
import { asAllocated, compareResizes, decideResize, knownAllocation, type PendingResize } from './resize.ts'

const now = Date.UTC(2026, 0, 1, 12)
const text = '2026-01-01T12:00:00Z'
const both = (cpu: string, memory: string): ResourceRequirements => ({
  limits: { cpu, memory },
  requests: { cpu, memory },
})
const small = both('100m', '64Mi')
const large = both('200m', '64Mi')

function podOf(resources: ResourceRequirements, parts: Partial<Container> = {}, status: PodStatus = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u', generation: 2 },
    spec: { containers: [{ name: 'c', image: 'i', resources, ...parts }] },
    status,
  }
}

const run: ObservedContainer = {
  id: 'c0',
  name: 'c',
  sandboxId: 's0',
  attempt: 0,
  hash: hashOfContainer({ name: 'c', image: 'i' }),
  state: 'running',
  createdAt: now - 9000,
  startedAt: now - 9000,
  image: 'i',
  imageRef: 'sha256:1',
}
const observedOf = (parts: Partial<ObservedContainer> = {}): ObservedPod => ({
  sandboxes: [{ id: 's0', attempt: 0, ready: true, createdAt: now - 9000, ips: ['10.1.0.2'] }],
  containers: [{ ...run, ...parts }],
})
const memoryOf = (parts: Partial<PodMemory> = {}): PodMemory => ({
  ...freshMemory({ addresses: ['10.0.0.1'], runtimeScheme: 'containerd' }),
  volumesMounted: true,
  resources: new Map([['c0', small]]),
  ...parts,
})
const inProgress = { type: 'PodResizeInProgress', status: 'True' as const }
const restarting: Partial<Container> = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }

const plans: readonly [string, Pod, ObservedPod, PodMemory, object[], string[]][] = [
  ['nothing to do', podOf(small), observedOf(), memoryOf(), [], []],
  [
    'what was agreed on is made true',
    podOf(large),
    observedOf(),
    memoryOf(),
    [{ do: 'resize', runs: [{ id: 'c0', name: 'c' }] }],
    ['PodResizeInProgress'],
  ],
  [
    'an earlier agent told what is in force',
    podOf(large, {}, { containerStatuses: [statusOf({ resources: small, containerID: 'containerd://c0' })] }),
    observedOf(),
    memoryOf({ resources: new Map() }),
    [{ do: 'resize', runs: [{ id: 'c0', name: 'c' }] }],
    ['PodResizeInProgress'],
  ],
  [
    'a container that must begin anew is stopped, and its pod gets room',
    podOf(large, restarting),
    observedOf(),
    memoryOf(),
    [
      { do: 'stopContainer', id: 'c0', name: 'c', graceSeconds: 30, why: 'Container c resize requires restart' },
      { do: 'resize', runs: [] },
    ],
    ['PodResizeInProgress'],
  ],
  [
    'while it is stopping nothing is done twice',
    podOf(large, restarting),
    observedOf(),
    memoryOf({ stopping: new Map([['c0', now]]), stopped: new Set(['c0']) }),
    [],
    ['PodResizeInProgress'],
  ],
  [
    'it has ended and is not started yet',
    podOf(large, restarting, { conditions: [inProgress] }),
    observedOf({ state: 'exited', exitCode: 0, finishedAt: now }),
    memoryOf({ stopped: new Set(['c0']) }),
    [{ do: 'pullImage', container: 'c' }],
    ['PodResizeInProgress'],
  ],
  [
    'only memory asks for a new beginning',
    podOf(large, { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }),
    observedOf(),
    memoryOf(),
    [{ do: 'resize', runs: [{ id: 'c0', name: 'c' }] }],
    ['PodResizeInProgress'],
  ],
  [
    'what came true is told',
    podOf(large, {}, { conditions: [inProgress] }),
    observedOf(),
    memoryOf({ resources: new Map([['c0', large]]) }),
    [
      {
        do: 'recordEvent',
        type: 'Normal',
        reason: 'ResizeCompleted',
        message:
          'Pod resize completed: {"containers":[{"name":"c","resources":{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"200m","memory":"64Mi"}}}]}',
      },
    ],
    [],
  ],
  [
    'a failure waits before it is tried again',
    podOf(large),
    observedOf(),
    memoryOf({ resize: { error: { message: 'no', retryAt: now + 1 } } }),
    [],
    ['PodResizeInProgress Error: no'],
  ],
  [
    'what cannot be given is told beside',
    podOf(small),
    observedOf(),
    memoryOf({ resize: { pending: { reason: 'Deferred', message: 'later', generation: 2 } } }),
    [],
    ['PodResizePending Deferred: later'],
  ],
]

function statusOf(parts: object) {
  return { name: 'c', ready: true, restartCount: 0, image: 'i', imageID: 'i', state: { running: {} }, ...parts }
}

for (const [name, pod, observed, memory, actions, conditions] of plans) {
  test(`resize: ${name}`, () => {
    const plan = planPod(pod, observed, now, memory)
    assert.deepEqual(plan.actions, actions)
    const told = (plan.status.conditions ?? []).filter(({ type }) => type.startsWith('PodResize'))
    assert.deepEqual(
      told.map(({ type, reason, message }) =>
        [type, ...(reason === undefined ? [] : [`${reason}: ${message}`])].join(' '),
      ),
      conditions,
    )
  })
}

test('a status tells what was agreed on and what is in force', () => {
  const { status } = planPod(podOf(large), observedOf(), now, memoryOf())
  const { allocatedResources, resources } = status.containerStatuses![0]!
  assert.deepEqual({ allocatedResources, resources }, { allocatedResources: large.requests, resources: small })
})

test('the condition of a resize keeps its time while its reason does', () => {
  const before = { ...inProgress, observedGeneration: 1, lastProbeTime: 'a', lastTransitionTime: 'b' }
  const { status } = planPod(podOf(large, {}, { conditions: [before] }), observedOf(), now, memoryOf())
  assert.deepEqual(status.conditions![0], { ...before, observedGeneration: 2, lastProbeTime: text })
})

const known: readonly [string, object | undefined, ResourceRequirements][] = [
  ['nothing is known of a fresh pod', undefined, large],
  ['nothing is told before the first start', {}, large],
  ['what an earlier agent agreed to', { resources: small, allocatedResources: small.requests }, small],
  [
    'limits in force, requests agreed on',
    { resources: small, allocatedResources: large.requests },
    { ...small, requests: large.requests! },
  ],
]
for (const [name, parts, expected] of known) {
  test(`allocation: ${name}`, () => {
    const pod = podOf(large, {}, parts === undefined ? {} : { containerStatuses: [statusOf(parts)] })
    assert.deepEqual(knownAllocation(pod).get('c'), expected)
  })
}

test('a pod runs with what it was given, and with the rest of its spec', () => {
  const pod = podOf({ ...large, limits: { ...large.limits, 'ephemeral-storage': '1Gi' } })
  const given = asAllocated(pod, new Map([['c', small]]))
  assert.deepEqual(given.spec.containers[0]!.resources, small)
  assert.equal(asAllocated(pod, new Map([['c', both('0.2', '65536Ki')]])), pod)
})

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n' },
  spec: {},
  status: { allocatable: { cpu: '1', memory: '128Mi', pods: '10' } },
}
const other: Pod = { ...podOf(both('900m', '1Mi')), metadata: { name: 'o', uid: 'o' } }
const decisions: readonly [string, Pod, readonly Pod[], PendingResize | undefined][] = [
  ['there is room', podOf(large), [], undefined],
  [
    'others have it',
    podOf(large),
    [other],
    {
      reason: 'Deferred',
      message: "Node didn't have enough resource: cpu, requested: 200, used: 900, capacity: 1000",
      generation: 2,
    },
  ],
  ['what it has itself is no hindrance', podOf(both('1', '64Mi')), [podOf(small)], undefined],
  [
    'no such node',
    podOf(both('1', '129Mi')),
    [],
    {
      reason: 'Infeasible',
      message: "Node didn't have enough capacity: memory, requested: 135266304, capacity: 134217728",
      generation: 2,
    },
  ],
  [
    'no such processors',
    podOf(both('2', '64Mi')),
    [],
    {
      reason: 'Infeasible',
      message: "Node didn't have enough capacity: cpu, requested: 2000, capacity: 1000",
      generation: 2,
    },
  ],
]
for (const [name, pod, others, expected] of decisions) {
  test(`resize decision: ${name}`, () => assert.deepEqual(decideResize(pod, others, node), expected))
}

test('what gives back goes first, then what is important', () => {
  const important = podOf(large)
  important.spec.priority = 5
  const resizes = [
    { pod: podOf({ requests: { cpu: '200m' } }), allocated: podOf({ requests: { cpu: '100m' } }) },
    { pod: podOf(large), allocated: podOf(small) },
    { pod: important, allocated: podOf(small) },
    { pod: podOf(small), allocated: podOf(large) },
  ]
  assert.deepEqual(resizes.toSorted(compareResizes), resizes.toReversed())
})
