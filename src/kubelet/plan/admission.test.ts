import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PressureCondition } from '../eviction/signals.ts'
import { admitPod, checkAppArmor } from './admission.ts'

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', labels: { disk: 'ssd' } },
  spec: {
    taints: [
      { key: 'gone', effect: 'NoExecute' },
      { key: 'busy', effect: 'NoSchedule' },
    ],
  },
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3', 'example.com/gpu': '1' } },
}
const tolerations = [{ key: 'gone', operator: 'Exists' as const }]
const podOf = (uid: string, spec: Partial<Pod['spec']> = {}, phase: 'Running' | 'Succeeded' = 'Running'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: uid, uid },
  spec: { containers: [{ name: 'c' }], tolerations, ...spec },
  status: { phase },
})
const asking = (cpu: string): Partial<Pod['spec']> => ({
  containers: [{ name: 'c', resources: { requests: { cpu } } }],
})
const wanting = (resource: string): Partial<Pod['spec']> => ({
  containers: [{ name: 'c', resources: { requests: { [resource]: '1' } } }],
})
const port = (hostPort: number, hostIP?: string): Partial<Pod['spec']> => ({
  containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, ...(hostIP === undefined ? {} : { hostIP }) }] }],
})

const sysctl = (name: string): Partial<Pod['spec']> => ({ securityContext: { sysctls: [{ name, value: '1' }] } })

const rows: readonly [string, Pod, readonly Pod[], string | undefined][] = [
  [
    'wants groups that its image does not name',
    podOf('a', { securityContext: { supplementalGroupsPolicy: 'Strict' } }),
    [],
    'SupplementalGroupsPolicyNotSupported: SupplementalGroupsPolicy=Strict is not supported in this node',
  ],
  [
    'a parameter of the kernel that others share',
    podOf('a', sysctl('kernel/msgmax')),
    [],
    'SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowlisted',
  ],
  [
    "a parameter of the node's own network",
    podOf('a', { ...sysctl('net.ipv4.tcp_syncookies'), hostNetwork: true }),
    [],
    'SysctlForbidden: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
  ],
  ['a parameter of its own', podOf('a', sysctl('net/ipv4/tcp_syncookies')), [], undefined],
  [
    'another system',
    podOf('a', { os: { name: 'windows' } }),
    [],
    "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS",
  ],
  ['fits', podOf('a', asking('1')), [podOf('b', asking('1'))], undefined],
  [
    'asks for too much',
    podOf('a', asking('1500m')),
    [podOf('b', asking('600m'))],
    "OutOfcpu: Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000",
  ],
  ['those that are done count no more', podOf('a', asking('2')), [podOf('b', asking('2'), 'Succeeded')], undefined],
  [
    'a resource of which too little is left',
    podOf('a', wanting('example.com/gpu')),
    [podOf('b', wanting('example.com/gpu'))],
    "OutOfexample.com/gpu: Node didn't have enough resource: example.com/gpu, requested: 1, used: 1, capacity: 1",
  ],
  ['a resource that the node knows nothing of', podOf('a', wanting('example.com/dongle')), [], undefined],
  [
    'too many pods',
    podOf('a'),
    [podOf('b'), podOf('c'), podOf('d')],
    "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
  ],
  [
    'another kind of node',
    podOf('a', { nodeSelector: { disk: 'hdd' } }),
    [],
    "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  ],
  [
    'a port that is taken',
    podOf('a', port(8080)),
    [podOf('b', port(8080, '10.0.0.1'))],
    "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  ],
  [
    'the same port of another address',
    podOf('a', port(8080, '10.0.0.2')),
    [podOf('b', port(8080, '10.0.0.1'))],
    undefined,
  ],
  [
    'a taint that evicts',
    podOf('a', { tolerations: [] }),
    [],
    'TaintToleration: Predicate TaintToleration failed: node(s) had untolerated taint {gone: }',
  ],
]
const burstable = asking('1m')
const critical = { priority: 2e9 }
const patient = {
  tolerations: [...tolerations, { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' as const }],
}
const short: readonly [string, Partial<Pod['spec']>, readonly PressureCondition[], string | undefined][] = [
  ['of memory, for a pod that asks for nothing', {}, ['MemoryPressure'], '[MemoryPressure]'],
  ['of memory, for a pod that puts up with it', patient, ['MemoryPressure'], undefined],
  ['of memory, for a pod that says what it needs', burstable, ['MemoryPressure'], undefined],
  ['of disk, for any pod', burstable, ['DiskPressure'], '[DiskPressure]'],
  [
    'of both, for a pod that puts up with one',
    patient,
    ['MemoryPressure', 'DiskPressure'],
    '[MemoryPressure DiskPressure]',
  ],
  ['of processes, for any pod', burstable, ['PIDPressure'], '[PIDPressure]'],
  ['of disk, for a pod that the cluster needs', critical, ['DiskPressure'], undefined],
]
for (const [name, spec, pressures, conditions] of short) {
  test(`admitPod: a node that is short ${name}`, () => {
    const failure = conditions && { reason: 'Evicted', message: `The node had condition: ${conditions}. ` }
    assert.deepEqual(admitPod(podOf('a', spec), [], node, pressures), failure)
  })
}
for (const [name, pod, others, expected] of rows) {
  test(`admitPod: ${name}`, () => {
    const failure = admitPod(pod, others, node)
    assert.equal(failure === undefined ? undefined : `${failure.reason}: ${failure.message}`, expected)
  })
}

test('checkAppArmor: a machine without AppArmor refuses whom it is to confine', () => {
  const of = (pod: object, container: object): Pod =>
    podOf('a', { securityContext: pod, initContainers: [{ name: 'i', securityContext: container }] })
  const profile = (type: string) => ({ appArmorProfile: { type } })
  const refusal = { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }
  assert.deepEqual(checkAppArmor(of(profile('RuntimeDefault'), {}), false), refusal)
  assert.deepEqual(checkAppArmor(of({}, profile('Localhost')), false), refusal)
  assert.equal(checkAppArmor(of(profile('Unconfined'), profile('Unconfined')), false), undefined)
  assert.equal(checkAppArmor(of({}, {}), false), undefined)
  assert.equal(checkAppArmor(of(profile('RuntimeDefault'), {}), true), undefined)
})
