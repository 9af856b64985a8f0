import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { evictionReason, rankPods, type Candidate, type PodUse } from './rankPods.ts'
import type { SignalName } from './signals.ts'
import { thresholdsOf } from './thresholds.ts'

const MiB = 2 ** 20

interface Of {
  readonly requests?: Readonly<Record<string, string>>
  readonly priority?: number
  readonly memory?: number
  readonly processes?: number
  readonly root?: number
  readonly logs?: number
  readonly volumes?: number
  readonly inodes?: number
  readonly isUnknown?: boolean
}

function candidate(name: string, of: Of): Candidate {
  const { requests, priority, memory = 0, processes = 0, root = 0, logs = 0, volumes = 0, inodes = 0 } = of
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      containers: [{ name: 'c', ...(requests === undefined ? {} : { resources: { requests: { ...requests } } }) }],
      ...(priority === undefined ? {} : { priority }),
    },
  }
  const use: PodUse = {
    memoryBytes: memory * MiB,
    processes,
    containers: [
      {
        name: 'c',
        memoryBytes: memory * MiB,
        root: { bytes: root * MiB, inodes },
        logs: { bytes: logs * MiB, inodes: 0 },
      },
    ],
    volumes: { bytes: volumes * MiB, inodes: 0 },
  }
  return { pod, use: of.isUnknown === true ? undefined : use }
}

const asks = (memory: string) => ({ requests: { memory } })
const rows: readonly (readonly [string, SignalName, boolean, Readonly<Record<string, Of>>, string])[] = [
  [
    'of memory: what is over its request goes before what is not, however important',
    'memory.available',
    false,
    { within: { ...asks('10Mi'), memory: 9, priority: -5 }, over: { ...asks('1Mi'), memory: 2, priority: 1000 } },
    'over within',
  ],
  [
    'of memory: then by priority, then by what is used beyond the request',
    'memory.available',
    false,
    {
      high: { memory: 90, priority: 10 },
      little: { ...asks('10Mi'), memory: 20 },
      much: { ...asks('1Mi'), memory: 15 },
    },
    'much little high',
  ],
  [
    'of memory: what is not known goes first',
    'memory.available',
    false,
    { big: { memory: 900 }, new: { isUnknown: true, priority: 9 } },
    'new big',
  ],
  [
    'of processes: by priority and number alone',
    'pid.available',
    false,
    { few: { processes: 2 }, many: { processes: 9 }, high: { processes: 99, priority: 1 } },
    'many few high',
  ],
  [
    'of the only disk: all that was written counts',
    'nodefs.available',
    false,
    { a: { root: 1, logs: 1, volumes: 1 }, b: { root: 4 }, c: { requests: { 'ephemeral-storage': '9Mi' }, root: 8 } },
    'b a c',
  ],
  [
    'of the disk of images: what containers wrote beside volumes',
    'imagefs.available',
    true,
    { a: { root: 1, logs: 9, volumes: 9 }, b: { root: 2 } },
    'b a',
  ],
  [
    'of the disk without images: logs and volumes',
    'nodefs.available',
    true,
    { a: { root: 99 }, b: { logs: 1 }, c: { volumes: 2 } },
    'c b a',
  ],
  [
    'of inodes: their number',
    'nodefs.inodesFree',
    false,
    { few: { root: 99, inodes: 1 }, many: { inodes: 2 } },
    'many few',
  ],
]
for (const [name, signal, hasImageDisk, pods, expected] of rows) {
  test(`rankPods: for want ${name}`, () => {
    const candidates = Object.entries(pods).map(([pod, of]) => candidate(pod, of))
    const ranked = rankPods(candidates, signal, hasImageDisk)
    assert.equal(ranked.map(({ pod }) => pod.metadata.name).join(' '), expected)
  })
}

test('evictionReason: who used more than was asked for, for people and for programs', () => {
  const [threshold] = thresholdsOf({ evictionHard: { 'memory.available': '100Mi' } })
  const seen = new Map([['memory.available', { capacity: 1000 * MiB, available: 70 * MiB + 1 }]] as const)
  assert.deepEqual(evictionReason(candidate('p', { ...asks('10Mi'), memory: 20 }), threshold!, [threshold!], seen), {
    message:
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 73400321. ' +
      'Container c was using 20Mi, request is 10Mi, has larger consumption of memory. ',
    annotations: { offending_containers: 'c', offending_containers_usage: '20Mi', starved_resource: 'memory' },
  })
  assert.deepEqual(evictionReason(candidate('p', { isUnknown: true }), threshold!, [threshold!], seen), {
    message: 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 73400321. ',
    annotations: {},
  })
})

test('evictionReason: a pod that asks as a whole, and containers that ask for nothing', () => {
  const [memory, disk] = thresholdsOf({ evictionHard: { 'memory.available': '10%', 'nodefs.available': '10%' } })
  const seen = new Map([
    ['memory.available', { capacity: 1024, available: 1 }],
    ['nodefs.available', { capacity: 10 * 1024, available: 512 }],
  ] as const)
  const whole = candidate('p', { memory: 1, root: 2, logs: 1 })
  const asking = {
    ...whole,
    pod: { ...whole.pod, spec: { ...whole.pod.spec, resources: { requests: { memory: '2Mi' } } } },
  }
  assert.equal(
    evictionReason(asking, memory!, [memory!, disk!], seen).message,
    'The node was low on resource: memory. Threshold quantity: 102, available: 1. ' +
      'Pod p was using 1Mi, request is 2Mi, has larger consumption of memory. ' +
      'Container c was using 1Mi, request is 0, has larger consumption of memory. ',
  )
  assert.equal(
    evictionReason(whole, disk!, [memory!, disk!], seen).message,
    'The node was low on resource: ephemeral-storage. Threshold quantity: 1Ki, available: 512. ' +
      'Container c was using 3Mi, request is 0, has larger consumption of ephemeral-storage. ',
  )
})
