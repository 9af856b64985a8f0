import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import { timeText } from '#machinery/time.ts'
import { behaviourOf, behaviours } from './behaviour.ts'
import { findPod, planSimulatedPod, type SimulatedPod } from './simulatedPod.ts'

const start = Date.UTC(2026, 0, 1)
const place = { addresses: ['198.18.0.1'], podIps: ['10.244.0.2'] }

function podWith(annotations: Record<string, string> = {}, spec: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: '11111111-2222-3333-4444-555555555555',
      generation: 1,
      annotations,
    },
    spec: {
      containers: [{ name: 'web', image: 'nginx:1.27' }],
      restartPolicy: 'Always',
      nodeName: 'simulated-1',
      ...spec,
    },
  }
}

function shown({ state = {}, ready, restartCount }: ContainerStatus): string {
  const { waiting, running, terminated } = state
  const text = running ? 'running' : terminated ? `${terminated.reason} ${terminated.exitCode}` : waiting?.reason
  return `${text}${ready ? ' ready' : ''}${restartCount > 0 ? ` x${restartCount}` : ''}`
}

/** Lets a pod live as its node does: after each look its status is what was written. Lines: second, phase, containers. */
function live(pod: Pod, until: number, changes: Record<number, (pod: Pod) => Pod> = {}): string[] {
  const lines: string[] = []
  let state: SimulatedPod = findPod(pod)
  const due = new Set([0, ...Object.keys(changes).map(Number)])
  for (let second = 0; second <= until; second += 0.5) {
    if (!due.has(second)) continue
    pod = changes[second]?.(pod) ?? pod
    const now = start + second * 1_000
    const plan = planSimulatedPod(pod, state, place, now)
    state = plan.next
    pod = { ...pod, status: plan.status }
    const { phase, initContainerStatuses = [], containerStatuses = [] } = plan.status
    const line = [phase, ...initContainerStatuses.map(shown), ...containerStatuses.map(shown)].join(', ')
    lines.push(`${second}s ${plan.remove ? 'removed, ' : ''}${line}`)
    if (plan.recheckAt !== undefined) due.add(Math.ceil((plan.recheckAt - start) / 500) / 2)
  }
  return lines
}

const deleted = (grace: number) => (pod: Pod) => ({
  ...pod,
  metadata: { ...pod.metadata, deletionTimestamp: timeText(start), deletionGracePeriodSeconds: grace },
})

const lives: readonly [string, Pod, number, string[], Record<number, (pod: Pod) => Pod>?][] = [
  ['runs at once', podWith(), 60, ['0s Running, running ready']],
  [
    'starts and becomes ready in its time',
    podWith({ 'simulation.k8ts.dev/start-after': '2s', 'simulation.k8ts.dev/ready-after': '3s' }),
    60,
    ['0s Pending, ContainerCreating', '2s Running, running', '5s Running, running ready'],
  ],
  [
    'completes when asked',
    podWith({ 'simulation.k8ts.dev/exit-after': '30s' }, { restartPolicy: 'Never' }),
    60,
    ['0s Running, running ready', '30s Succeeded, Completed 0'],
  ],
  [
    'fails when asked',
    podWith(
      { 'simulation.k8ts.dev/exit-after': '1.5s', 'simulation.k8ts.dev/exit-code': '3' },
      { restartPolicy: 'Never' },
    ),
    60,
    ['0s Running, running ready', '1.5s Failed, Error 3'],
  ],
  [
    'crashes three times and then runs, with the back-off of a kubelet',
    podWith({ 'simulation.k8ts.dev/crash': '3' }),
    600,
    [
      '0s Running, Error 1 x1',
      '5s Running, CrashLoopBackOff x1',
      '10s Running, Error 1 x2',
      '20s Running, CrashLoopBackOff x2',
      '30s Running, running ready x3',
    ],
  ],
  [
    'runs init containers one after the other',
    podWith(
      { 'simulation.k8ts.dev/exit-after.first': '2s' },
      {
        initContainers: [
          { name: 'first', image: 'a' },
          { name: 'second', image: 'b' },
        ],
      },
    ),
    60,
    [
      '0s Pending, running, PodInitializing, PodInitializing',
      '2s Running, Completed 0 ready, Completed 0 ready, running ready',
    ],
  ],
  [
    'is killed at the end of its grace',
    podWith({ 'simulation.k8ts.dev/stop-after': '1m' }),
    60,
    ['0s Running, running ready', '10s Running, running ready', '15s removed, Failed, Error 137'],
    { 10: deleted(5) },
  ],
  [
    'ends at once when deleted',
    podWith(),
    60,
    ['0s Running, running ready', '10s removed, Succeeded, Completed 0'],
    { 10: deleted(30) },
  ],
]

for (const [name, pod, until, expected, changes] of lives) {
  test(`a simulated pod ${name}`, () => assert.deepEqual(live(pod, until, changes), expected))
}

test('a running pod has the status that a kubelet writes', () => {
  const { status } = planSimulatedPod(podWith(), findPod(podWith()), place, start)
  const time = '2026-01-01T00:00:00Z'
  const condition = (type: string) => ({ type, observedGeneration: 1, status: 'True', lastTransitionTime: time })
  const found = {
    ...status,
    containerStatuses: status.containerStatuses!.map((each) => ({ ...each, containerID: '', imageID: '' })),
  }
  assert.match(
    status.containerStatuses![0]!.containerID!,
    /^simulated:\/\/11111111222233334444555555555555[0-9a-f]{32}$/,
  )
  assert.match(status.containerStatuses![0]!.imageID, /^docker.io\/library\/nginx@sha256:[0-9a-f]{64}$/)
  assert.deepEqual(found, {
    observedGeneration: 1,
    phase: 'Running',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    hostIP: '198.18.0.1',
    hostIPs: [{ ip: '198.18.0.1' }],
    podIP: '10.244.0.2',
    podIPs: [{ ip: '10.244.0.2' }],
    startTime: time,
    containerStatuses: [
      {
        name: 'web',
        state: { running: { startedAt: time } },
        lastState: {},
        ready: true,
        started: true,
        restartCount: 0,
        image: 'docker.io/library/nginx:1.27',
        imageID: '',
        containerID: '',
        resources: {},
        user: { linux: { uid: 0, gid: 0, supplementalGroups: [0] } },
      },
    ],
    qosClass: 'BestEffort',
  })
})

test('a pod waits while its node has no address to give', () => {
  const plan = planSimulatedPod(podWith(), findPod(podWith()), { addresses: place.addresses }, start)
  assert.equal(plan.status.phase, 'Pending')
  assert.equal(plan.status.podIP, undefined)
})

test('a pod that an earlier process left goes on as it was', () => {
  for (const annotations of [
    {},
    { 'simulation.k8ts.dev/crash': 'always' },
    { 'simulation.k8ts.dev/exit-after': '1h' },
  ]) {
    let pod = podWith(annotations)
    let state = findPod(pod)
    for (const second of [0, 5, 10, 20]) {
      const plan = planSimulatedPod(pod, state, place, start + second * 1_000)
      state = plan.next
      pod = { ...pod, status: plan.status }
    }
    const again = planSimulatedPod(pod, findPod(pod), place, start + 20_000)
    assert.deepEqual(again.status, pod.status)
  }
})

test('behaviours that cannot be read are reported and left out', () => {
  const { of, problems } = behaviourOf(
    podWith({
      'simulation.k8ts.dev/start-after': 'soon',
      'simulation.k8ts.dev/exit-code': '256',
      'simulation.k8ts.dev/exit-after.db': '1s',
      'simulation.k8ts.dev/fly': 'yes',
      'simulation.k8ts.dev/crash': 'often',
      'simulation.k8ts.dev/stop-after.web': '1m30s',
    }),
  )
  assert.deepEqual(problems, [
    'Invalid annotation "simulation.k8ts.dev/start-after": "soon": must be a duration such as 500ms, 2s or 1m30s',
    'Invalid annotation "simulation.k8ts.dev/exit-code": "256": must be a whole number up to 255',
    'Invalid annotation "simulation.k8ts.dev/exit-after.db": "1s": the pod has no container "db"',
    'Invalid annotation "simulation.k8ts.dev/fly": "yes": there is no behaviour "fly": known are ' +
      behaviours.map(({ name }) => name).join(', '),
    'Invalid annotation "simulation.k8ts.dev/crash": "often": must be "always" or a whole number up to 1000000',
  ])
  assert.deepEqual(of('web', 0), { startAfter: 0, exitCode: 0, exitRuns: Infinity, stopAfter: 90_000, pullFailures: 0 })
})

const probe = { periodSeconds: 5, failureThreshold: 2 }

for (const [name, annotations, spec, until, lines] of [
  [
    'an image that cannot be pulled twice',
    { 'pull-failures': '2' },
    {},
    60,
    [
      '0s Pending, ErrImagePull',
      '3s Pending, ImagePullBackOff',
      '10s Pending, ErrImagePull',
      '13s Pending, ImagePullBackOff',
      '30s Running, running ready',
    ],
  ],
  [
    'runs that end in turn, the last for good',
    { runs: 'exit 3 after 5s, exit 0 after 10s, stay' },
    {},
    60,
    [
      '0s Running, running ready',
      '5s Running, running ready x1',
      '15s Running, Completed 0 x1',
      '20s Running, CrashLoopBackOff x1',
      '25s Running, running ready x2',
    ],
  ],
  [
    'a container that is ready for a while',
    { 'unready-after': '10s' },
    {},
    60,
    ['0s Running, running ready', '10s Running, running'],
  ],
  [
    'a container that hangs is replaced by its liveness probe',
    { 'hang-after': '20s' },
    { containers: [{ name: 'web', image: 'nginx', livenessProbe: probe }] },
    40,
    ['0s Running, running ready', '30s Running, running ready x1'],
  ],
] as const satisfies readonly (readonly [string, Record<string, string>, unknown, number, readonly string[]])[]) {
  test(name, () => {
    const asked = Object.entries(annotations).map(([key, value]) => [`simulation.k8ts.dev/${key}`, String(value)])
    assert.deepEqual(live(podWith(Object.fromEntries(asked), spec as Partial<Pod['spec']>), until), lines)
  })
}

test('what a test declares goes before annotations', () => {
  const pod = podWith({ 'simulation.k8ts.dev/exit-after': '5s', 'simulation.k8ts.dev/stop-after': '1s' })
  const { of } = behaviourOf(pod, undefined, (_pod, _container, attempt) =>
    attempt === 0 ? { exitAfter: 1_000, exitCode: 7 } : undefined,
  )
  const [first, second] = [of('web', 0), of('web', 1)]
  assert.deepEqual([first.exitAfter, first.exitCode, first.stopAfter], [1_000, 7, 1_000])
  assert.deepEqual([second.exitAfter, second.exitCode], [5_000, 0])
})
