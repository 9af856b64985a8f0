import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { podWarnings, templateWarnings, workloadWarnings } from './warnings.ts'

const container = { name: 'c', image: 'x:1' }
const pod = (own: Partial<PodSpec>, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...metadata },
  spec: { containers: [container], ...own },
})
const withContainer = (own: object): Partial<PodSpec> => ({ containers: [{ ...container, ...own }] })
const withVolume = (own: object): Partial<PodSpec> => ({ volumes: [{ name: 'v', ...own } as Volume] })
const arch = 'beta.kubernetes.io/arch'
const useArch = 'deprecated since v1.14; use "kubernetes.io/arch" instead'
const none = 'a null labelSelector results in matching no pod'
const seccomp = String.raw`non-functional in v1.27+; use the \"seccompProfile\" field instead`
const file = (path: string): object => ({ key: 'k', path })

describe('a new pod is told of', () => {
  const rows: readonly [string, Partial<PodSpec>, readonly string[]][] = [
    ['nothing', {}, []],
    ['older labels of nodes', { nodeSelector: { [arch]: 'a', b: 'c' } }, [`spec.nodeSelector[${arch}]: ${useArch}`]],
    [
      'older labels of nodes that it would like',
      {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [{ key: arch, operator: 'Exists' }] } },
            ],
          },
        },
      },
      [
        `spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: ${arch} is ${useArch}`,
      ],
    ],
    [
      'spreading of nobody',
      { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: arch, whenUnsatisfiable: 'DoNotSchedule' }] },
      [
        `spec.topologySpreadConstraints[0].topologyKey: ${arch} is ${useArch}`,
        `spec.topologySpreadConstraints[0].labelSelector: ${none}`,
      ],
    ],
    [
      'neighbours that are nobody',
      { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a' }] } } },
      [`spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: ${none}`],
    ],
    [
      'volumes that are going',
      withVolume({ gitRepo: { repository: 'x' } }),
      ['spec.volumes[0].gitRepo: deprecated in v1.11'],
    ],
    [
      'parts of a byte',
      withContainer({ resources: { limits: { memory: '1500m', cpu: '1500m' } } }),
      ['spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer'],
    ],
    [
      'files that hide each other',
      withVolume({ configMap: { name: 'm', items: [file('a'), file('a/b'), file('c')] } }),
      ['volume "v" (ConfigMap "m"): overlapping paths: "a/b" with "a"'],
    ],
    [
      'files of two sources that hide each other',
      withVolume({
        projected: {
          sources: [
            { secret: { name: 's', items: [file('token')] } },
            { serviceAccountToken: { path: 'token' } },
            {},
            { configMap: { name: 'm' } },
          ],
        },
      }),
      [
        'volume "v" (Projected ServiceAccountToken): overlapping paths: "token" with "token"',
        'volume "v" (Projected) has no sources provided',
      ],
    ],
    [
      'entries that are there twice',
      {
        hostAliases: [{ ip: '1.2.3.4' }, { ip: '1.2.3.4' }],
        imagePullSecrets: [{ name: 's' }, { name: 's' }, { name: '' }],
      },
      [
        'spec.hostAliases[1].ip: duplicate ip "1.2.3.4"',
        'spec.imagePullSecrets[1].name: duplicate name "s"',
        'spec.imagePullSecrets[2].name: invalid empty name ""',
      ],
    ],
    [
      'variables that are lost',
      withContainer({
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '$(A)2' },
          { name: 'A', value: '3' },
        ],
      }),
      ['spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply'],
    ],
    [
      'ports that are there twice',
      withContainer({
        ports: [
          { containerPort: 80, protocol: 'TCP' },
          { containerPort: 80, protocol: 'TCP' },
          { containerPort: 80, protocol: 'TCP', hostPort: 80 },
          { containerPort: 80, protocol: 'TCP', hostPort: 80, hostIP: '1.2.3.4' },
        ],
      }),
      [
        'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
        'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]',
        'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]',
        'spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[0]',
        'spec.containers[0].ports[3]: overlapping port definition with spec.containers[0].ports[1]',
        'spec.containers[0].ports[3]: dangerously ambiguous port definition with spec.containers[0].ports[2]',
      ],
    ],
    [
      'an address without its port',
      withContainer({ ports: [{ containerPort: 80, protocol: 'TCP', hostIP: '1.2.3.4' }] }),
      [
        'spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.2.3.4}',
      ],
    ],
    [
      'a grace below nought',
      { terminationGracePeriodSeconds: -1 },
      ['spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1'],
    ],
  ]
  for (const [name, own, expected] of rows) test(name, () => assert.deepEqual(podWarnings(pod(own)), expected))

  test('its name and its annotations', () => {
    const annotations = {
      'scheduler.alpha.kubernetes.io/critical-pod': '',
      'seccomp.security.alpha.kubernetes.io/pod': 'x',
      'container.seccomp.security.alpha.kubernetes.io/c': 'x',
      'container.apparmor.security.beta.kubernetes.io/c': 'x',
    }
    assert.deepEqual(podWarnings(pod({}, { name: 'a.b', annotations })), [
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      `metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: ${seccomp}`,
      `metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: ${seccomp}`,
    ])
    const { spec } = pod({})
    assert.deepEqual(templateWarnings({ metadata: { annotations }, spec }, 'spec.template').slice(3), [
      String.raw`spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the \"appArmorProfile\" field instead`,
    ])
  })
})

test('thousands of mistakes take no longer than a moment, and are told in part', () => {
  const ports = Array.from({ length: 20_000 }, () => ({ containerPort: 80 }))
  const others = Array.from({ length: 20_000 }, (_, index) => ({ containerPort: 81, hostPort: index + 1 }))
  const items = Array.from({ length: 20_000 }, (_, index) => ({ key: 'k', path: `${'/'.repeat(20)}${index}` }))
  const hostile = pod({ ...withContainer({ ports: [...others, ...ports] }), ...withVolume({ secret: { items } }) })
  assert.equal(podWarnings(hostile).length, 100)
})

test('a workload is told of its name once, and of its template when that may have changed', () => {
  const { spec } = pod({ terminationGracePeriodSeconds: -1 })
  const workload = (generation: number): Pod => pod({}, { name: 'a.b', generation })
  const count = (old?: Pod): number => workloadWarnings(workload(2), old, { spec }).length
  assert.deepEqual([count(), count(workload(1)), count(workload(2))], [2, 1, 0])
})
