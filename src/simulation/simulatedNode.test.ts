import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import { PodAddresses } from './podAddresses.ts'
import { computeHealthyConditions, computeNode, planStatus } from './simulatedNode.ts'

const start = Date.UTC(2026, 0, 1)

test('a node registers as a healthy kubelet does', () => {
  const spec = { name: 'simulated-1', address: '198.18.0.1', capacity: { cpu: '4' } }
  const node = computeNode(spec, start) as Node
  assert.equal(planStatus(spec, node, start), undefined)
  assert.deepEqual(planStatus(spec, { ...node, status: {} }, start), node.status)
  assert.deepEqual(node.metadata.labels, {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'k8ts.dev/simulated': 'true',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': 'simulated-1',
    'kubernetes.io/os': 'linux',
  })
  assert.deepEqual(node.status?.allocatable, {
    cpu: '4',
    'ephemeral-storage': '1Ti',
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: '256Gi',
    pods: '110',
  })
  assert.deepEqual(
    node.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
    [
      ['MemoryPressure', 'False', 'KubeletHasSufficientMemory'],
      ['DiskPressure', 'False', 'KubeletHasNoDiskPressure'],
      ['PIDPressure', 'False', 'KubeletHasSufficientPID'],
      ['Ready', 'True', 'KubeletReady'],
    ],
  )
  assert.match(node.status!.nodeInfo!.systemUUID, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
})

test('conditions that somebody wrote over are mended, those of others kept, and times only where the status changed', () => {
  const healthy = computeHealthyConditions([], start)
  const others = { type: 'NetworkUnavailable', status: 'False' as const }
  const unknown = healthy.map((each) => (each.type === 'Ready' ? { ...each, status: 'Unknown' as const } : each))
  const spec = { name: 'a', address: '198.18.0.1' }
  const node = computeNode(spec, start) as Node
  const conditions = [...unknown, others]
  const plan = planStatus(spec, { ...node, status: { ...node.status, conditions } }, start)
  assert.deepEqual(plan, { conditions: healthy })
  const mended = computeHealthyConditions([...unknown, others], start + 60_000)
  assert.deepEqual(
    mended.map(({ type, lastTransitionTime }) => `${type} ${lastTransitionTime?.slice(14, 19) ?? ''}`),
    ['MemoryPressure 00:00', 'DiskPressure 00:00', 'PIDPressure 00:00', 'Ready 01:00', 'NetworkUnavailable '],
  )
})

test('addresses are handed out in turn, one of each block, until there are none left', () => {
  const addresses = new PodAddresses(['10.244.1.0/29', 'fd00:1::/64'])
  assert.deepEqual(addresses.of('a'), ['10.244.1.2', 'fd00:1::2'])
  assert.deepEqual(addresses.of('a'), ['10.244.1.2', 'fd00:1::2'])
  addresses.adopt('earlier', ['10.244.1.3', 'fd00:1::3'])
  assert.deepEqual(addresses.of('b'), ['10.244.1.4', 'fd00:1::4'])
  addresses.release('a')
  assert.deepEqual(addresses.of('c'), ['10.244.1.5', 'fd00:1::5'])
  assert.deepEqual(addresses.of('d'), ['10.244.1.6', 'fd00:1::6'])
  assert.deepEqual(addresses.of('e'), ['10.244.1.2', 'fd00:1::2'])
  assert.equal(addresses.of('f'), undefined)
  assert.throws(() => new PodAddresses(['10.244.1.0']), /"10.244.1.0" is not a CIDR block/)
})
