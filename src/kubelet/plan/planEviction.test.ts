import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { limitsStorage, planEviction } from './planEviction.ts'

const container = (name: string, limit?: string, parts: Partial<Container> = {}): Container => ({
  name,
  ...(limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } }),
  ...parts,
})
const podOf = (spec: Partial<Pod['spec']>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [container('c')], ...spec },
})
const folder = (name: string, sizeLimit?: string, medium?: string) => ({
  name,
  emptyDir: { ...(sizeLimit === undefined ? {} : { sizeLimit }), ...(medium === undefined ? {} : { medium }) },
})
const MiB = 2 ** 20

const rows: readonly [string, Pod, Record<string, number>, Record<string, number>, string | undefined][] = [
  ['a full folder', podOf({ volumes: [folder('v', '1Mi')] }), { v: MiB }, {}, undefined],
  [
    'a folder that is more than full',
    podOf({ volumes: [folder('v', '1Mi')] }),
    { v: MiB + 1 },
    {},
    'emptydirfs.limit: Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
  ],
  [
    'all that the pod writes counts for the sum of its limits, but not what is in memory',
    podOf({
      volumes: [folder('v'), folder('m', undefined, 'Memory')],
      containers: [container('a', '1Mi'), container('b', '2Mi')],
    }),
    { v: MiB, m: 9 * MiB },
    { a: MiB, b: MiB },
    undefined,
  ],
  [
    'more than all limits',
    podOf({ volumes: [folder('v')], containers: [container('a', '1Mi'), container('b', '2Mi')] }),
    { v: MiB + 1 },
    { a: MiB, b: MiB },
    'ephemeralpodfs.limit: Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. ',
  ],
  [
    'more than its own limit',
    podOf({ containers: [container('a', '1Mi'), container('b', '2Mi')] }),
    {},
    { a: MiB + 1 },
    'ephemeralcontainerfs.limit: Container a exceeded its local ephemeral storage limit "1Mi". ',
  ],
  [
    'an init container that may write more than the others raises the limit of the pod',
    podOf({ initContainers: [container('i', '5Mi')], containers: [container('a', '1Mi')] }),
    {},
    { i: 4 * MiB },
    undefined,
  ],
]
for (const [name, pod, volumes, containers, expected] of rows) {
  test(`eviction: ${name}`, () => {
    const written = { volumes: new Map(Object.entries(volumes)), containers: new Map(Object.entries(containers)) }
    const found = planEviction(pod, written)
    assert.equal(found && `${found.signal}: ${found.message}`, expected)
  })
}

const limited: readonly [string, Pod, boolean][] = [
  ['nothing is said', podOf({ volumes: [folder('v', '0')] }), false],
  ['of a folder', podOf({ volumes: [folder('v', '1')] }), true],
  ['of a container', podOf({ containers: [container('c', '1')] }), true],
  ['of a pod that the cluster needs', podOf({ containers: [container('c', '1')], priority: 2e9 }), false],
]
for (const [name, pod, expected] of limited) {
  test(`limits of storage: ${name}`, () => assert.equal(limitsStorage(pod), expected))
}
