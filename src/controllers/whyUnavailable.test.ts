import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import { whyUnavailable } from './whyUnavailable.ts'

const container = (name: string, rest: object = {}) => ({
  name,
  ready: false,
  restartCount: 0,
  image: 'i',
  imageID: 'i',
  ...rest,
})
const waiting = (reason: string, message?: string) => ({
  state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
})

const rows: readonly { name: string; status: PodStatus; ending?: true; why: string }[] = [
  { name: 'nothing known', status: {}, why: 'it is not ready' },
  { name: 'on its way out', status: {}, ending: true, why: 'it is being deleted' },
  {
    name: 'not placed',
    status: {
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' },
      ],
    },
    why: 'it has no node: 0/1 nodes are available',
  },
  {
    name: 'starting',
    status: { containerStatuses: [container('c', waiting('ContainerCreating'))] },
    why: 'container "c" is not ready',
  },
  {
    name: 'no image',
    status: {
      containerStatuses: [
        container('a', { ready: true }),
        container('c', waiting('ImagePullBackOff', 'Back-off pulling image "x"')),
      ],
    },
    why: 'container "c" waits: ImagePullBackOff: Back-off pulling image "x"',
  },
  {
    name: 'crashing',
    status: {
      containerStatuses: [
        container('c', {
          ...waiting('CrashLoopBackOff', 'back-off 10s'),
          lastState: { terminated: { exitCode: 3, reason: 'Error' } },
        }),
      ],
    },
    why: 'container "c" waits: CrashLoopBackOff: last ended with Error (3)',
  },
  {
    name: 'an init container comes first',
    status: {
      initContainerStatuses: [container('init', { state: { terminated: { exitCode: 1, reason: 'Error' } } })],
      containerStatuses: [container('c', waiting('PodInitializing'))],
    },
    why: 'container "init" ended with Error (1)',
  },
  {
    name: 'ready, but not for long',
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
    why: 'it has not been ready for long enough',
  },
]

for (const { name, status, ending, why } of rows) {
  test(`why a pod is not available: ${name}`, () => {
    const metadata = { name: 'p', ...(ending === undefined ? {} : { deletionTimestamp: '2026-01-01T00:00:00Z' }) }
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] }, status }
    assert.equal(whyUnavailable(pod), why)
  })
}
