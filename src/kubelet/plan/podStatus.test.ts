import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodCondition, PodStatus } from '#api/core/v1/podStatus.ts'
import type { ObservedContainer, ObservedSandbox } from '../runtime/containerRuntime.ts'
import { freshMemory, type PodMemory } from './podMemory.ts'
import { computePodStatus, type ComputedStatus } from './podStatus.ts'
import { hashOfContainer } from './podView.ts'
import { backoffKey } from './restarts.ts'

const now = Date.UTC(2026, 0, 1, 12)
const memoryOf = (parts: Partial<PodMemory> = {}): PodMemory => ({
  ...freshMemory({ addresses: ['10.0.0.1'], runtimeScheme: 'containerd' }),
  volumesMounted: true,
  ...parts,
})
const sandbox: ObservedSandbox = { id: 's0', attempt: 0, ready: true, createdAt: now, ips: ['10.1.0.2'] }
const podOf = (
  spec: Partial<Pod['spec']> = {},
  status: PodStatus = {},
  metadata: Partial<Pod['metadata']> = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', generation: 1, ...metadata },
  spec: { containers: [{ name: 'c', image: 'busybox' }], ...spec },
  status,
})
const runOf = (parts: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: `${parts.name ?? 'c'}${parts.attempt ?? 0}`,
  name: 'c',
  sandboxId: 's0',
  attempt: 0,
  hash: hashOfContainer({ name: parts.name ?? 'c', image: 'busybox' }),
  state: 'running',
  createdAt: now - 9000 + (parts.attempt ?? 0),
  startedAt: now - 8000,
  image: 'docker.io/library/busybox:latest',
  imageRef: 'sha256:1',
  ...parts,
})
const exitedRun = (exitCode: number, parts: Partial<ObservedContainer> = {}): ObservedContainer =>
  runOf({ state: 'exited', exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', finishedAt: now - 7000, ...parts })

const terminated = (exitCode: number, id: string) => ({
  terminated: {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: '2026-01-01T11:59:52Z',
    finishedAt: '2026-01-01T11:59:53Z',
    containerID: `containerd://${id}`,
  },
})
/** The conditions in short: `Ready=False ContainersNotReady: message`. */
const brief = (conditions: readonly PodCondition[] = []): string[] =>
  conditions.map(
    ({ type, status, reason, message }) =>
      `${type}=${status}${reason === undefined ? '' : ` ${reason}`}${message === undefined ? '' : `: ${message}`}`,
  )
const briefState = ({ state, lastState, ready, started, restartCount }: ContainerStatus) => ({
  state,
  lastState,
  ready,
  started,
  restartCount,
})

test('a running pod has the whole status', () => {
  const { status, isEnding } = computePodStatus(
    podOf(),
    { sandboxes: [sandbox], containers: [runOf()] },
    now,
    memoryOf(),
  )
  const condition = (type: string): PodCondition => ({
    type,
    observedGeneration: 1,
    status: 'True',
    lastTransitionTime: '2026-01-01T12:00:00Z',
  })
  assert.equal(isEnding, false)
  assert.deepEqual(status, {
    observedGeneration: 1,
    phase: 'Running',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    podIP: '10.1.0.2',
    podIPs: [{ ip: '10.1.0.2' }],
    startTime: '2026-01-01T12:00:00Z',
    containerStatuses: [
      {
        name: 'c',
        state: { running: { startedAt: '2026-01-01T11:59:52Z' } },
        lastState: {},
        ready: true,
        restartCount: 0,
        image: 'docker.io/library/busybox:latest',
        imageID: 'sha256:1',
        containerID: 'containerd://c0',
        started: true,
        resources: {},
      },
    ],
    qosClass: 'BestEffort',
  })
})

const unready = 'ContainersNotReady: containers with unready status: [c]'
const waits = (reason: string, message?: string) => ({
  waiting: { reason, ...(message === undefined ? {} : { message }) },
})
const blank = { lastState: {}, ready: false, started: false, restartCount: 0 }

interface Row {
  readonly name: string
  readonly pod?: Pod
  readonly sandboxes?: readonly ObservedSandbox[]
  readonly runs?: readonly ObservedContainer[]
  readonly memory?: PodMemory
  readonly phase: string
  readonly conditions?: readonly string[]
  readonly main?: readonly object[]
  readonly init?: readonly object[]
  readonly isEnding?: boolean
}

const rows: readonly Row[] = [
  {
    name: 'nothing started yet',
    sandboxes: [],
    phase: 'Pending',
    conditions: [
      'PodReadyToStartContainers=False',
      'Initialized=True',
      `Ready=False ${unready}`,
      `ContainersReady=False ${unready}`,
      'PodScheduled=True',
    ],
    main: [{ ...blank, state: waits('ContainerCreating') }],
  },
  {
    name: 'an init container comes first',
    pod: podOf({ initContainers: [{ name: 'i', image: 'busybox' }] }),
    runs: [runOf({ name: 'i' })],
    phase: 'Pending',
    conditions: [
      'PodReadyToStartContainers=True',
      'Initialized=False ContainersNotInitialized: containers with incomplete status: [i]',
      `Ready=False ${unready}`,
      `ContainersReady=False ${unready}`,
      'PodScheduled=True',
    ],
    init: [{ ...blank, started: true, state: { running: { startedAt: '2026-01-01T11:59:52Z' } } }],
    main: [{ ...blank, state: waits('PodInitializing') }],
  },
  {
    name: 'an init container failed for good',
    pod: podOf({ restartPolicy: 'Never', initContainers: [{ name: 'i', image: 'busybox' }] }),
    runs: [exitedRun(2, { name: 'i' })],
    phase: 'Failed',
    isEnding: true,
    conditions: [
      'PodReadyToStartContainers=True',
      'Initialized=False ContainersNotInitialized: containers with incomplete status: [i]',
      'Ready=False PodFailed',
      'ContainersReady=False PodFailed',
      'PodScheduled=True',
    ],
    init: [{ ...blank, state: terminated(2, 'i0') }],
  },
  {
    name: 'all succeeded',
    pod: podOf({ restartPolicy: 'OnFailure' }),
    runs: [exitedRun(0)],
    phase: 'Succeeded',
    isEnding: true,
    conditions: [
      'PodReadyToStartContainers=True',
      'Initialized=True PodCompleted',
      'Ready=False PodCompleted',
      'ContainersReady=False PodCompleted',
      'PodScheduled=True',
    ],
    main: [{ ...blank, state: terminated(0, 'c0') }],
  },
  {
    name: 'one of two ended under Never',
    pod: podOf({
      restartPolicy: 'Never',
      containers: [
        { name: 'a', image: 'busybox' },
        { name: 'c', image: 'busybox' },
      ],
    }),
    runs: [runOf({ name: 'a' }), exitedRun(0)],
    phase: 'Running',
    conditions: [
      'PodReadyToStartContainers=True',
      'Initialized=True',
      `Ready=False ${unready}`,
      `ContainersReady=False ${unready}`,
      'PodScheduled=True',
    ],
  },
  {
    name: 'how a container ended is shown first',
    runs: [exitedRun(1, { finishedAt: now - 7000 })],
    phase: 'Running',
    main: [{ ...blank, state: terminated(1, 'c0') }],
  },
  {
    name: 'then its back-off, with its end as the last state',
    runs: [exitedRun(1, { attempt: 2 }), exitedRun(1, { attempt: 1 })],
    memory: memoryOf({
      backoffs: new Map([
        [backoffKey('c', hashOfContainer({ name: 'c', image: 'busybox' })), { delay: 10_000, raisedAt: now - 9000 }],
      ]),
    }),
    phase: 'Running',
    main: [
      {
        ...blank,
        restartCount: 2,
        state: waits('CrashLoopBackOff', 'back-off 10s restarting failed container=c pod=p_ns(u)'),
        lastState: terminated(1, 'c2'),
      },
    ],
  },
  {
    name: 'an image that cannot be pulled',
    memory: memoryOf({
      failures: new Map([
        ['c', { reason: 'ImagePullBackOff', message: 'Back-off pulling image "busybox"', retryAt: now }],
      ]),
    }),
    phase: 'Pending',
    main: [{ ...blank, state: waits('ImagePullBackOff', 'Back-off pulling image "busybox"') }],
  },
  {
    name: 'a restarted container keeps the end of the run before',
    runs: [runOf({ attempt: 1 }), exitedRun(1)],
    phase: 'Running',
    main: [
      {
        state: { running: { startedAt: '2026-01-01T11:59:52Z' } },
        lastState: terminated(1, 'c0'),
        ready: true,
        started: true,
        restartCount: 1,
      },
    ],
  },
  {
    name: 'a startup probe keeps a container from being started',
    pod: podOf({ containers: [{ name: 'c', image: 'busybox', startupProbe: {} }] }),
    runs: [runOf()],
    phase: 'Running',
    main: [{ ...blank, state: { running: { startedAt: '2026-01-01T11:59:52Z' } } }],
  },
  {
    name: 'a readiness gate that nobody set',
    pod: podOf({ readinessGates: [{ conditionType: 'x' }] }),
    runs: [runOf()],
    phase: 'Running',
    conditions: [
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=False ReadinessGatesNotReady: corresponding condition of pod readiness gate "x" does not exist.',
      'ContainersReady=True',
      'PodScheduled=True',
    ],
  },
  {
    name: 'the conditions of others stay',
    pod: podOf({ readinessGates: [{ conditionType: 'x' }] }, { conditions: [{ type: 'x', status: 'True' }] }),
    runs: [runOf()],
    phase: 'Running',
    conditions: [
      'x=True',
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=True',
      'ContainersReady=True',
      'PodScheduled=True',
    ],
  },
  {
    name: 'a deleted pod of which nothing runs any more has lost its sandbox, which goes next',
    pod: podOf({}, { phase: 'Running' }, { deletionTimestamp: '2026-01-01T12:00:00Z' }),
    runs: [exitedRun(0)],
    phase: 'Succeeded',
    conditions: [
      'PodReadyToStartContainers=False',
      'Initialized=True PodCompleted',
      'Ready=False PodCompleted',
      'ContainersReady=False PodCompleted',
      'PodScheduled=True',
    ],
    isEnding: true,
  },
  {
    name: 'a deadline is told once nothing runs',
    pod: podOf({ activeDeadlineSeconds: 5 }, { phase: 'Running', startTime: '2026-01-01T11:59:55Z' }),
    runs: [runOf()],
    phase: 'Running',
    isEnding: true,
  },
  {
    name: 'a container that the runtime lost',
    pod: podOf(
      {},
      {
        containerStatuses: [
          { name: 'c', ready: true, restartCount: 0, image: 'busybox', imageID: '', state: { running: {} } },
        ],
      },
    ),
    sandboxes: [],
    phase: 'Running',
    main: [
      {
        ...blank,
        state: waits('ContainerCreating'),
        restartCount: 1,
        lastState: {
          terminated: {
            exitCode: 137,
            reason: 'ContainerStatusUnknown',
            message: 'The container could not be located when the pod was deleted.  The container used to be Running',
          },
        },
      },
    ],
  },
]

for (const row of rows) {
  test(`computePodStatus: ${row.name}`, () => {
    const observed = { sandboxes: row.sandboxes ?? [sandbox], containers: row.runs ?? [] }
    const { status, isEnding } = computePodStatus(row.pod ?? podOf(), observed, now, row.memory ?? memoryOf())
    assert.equal(status.phase, row.phase)
    assert.equal(isEnding, row.isEnding ?? false)
    if (row.conditions !== undefined) assert.deepEqual(brief(status.conditions), row.conditions)
    if (row.main !== undefined) assert.deepEqual(status.containerStatuses?.map(briefState), row.main)
    if (row.init !== undefined) assert.deepEqual(status.initContainerStatuses?.map(briefState), row.init)
  })
}

test('computePodStatus: a refused pod has no containers and no addresses', () => {
  const rejection = { reason: 'NodePorts', message: 'Pod was rejected: …' }
  const { status } = computePodStatus(
    podOf({}, { conditions: [{ type: 'PodScheduled', status: 'True' }], startTime: '2026-01-01T11:00:00Z' }),
    { sandboxes: [], containers: [] },
    now,
    memoryOf({ rejection }),
  )
  assert.deepEqual(status, {
    observedGeneration: 1,
    phase: 'Failed',
    ...rejection,
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    startTime: '2026-01-01T11:00:00Z',
    qosClass: 'BestEffort',
  })
})

test('computePodStatus: a pod that left for the sake of the node tells so once nothing of it runs, and from then on', () => {
  const eviction = { reason: 'Evicted', message: 'm', graceSeconds: 1, isDisruption: true }
  const disruptionOf = ({ status }: ComputedStatus) =>
    status.conditions?.filter(({ type }) => type === 'DisruptionTarget')
  const running = computePodStatus(
    podOf(),
    { sandboxes: [sandbox], containers: [runOf()] },
    now,
    memoryOf({ eviction }),
  )
  assert.deepEqual([running.status.phase, disruptionOf(running)], ['Running', []])
  const over = computePodStatus(podOf(), { sandboxes: [], containers: [] }, now, memoryOf({ eviction }))
  const told = {
    type: 'DisruptionTarget',
    observedGeneration: 1,
    status: 'True',
    reason: 'TerminationByKubelet',
    message: 'm',
    lastTransitionTime: '2026-01-01T12:00:00Z',
  }
  assert.deepEqual([over.status.phase, disruptionOf(over)], ['Failed', [told]])
  // An agent that starts anew does not know why.
  const after = computePodStatus(podOf({}, over.status), { sandboxes: [], containers: [] }, now + 60_000, memoryOf())
  assert.deepEqual([after.status.reason, disruptionOf(after)], ['Evicted', [told]])
})

test('computePodStatus: a condition keeps its time while its status does', () => {
  const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: '2026-01-01T10:00:00Z' }]
  const { status } = computePodStatus(
    podOf({}, { conditions }),
    { sandboxes: [sandbox], containers: [runOf()] },
    now,
    memoryOf(),
  )
  const times = Object.fromEntries(status.conditions!.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]))
  assert.equal(times['Ready'], '2026-01-01T10:00:00Z')
  assert.equal(times['ContainersReady'], '2026-01-01T12:00:00Z')
})

test('an ephemeral container stays as it ended when the runtime has cleaned it away', () => {
  const spec = { ephemeralContainers: [{ name: 'd', image: 'busybox' }] }
  const run = exitedRun(3, { name: 'd' })
  const { status } = computePodStatus(podOf(spec), { sandboxes: [sandbox], containers: [run] }, now, memoryOf())
  const [ended] = status.ephemeralContainerStatuses ?? []
  assert.deepEqual(ended?.state, terminated(3, 'd0'))
  const gone = computePodStatus(podOf(spec, status), { sandboxes: [], containers: [] }, now, memoryOf())
  assert.deepEqual(gone.status.ephemeralContainerStatuses, [ended])
})
