import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ContainerState, ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { podColumns } from './columns.ts'

const now = Date.parse('2026-01-02T00:00:00Z')

function cell(column: string, pod: Pod): unknown {
  return podColumns.find(({ name }) => name === column)!.value(pod, now)
}

interface Parts {
  readonly status?: NonNullable<Pod['status']>
  readonly containers?: number
  /** Init containers by name; those that stay have `Always`. */
  readonly init?: Readonly<Record<string, 'Always' | undefined>>
  readonly deleted?: boolean
}

function pod({ status = { phase: 'Running' }, containers = 1, init = {}, deleted = false }: Parts): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(deleted ? { deletionTimestamp: '2026-01-01T23:59:00Z' } : {}) },
    spec: {
      containers: Array.from({ length: containers }, (_, index) => ({ name: `c${index}` })),
      initContainers: Object.entries(init).map(([name, restartPolicy]) => ({
        name,
        ...(restartPolicy === undefined ? {} : { restartPolicy }),
      })),
    },
    status,
  }
}

function container(name: string, rest: Partial<ContainerStatus>): ContainerStatus {
  return { name, image: 'i', imageID: '', ready: false, restartCount: 0, ...rest }
}

const up = { running: { startedAt: '2026-01-01T00:00:00Z' } }
const ended = (exitCode: number, rest = {}): ContainerState => ({ terminated: { exitCode, ...rest } })
const waits = (reason: string): ContainerState => ({ waiting: { reason } })
const isTrue = (type: string): { type: string; status: 'True' } => ({ type, status: 'True' })

describe('STATUS of a pod', () => {
  const rows: readonly [string, Parts, string][] = [
    ['the phase', { status: { phase: 'Pending' } }, 'Pending'],
    ['the reason of the pod', { status: { phase: 'Failed', reason: 'Evicted' } }, 'Evicted'],
    [
      'gates',
      {
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
        },
      },
      'SchedulingGated',
    ],
    [
      'why a container waits',
      { status: { phase: 'Pending', containerStatuses: [container('c0', { state: waits('ImagePullBackOff') })] } },
      'ImagePullBackOff',
    ],
    [
      'the first container that is not well',
      {
        containers: 2,
        status: {
          phase: 'Running',
          containerStatuses: [
            container('c0', { state: waits('CrashLoopBackOff') }),
            container('c1', { state: ended(1, { reason: 'Error' }) }),
          ],
        },
      },
      'CrashLoopBackOff',
    ],
    [
      'an end with a reason',
      {
        status: {
          phase: 'Failed',
          containerStatuses: [container('c0', { state: ended(137, { reason: 'OOMKilled' }) })],
        },
      },
      'OOMKilled',
    ],
    [
      'an end by a signal',
      { status: { phase: 'Failed', containerStatuses: [container('c0', { state: ended(137, { signal: 9 }) })] } },
      'Signal:9',
    ],
    [
      'an end with a code alone',
      { status: { phase: 'Failed', containerStatuses: [container('c0', { state: ended(3) })] } },
      'ExitCode:3',
    ],
    [
      'one completed, one runs, ready',
      {
        containers: 2,
        status: {
          phase: 'Running',
          conditions: [isTrue('Ready')],
          containerStatuses: [
            container('c0', { state: ended(0, { reason: 'Completed' }) }),
            container('c1', { state: up, ready: true }),
          ],
        },
      },
      'Running',
    ],
    [
      'one completed, one runs, not ready',
      {
        containers: 2,
        status: {
          phase: 'Running',
          containerStatuses: [
            container('c0', { state: ended(0, { reason: 'Completed' }) }),
            container('c1', { state: up, ready: true }),
          ],
        },
      },
      'NotReady',
    ],
    [
      'the second init container runs',
      {
        init: { a: undefined, b: undefined },
        status: {
          phase: 'Pending',
          initContainerStatuses: [container('a', { state: ended(0) }), container('b', { state: up })],
          containerStatuses: [container('c0', { state: waits('PodInitializing') })],
        },
      },
      'Init:1/2',
    ],
    [
      'an init container waits for its turn',
      {
        init: { a: undefined },
        status: { phase: 'Pending', initContainerStatuses: [container('a', { state: waits('PodInitializing') })] },
      },
      'Init:0/1',
    ],
    [
      'an init container fails',
      {
        init: { a: undefined },
        status: { phase: 'Pending', initContainerStatuses: [container('a', { state: ended(1, { reason: 'Error' }) })] },
      },
      'Init:Error',
    ],
    [
      'an init container ends without a reason',
      {
        init: { a: undefined },
        status: { phase: 'Pending', initContainerStatuses: [container('a', { state: ended(2) })] },
      },
      'Init:ExitCode:2',
    ],
    [
      'an init container cannot start',
      {
        init: { a: undefined },
        status: { phase: 'Pending', initContainerStatuses: [container('a', { state: waits('ErrImagePull') })] },
      },
      'Init:ErrImagePull',
    ],
    [
      'a sidecar runs and does not hold up the rest',
      {
        init: { a: 'Always' },
        status: {
          phase: 'Running',
          initContainerStatuses: [container('a', { state: up, started: true, ready: true })],
          containerStatuses: [container('c0', { state: up, ready: true })],
        },
      },
      'Running',
    ],
    ['it is being deleted', { deleted: true }, 'Terminating'],
    ['it is over and being deleted', { deleted: true, status: { phase: 'Succeeded' } }, 'Succeeded'],
    ['its node is lost', { deleted: true, status: { phase: 'Running', reason: 'NodeLost' } }, 'Unknown'],
  ]
  for (const [name, parts, expected] of rows) test(name, () => assert.equal(cell('Status', pod(parts)), expected))
})

describe('READY of a pod', () => {
  const rows: readonly [string, Parts, string][] = [
    ['nothing is known', { containers: 2 }, '0/2'],
    [
      'one of two',
      {
        containers: 2,
        status: {
          phase: 'Running',
          containerStatuses: [container('c0', { state: up, ready: true }), container('c1', { state: up })],
        },
      },
      '1/2',
    ],
    [
      'sidecars count, init containers do not',
      {
        init: { a: 'Always', b: undefined },
        status: {
          phase: 'Running',
          initContainerStatuses: [
            container('a', { state: up, started: true, ready: true }),
            container('b', { state: ended(0) }),
          ],
          containerStatuses: [container('c0', { state: up, ready: true })],
        },
      },
      '2/2',
    ],
  ]
  for (const [name, parts, expected] of rows) test(name, () => assert.equal(cell('Ready', pod(parts)), expected))
})

describe('RESTARTS of a pod', () => {
  const before = (finishedAt: string): ContainerState => ({ terminated: { exitCode: 1, finishedAt } })
  const rows: readonly [string, Parts, string][] = [
    ['none', {}, '0'],
    [
      'the last of all counts',
      {
        containers: 2,
        status: {
          phase: 'Running',
          containerStatuses: [
            container('c0', { state: up, restartCount: 2, lastState: before('2026-01-01T23:55:00Z') }),
            container('c1', { state: up, restartCount: 1, lastState: before('2026-01-01T21:00:00Z') }),
          ],
        },
      },
      '3 (5m ago)',
    ],
    [
      'without a known time',
      { status: { phase: 'Running', containerStatuses: [container('c0', { state: up, restartCount: 4 })] } },
      '4',
    ],
    [
      'those of init containers while they run',
      {
        init: { a: undefined },
        status: {
          phase: 'Pending',
          initContainerStatuses: [
            container('a', {
              state: waits('CrashLoopBackOff'),
              restartCount: 3,
              lastState: before('2026-01-01T23:59:30Z'),
            }),
          ],
        },
      },
      '3 (30s ago)',
    ],
    [
      'not those of init containers that are done, but those of sidecars',
      {
        init: { a: undefined, b: 'Always' },
        status: {
          phase: 'Running',
          initContainerStatuses: [
            container('a', { state: ended(0), restartCount: 3 }),
            container('b', { state: up, started: true, ready: true, restartCount: 1 }),
          ],
          containerStatuses: [container('c0', { state: up, ready: true, restartCount: 1 })],
        },
      },
      '2',
    ],
  ]
  for (const [name, parts, expected] of rows) test(name, () => assert.equal(cell('Restarts', pod(parts)), expected))
})

test('the wide columns say where a pod is', () => {
  const bound = pod({ status: { phase: 'Running', podIPs: [{ ip: '10.1.2.3' }], conditions: [isTrue('x/y')] } })
  bound.spec.nodeName = 'n'
  bound.spec.readinessGates = [{ conditionType: 'x/y' }, { conditionType: 'x/z' }]
  const columns = ['IP', 'Node', 'Nominated Node', 'Readiness Gates']
  assert.deepEqual(
    columns.map((name) => cell(name, bound)),
    ['10.1.2.3', 'n', '<none>', '1/2'],
  )
  assert.deepEqual(
    columns.map((name) => cell(name, pod({}))),
    ['<none>', '<none>', '<none>', '<none>'],
  )
})
