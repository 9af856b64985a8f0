import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '../runtime/containerRuntime.ts'
import { planPod } from './planPod.ts'
import type { PodAction } from './podAction.ts'
import { freshMemory, type PodMemory } from './podMemory.ts'
import { hashOfContainer } from './podView.ts'
import { backoffKey } from './restarts.ts'

const now = Date.UTC(2026, 0, 1, 12)
const node = { addresses: ['10.0.0.1'], runtimeScheme: 'containerd' }
const seconds = (count: number): number => count * 1000

function podOf(spec: Partial<Pod['spec']>, metadata: Partial<Pod['metadata']> = {}, status: Pod['status'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u', ...metadata },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    status,
  }
}

const sandbox: ObservedSandbox = { id: 's0', attempt: 0, ready: true, createdAt: now - seconds(60), ips: ['10.1.0.2'] }

/** One run of a container; `c`, running and the first unless told. */
function run(parts: Partial<ObservedContainer> = {}, image = 'i'): ObservedContainer {
  const name = parts.name ?? 'c'
  return {
    id: `${name}${parts.attempt ?? 0}`,
    name,
    sandboxId: 's0',
    attempt: 0,
    hash: hashOfContainer({ name, image }),
    state: 'running',
    createdAt: now - seconds(50) + (parts.attempt ?? 0) * 1000,
    startedAt: now - seconds(50),
    image: 'docker.io/library/i:latest',
    imageRef: 'sha256:1',
    ...parts,
  }
}

const exited = (exitCode: number, parts: Partial<ObservedContainer> = {}): ObservedContainer =>
  run({ state: 'exited', exitCode, finishedAt: now - seconds(1), ...parts })

const mounted = (parts: Partial<PodMemory> = {}): PodMemory => ({
  ...freshMemory(node),
  volumesMounted: true,
  ...parts,
})
const present = (...names: string[]): PodMemory['images'] =>
  new Map(names.map((name) => [name, { is: 'present', ref: 'sha256:1' }] as const))
const backoffOf = (delay: number, name = 'c'): PodMemory['backoffs'] =>
  new Map([[backoffKey(name, hashOfContainer({ name, image: 'i' })), { delay, raisedAt: now - seconds(30) }]])
const container = (name: string, parts: Partial<Container> = {}): Container => ({ name, image: 'i', ...parts })
const sidecar = (name: string, parts: Partial<Container> = {}): Container =>
  container(name, { restartPolicy: 'Always', ...parts })
const start = (name: string, attempt = 0, endedAt?: number): PodAction => ({
  do: 'startContainer',
  name,
  attempt,
  imageRef: 'sha256:1',
  ...(endedAt === undefined ? {} : { endedAt }),
})
const prepare = (id: string, graceSeconds: number): PodAction => {
  const name = id.slice(0, -1)
  return { do: 'prepareStop', id, name, graceSeconds, why: `Stopping container ${name}` }
}
const stop = (id: string, graceSeconds: number, why?: string): PodAction => {
  const name = id.slice(0, -1)
  return { do: 'stopContainer', id, name, graceSeconds, why: why ?? `Stopping container ${name}` }
}
const pull = (name: string): PodAction => ({ do: 'pullImage', container: name })

interface Row {
  readonly name: string
  readonly pod: Pod
  readonly sandboxes?: readonly ObservedSandbox[]
  readonly runs?: readonly ObservedContainer[]
  readonly memory?: PodMemory
  readonly actions: readonly PodAction[]
  readonly recheckAt?: number
}

const deleted = { deletionTimestamp: '2026-01-01T12:00:30Z', deletionGracePeriodSeconds: 30 }
const backOffEvent: PodAction = {
  do: 'recordEvent',
  container: 'c',
  type: 'Warning',
  reason: 'BackOff',
  message: 'Back-off restarting failed container c in pod p_ns(u)',
}

const rows: readonly Row[] = [
  {
    name: 'a fresh pod mounts its volumes first',
    pod: podOf({}),
    sandboxes: [],
    memory: freshMemory(node),
    actions: [{ do: 'mountVolumes' }],
  },
  {
    name: 'a failed mount is tried again at its time',
    pod: podOf({}),
    sandboxes: [],
    memory: { ...freshMemory(node), retryAt: { volumes: now + 500 } },
    actions: [],
    recheckAt: now + 500,
  },
  {
    name: 'the sandbox is made while the first image is pulled',
    pod: podOf({ initContainers: [container('i')] }),
    sandboxes: [],
    actions: [pull('i'), { do: 'createSandbox', attempt: 0 }],
  },
  {
    name: 'images of all containers are pulled when there are no init containers',
    pod: podOf({ containers: [container('a'), container('b')] }),
    sandboxes: [],
    actions: [pull('a'), pull('b'), { do: 'createSandbox', attempt: 0 }],
  },
  {
    name: 'containers start in order once their images are there',
    pod: podOf({ containers: [container('a'), container('b')] }),
    memory: mounted({ images: present('a', 'b') }),
    actions: [start('a'), start('b')],
  },
  {
    name: 'a container waits for the image of the one before it',
    pod: podOf({ containers: [container('a'), container('b')] }),
    memory: mounted({ images: new Map([...present('b'), ['a', { is: 'pulling' }]]) }),
    actions: [],
  },
  {
    name: 'a container that failed to start does not hold up the one after it',
    pod: podOf({ containers: [container('a'), container('b')] }),
    memory: mounted({
      images: present('b'),
      failures: new Map([['a', { reason: 'ErrImagePull', message: '', retryAt: now + 10_000 }]]),
    }),
    actions: [start('b')],
    recheckAt: now + 10_000,
  },
  { name: 'a running pod needs nothing', pod: podOf({}), runs: [run()], actions: [] },
  {
    name: 'init containers run one after another',
    pod: podOf({ initContainers: [container('i'), container('j')] }),
    runs: [exited(0, { name: 'i' })],
    memory: mounted({ images: present('j') }),
    actions: [start('j')],
  },
  {
    name: 'a running init container is waited for',
    pod: podOf({ initContainers: [container('i')] }),
    runs: [run({ name: 'i' })],
    memory: mounted({ images: present('c') }),
    actions: [],
  },
  {
    name: 'after the last init container the others start',
    pod: podOf({ initContainers: [container('i')] }),
    runs: [exited(0, { name: 'i' })],
    memory: mounted({ images: present('c') }),
    actions: [start('c')],
  },
  {
    name: 'a failed init container is restarted at once the first time',
    pod: podOf({ initContainers: [container('i')] }),
    runs: [exited(2, { name: 'i' })],
    memory: mounted({ images: present('i') }),
    actions: [start('i', 1, now - seconds(1))],
  },
  {
    name: 'a failed init container ends a pod that never restarts',
    pod: podOf({ restartPolicy: 'Never', initContainers: [container('i')] }),
    runs: [exited(2, { name: 'i' })],
    actions: [{ do: 'stopSandbox', id: 's0' }],
  },
  {
    name: 'those after a sidecar wait for its startup probe',
    pod: podOf({ initContainers: [sidecar('s', { startupProbe: {} })] }),
    runs: [run({ name: 's' })],
    memory: mounted({ images: present('c') }),
    actions: [],
  },
  {
    name: 'a started sidecar lets the others start',
    pod: podOf({ initContainers: [sidecar('s', { startupProbe: {} })] }),
    runs: [run({ name: 's' })],
    memory: mounted({ images: present('c'), probes: new Map([['s0', { startup: 'success' }]]) }),
    actions: [start('c')],
  },
  {
    name: 'a sidecar that ended is restarted beside running containers, whatever the restart policy',
    pod: podOf({ restartPolicy: 'Never', initContainers: [sidecar('s')] }),
    runs: [run(), exited(0, { name: 's' })],
    memory: mounted({ images: present('s') }),
    actions: [start('s', 1, now - seconds(1))],
  },
  {
    name: 'the first end is followed by a start at once',
    pod: podOf({}),
    runs: [exited(1)],
    memory: mounted({ images: present('c') }),
    actions: [start('c', 1, now - seconds(1))],
  },
  {
    name: 'an image is looked for again before each start',
    pod: podOf({}),
    runs: [exited(1)],
    actions: [pull('c')],
  },
  {
    name: 'how a container ended is shown before its back-off is',
    pod: podOf({}),
    runs: [exited(1)],
    memory: mounted({ backoffs: backoffOf(10_000) }),
    actions: [],
    recheckAt: now + seconds(4),
  },
  {
    name: 'then the back-off is told once',
    pod: podOf({}),
    runs: [exited(1, { finishedAt: now - seconds(5) })],
    memory: mounted({ backoffs: backoffOf(10_000) }),
    actions: [backOffEvent],
    recheckAt: now + seconds(5),
  },
  {
    name: 'and not again while it is shown',
    pod: podOf(
      {},
      {},
      {
        containerStatuses: [
          {
            name: 'c',
            ready: false,
            restartCount: 1,
            image: 'i',
            imageID: '',
            state: { waiting: { reason: 'CrashLoopBackOff' } },
          },
        ],
      },
    ),
    runs: [exited(1, { finishedAt: now - seconds(6) })],
    memory: mounted({ backoffs: backoffOf(10_000) }),
    actions: [],
    recheckAt: now + seconds(4),
  },
  {
    name: 'after the back-off it starts',
    pod: podOf({}),
    runs: [exited(1, { finishedAt: now - seconds(10) })],
    memory: mounted({ backoffs: backoffOf(10_000), images: present('c') }),
    actions: [start('c', 1, now - seconds(10))],
  },
  {
    name: 'ten good minutes forgive',
    pod: podOf({}),
    runs: [exited(1)],
    memory: mounted({
      images: present('c'),
      backoffs: new Map([
        [backoffKey('c', hashOfContainer({ name: 'c', image: 'i' })), { delay: 300_000, raisedAt: now - seconds(700) }],
      ]),
    }),
    actions: [start('c', 1, now - seconds(1))],
  },
  {
    name: 'OnFailure leaves a success alone and its pod is done',
    pod: podOf({ restartPolicy: 'OnFailure' }),
    runs: [exited(0)],
    actions: [{ do: 'stopSandbox', id: 's0' }],
  },
  {
    name: 'OnFailure restarts a failure beside a success',
    pod: podOf({ restartPolicy: 'OnFailure', containers: [container('a'), container('b')] }),
    runs: [exited(0, { name: 'a' }), exited(1, { name: 'b' })],
    memory: mounted({ images: present('b') }),
    actions: [start('b', 1, now - seconds(1))],
  },
  {
    name: 'Never lets the other container go on',
    pod: podOf({ restartPolicy: 'Never', containers: [container('a'), container('b')] }),
    runs: [run({ name: 'a' }), exited(1, { name: 'b' })],
    actions: [],
  },
  {
    name: 'a pod that is done stops its sidecars',
    pod: podOf({ restartPolicy: 'Never', initContainers: [sidecar('s')], terminationGracePeriodSeconds: 5 }),
    runs: [run({ name: 's' }), exited(0)],
    actions: [stop('s0', 5)],
  },
  {
    name: 'a pod that is done gives its volumes back and keeps its containers',
    pod: podOf({ restartPolicy: 'Never' }),
    sandboxes: [{ ...sandbox, ready: false }],
    runs: [exited(0)],
    actions: [{ do: 'unmountVolumes' }],
  },
  {
    name: 'a failed liveness probe stops the container with the grace of the probe',
    pod: podOf({ containers: [container('c', { livenessProbe: { terminationGracePeriodSeconds: 3 } })] }),
    runs: [run()],
    memory: mounted({ probes: new Map([['c0', { liveness: 'failure' }]]) }),
    actions: [stop('c0', 3, 'Container c failed liveness probe, will be restarted')],
  },
  {
    name: 'a failed startup probe under Never',
    pod: podOf({ restartPolicy: 'Never', containers: [container('c', { startupProbe: {} })] }),
    runs: [run()],
    memory: mounted({ probes: new Map([['c0', { startup: 'failure' }]]) }),
    actions: [stop('c0', 30, 'Container c failed startup probe')],
  },
  {
    name: 'a container is asked to stop once',
    pod: podOf({ containers: [container('c', { livenessProbe: {} })] }),
    runs: [run()],
    memory: mounted({ probes: new Map([['c0', { liveness: 'failure' }]]), stopping: new Map([['c0', now + 30_000]]) }),
    actions: [],
  },
  {
    name: 'a container that was stopped for its probe starts again at once, and that does not count',
    pod: podOf({ containers: [container('c', { livenessProbe: {} })] }),
    runs: [exited(137)],
    memory: mounted({ images: present('c'), stopped: new Set(['c0']) }),
    actions: [start('c', 1)],
  },
  {
    name: 'the second time it starts at once, and counts from the end of the run before',
    pod: podOf({ containers: [container('c', { livenessProbe: {} })] }),
    runs: [exited(137, { attempt: 1 }), exited(137, { finishedAt: now - seconds(7) })],
    memory: mounted({ images: present('c'), stopped: new Set(['c0', 'c1']) }),
    actions: [start('c', 2, now - seconds(7))],
  },
  {
    name: 'and waits once the run before it still held it back',
    pod: podOf({ containers: [container('c', { livenessProbe: {} })] }),
    runs: [exited(137, { attempt: 2 }), exited(137, { attempt: 1, finishedAt: now - seconds(7) })],
    memory: mounted({ images: present('c'), stopped: new Set(['c1', 'c2']), backoffs: backoffOf(10_000) }),
    actions: [],
    recheckAt: now + seconds(4),
  },
  {
    name: 'a new image asks for a new container',
    pod: podOf({ containers: [container('c', { image: 'j' })] }),
    runs: [run()],
    actions: [stop('c0', 30, 'Container c definition changed, will be restarted')],
  },
  {
    name: 'which starts without a back-off',
    pod: podOf({ containers: [container('c', { image: 'j' })] }),
    runs: [exited(137)],
    memory: mounted({ images: present('c'), backoffs: backoffOf(300_000) }),
    actions: [start('c', 1, now - seconds(1))],
  },
  {
    name: 'a sandbox that died takes its containers with it',
    pod: podOf({}),
    sandboxes: [{ ...sandbox, ready: false }],
    runs: [run()],
    actions: [
      {
        do: 'recordEvent',
        type: 'Normal',
        reason: 'SandboxChanged',
        message: 'Pod sandbox changed, it will be killed and re-created.',
      },
      { do: 'stopSandbox', id: 's0' },
    ],
  },
  {
    name: 'and is replaced by the next attempt',
    pod: podOf({}),
    sandboxes: [{ ...sandbox, ready: false }],
    runs: [exited(137)],
    actions: [pull('c'), { do: 'createSandbox', attempt: 1 }],
  },
  {
    name: 'in a new sandbox the init containers run again',
    pod: podOf({ initContainers: [container('i')] }),
    sandboxes: [{ ...sandbox, id: 's1', attempt: 1 }],
    runs: [exited(0, { name: 'i' }), exited(137)],
    memory: mounted({ images: present('i') }),
    actions: [start('i', 1, now - seconds(1))],
  },
  {
    name: 'a deleted pod stops its containers together, before its sidecars, which are told at once',
    pod: podOf({ containers: [container('a'), container('b')], initContainers: [sidecar('s')] }, deleted),
    runs: [run({ name: 'a' }), run({ name: 'b' }), run({ name: 's' })],
    actions: [stop('a0', 30), stop('b0', 30), prepare('s0', 30)],
    recheckAt: now + seconds(30),
  },
  {
    name: 'an evicted pod is given a second',
    pod: podOf({}),
    runs: [run()],
    memory: mounted({ eviction: { reason: 'Evicted', message: 'm', graceSeconds: 1 } }),
    actions: [stop('c0', 1)],
  },
  {
    name: 'a sidecar that was told waits for its turn',
    pod: podOf({ initContainers: [sidecar('s')] }, deleted),
    runs: [run(), run({ name: 's' })],
    memory: mounted({ endingSince: now, stopping: new Map([['c0', now + 30_000]]), prepared: new Map([['s0', true]]) }),
    actions: [],
    recheckAt: now + seconds(30),
  },
  {
    name: 'a sidecar waits for its own hook too',
    pod: podOf({ initContainers: [sidecar('s')] }, deleted),
    runs: [exited(0), run({ name: 's' })],
    memory: mounted({ endingSince: now - seconds(12), prepared: new Map([['s0', false]]) }),
    actions: [],
    recheckAt: now + seconds(18),
  },
  {
    name: 'when the grace is over nothing is waited for',
    pod: podOf({ initContainers: [sidecar('s'), sidecar('t')] }, deleted),
    runs: [run(), run({ name: 's' }), run({ name: 't' })],
    memory: mounted({
      endingSince: now - seconds(30),
      stopping: new Map([['c0', now]]),
      prepared: new Map([
        ['s0', false],
        ['t0', true],
      ]),
    }),
    actions: [stop('t0', 2), stop('s0', 2)],
  },
  {
    name: 'sidecars end one by one from the last, within what is left of the grace',
    pod: podOf({ initContainers: [sidecar('s'), sidecar('t')] }, deleted),
    runs: [exited(0), run({ name: 's' }), run({ name: 't' })],
    memory: mounted({ endingSince: now - seconds(12) }),
    actions: [stop('t0', 18), prepare('s0', 18)],
    recheckAt: now + seconds(18),
  },
  {
    name: 'a shorter grace is passed on',
    pod: podOf({}, { ...deleted, deletionGracePeriodSeconds: 0 }),
    runs: [run()],
    memory: mounted({ endingSince: now - seconds(2), stopping: new Map([['c0', now + 28_000]]) }),
    actions: [stop('c0', 0)],
  },
  {
    name: 'then the sandbox is removed',
    pod: podOf({}, deleted),
    runs: [exited(0)],
    actions: [{ do: 'removeSandbox', id: 's0' }],
  },
  {
    name: 'then the volumes are given back',
    pod: podOf({}, deleted),
    sandboxes: [],
    runs: [],
    actions: [{ do: 'unmountVolumes' }],
  },
  {
    name: 'and at last the pod is removed',
    pod: podOf({}, deleted),
    sandboxes: [],
    runs: [],
    memory: freshMemory(node),
    actions: [{ do: 'removePod' }],
  },
  {
    name: 'a deadline that passed ends the pod',
    pod: podOf({ activeDeadlineSeconds: 5 }, {}, { phase: 'Running', startTime: '2026-01-01T11:59:55Z' }),
    runs: [run()],
    actions: [
      {
        do: 'recordEvent',
        type: 'Normal',
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      },
      stop('c0', 30),
    ],
  },
  {
    name: 'a deadline to come is looked at again',
    pod: podOf({ activeDeadlineSeconds: 50 }, {}, { phase: 'Running', startTime: '2026-01-01T11:59:55Z' }),
    runs: [run()],
    actions: [],
    recheckAt: now + seconds(45),
  },
  {
    name: 'a pod that the node refused is left alone',
    pod: podOf({}),
    sandboxes: [],
    memory: { ...freshMemory(node), rejection: { reason: 'OutOfcpu', message: 'Pod was rejected: …' } },
    actions: [],
  },
  {
    name: 'of each container two runs are kept',
    pod: podOf({}),
    runs: [run({ attempt: 3 }), exited(1, { attempt: 2 }), exited(1, { attempt: 1 }), exited(1)],
    actions: [
      { do: 'removeContainer', id: 'c1' },
      { do: 'removeContainer', id: 'c0' },
    ],
  },
  {
    name: 'an ephemeral container starts once',
    pod: podOf({ ephemeralContainers: [container('d'), container('e')] }),
    runs: [run(), exited(0, { name: 'd' })],
    memory: mounted({ images: present('e') }),
    actions: [start('e')],
  },
]

for (const row of rows) {
  test(`planPod: ${row.name}`, () => {
    const observed: ObservedPod = { sandboxes: row.sandboxes ?? [sandbox], containers: row.runs ?? [] }
    const plan = planPod(row.pod, observed, now, row.memory ?? mounted())
    assert.deepEqual(
      { actions: plan.actions, recheckAt: plan.recheckAt },
      { actions: row.actions, recheckAt: row.recheckAt },
    )
  })
}
