import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { fakeCgroups } from '#lib/host/fakeCgroups.ts'
import { computePodLimits, podCgroupPath, PodCgroups } from './podCgroups.ts'

const podOf = (...resources: NonNullable<Pod['spec']['containers'][number]['resources']>[]): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', uid: 'u' },
  spec: { containers: resources.map((each, index) => ({ name: `c${index}`, resources: each })) },
})

const rows: readonly [string, Pod, string, object][] = [
  ['best effort', podOf({}), '/n/kubepods/besteffort/podu', { cpuShares: 2 }],
  [
    'guaranteed',
    podOf({ limits: { cpu: '1', memory: '1Mi' }, requests: { cpu: '1', memory: '1Mi' } }),
    '/n/kubepods/podu',
    { cpuShares: 1024, cpuQuotaMicros: 100_000, memoryBytes: 2 ** 20 },
  ],
  [
    'burstable: one container without a limit',
    podOf(
      { limits: { cpu: '1', memory: '1Mi' }, requests: { cpu: '500m' } },
      { limits: { cpu: '1' }, requests: { cpu: '500m' } },
    ),
    '/n/kubepods/burstable/podu',
    { cpuShares: 1024, cpuQuotaMicros: 200_000 },
  ],
]
for (const [name, pod, path, limits] of rows) {
  test(`pod control group: ${name}`, () => {
    assert.equal(podCgroupPath('/n', pod), path)
    assert.deepEqual(computePodLimits(pod), limits)
  })
}

test('a pod is given room for what its containers had and will have, and then what they have', () => {
  const cgroups = fakeCgroups()
  const podCgroups = new PodCgroups(cgroups, '/n')
  const of = (cpu: string, memory: string): Pod => podOf({ limits: { cpu, memory }, requests: { cpu, memory } })
  podCgroups.create(of('1', '1Mi'))
  const changed = of('500m', '2Mi')
  podCgroups.widen(changed)
  const wide = { cpuShares: 1024, cpuQuotaMicros: 100_000, memoryBytes: 2 ** 21 }
  assert.deepEqual(cgroups.limitsOf('/n/kubepods/podu'), wide)
  podCgroups.limit(changed)
  assert.deepEqual(cgroups.limitsOf('/n/kubepods/podu'), { ...wide, cpuShares: 512, cpuQuotaMicros: 50_000 })
})

test('groups are made with their limits and removed', async () => {
  const cgroups = fakeCgroups()
  const podCgroups = new PodCgroups(cgroups, '/n')
  const pod = podOf({})
  podCgroups.create(pod)
  assert.deepEqual(cgroups.limitsOf('/n/kubepods/besteffort/podu'), { cpuShares: 2 })
  await podCgroups.remove(pod)
  assert.equal(cgroups.exists('/n/kubepods/besteffort/podu'), false)
})
