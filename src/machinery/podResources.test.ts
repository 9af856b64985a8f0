import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { podRequests, podRequestsOnNode, podRequestsOnNodeForScore } from './podResources.ts'

type Requests = Readonly<Record<string, string>>

interface Row {
  readonly name: string
  readonly spec: Pod['spec']
  readonly status?: Pod['status']
  /** Thousandths of a CPU and whole units of huge pages that the pod asks for, and that it takes of its node. */
  readonly wanted: readonly [cpu: number, hugePages: number]
  readonly onNode?: number
}

const hugePages = 'hugepages-2Mi'

const container = (name: string, requests: Requests, more: object = {}) => {
  return { name, image: 'i', resources: { requests }, ...more }
}
const status = (name: string, more: object) => {
  return { name, ready: true, restartCount: 0, image: 'i', imageID: 'i', ...more }
}
/** A container that was granted, and has, these. */
const having = (name: string, requests: Requests) =>
  status(name, { allocatedResources: requests, resources: { requests } })

const infeasible = { type: 'PodResizePending', status: 'True', reason: 'Infeasible' } as const

const rows: readonly Row[] = [
  {
    name: 'containers run together',
    spec: { containers: [container('a', { cpu: '1' }), container('b', { cpu: '250m' })] },
    wanted: [1_250, 0],
  },
  {
    name: 'containers that begin one after the other need as much as the greediest, beside the sidecars before it',
    spec: {
      initContainers: [
        container('first', { cpu: '3' }),
        container('sidecar', { cpu: '500m' }, { restartPolicy: 'Always' }),
        container('second', { cpu: '2800m' }),
      ],
      containers: [container('a', { cpu: '1' })],
    },
    wanted: [3_300, 0],
  },
  {
    name: 'overhead comes on top',
    spec: { containers: [container('a', { cpu: '1' })], overhead: { cpu: '100m' } },
    wanted: [1_100, 0],
  },
  {
    name: 'a request of the whole pod takes the place of those of its containers, of huge pages too',
    spec: {
      containers: [container('a', { cpu: '1', [hugePages]: '2Mi' })],
      resources: { requests: { cpu: '3', [hugePages]: '8Mi' } },
      overhead: { cpu: '100m' },
    },
    wanted: [3_100, 8 * 2 ** 20],
  },
  {
    name: 'a resize downwards frees nothing before the container gave it back',
    spec: { containers: [container('a', { cpu: '1' })] },
    status: { containerStatuses: [having('a', { cpu: '3' })] },
    wanted: [1_000, 0],
    onNode: 3_000,
  },
  {
    name: 'a resize upwards takes room from the moment it is asked for',
    spec: { containers: [container('a', { cpu: '3' })] },
    status: { containerStatuses: [having('a', { cpu: '1' })] },
    wanted: [3_000, 0],
    onNode: 3_000,
  },
  {
    name: 'a resize that the node can never grant takes nothing',
    spec: { containers: [container('a', { cpu: '3' })] },
    status: { conditions: [infeasible], containerStatuses: [having('a', { cpu: '1' })] },
    wanted: [3_000, 0],
    onNode: 1_000,
  },
  {
    name: 'what was granted and is not yet in force counts',
    spec: { containers: [container('a', { cpu: '1' })] },
    status: {
      containerStatuses: [
        status('a', { allocatedResources: { cpu: '2' }, resources: { requests: { cpu: '1' } } }),
        having('gone', { cpu: '9' }),
      ],
    },
    wanted: [1_000, 0],
    onNode: 2_000,
  },
  {
    name: 'of the containers that begin one after the other only sidecars can be resized',
    spec: {
      initContainers: [
        container('sidecar', { cpu: '1' }, { restartPolicy: 'Always' }),
        container('first', { cpu: '1' }),
      ],
      containers: [container('a', {})],
    },
    status: { initContainerStatuses: [having('sidecar', { cpu: '2' }), having('first', { cpu: '9' })] },
    wanted: [2_000, 0],
    onNode: 3_000,
  },
]

for (const { name, spec, status: own, wanted, onNode = wanted[0] } of rows) {
  test(name, () => {
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec, ...(own && { status: own }) }
    const asked = podRequests(pod)
    assert.deepEqual([asked.milliCpu, asked.others.get(hugePages) ?? 0], wanted)
    assert.equal(podRequestsOnNode(pod).milliCpu, onNode)
  })
}

test('for scores, a container that says nothing has the floor, unless it was granted something', () => {
  const scored = (containerStatuses: object[]): number =>
    podRequestsOnNodeForScore({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers: [container('a', {})] },
      status: { containerStatuses } as NonNullable<Pod['status']>,
    }).milliCpu
  assert.deepEqual(
    [scored([]), scored([having('a', { memory: '1Gi' })]), scored([having('a', { cpu: '1m' })])],
    [100, 100, 1],
  )
})
