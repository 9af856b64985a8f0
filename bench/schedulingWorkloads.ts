/**
 * The workloads of Kubernetes' own scheduler benchmark: shapes and thresholds of kubernetes/kubernetes
 * test/integration/scheduler_perf/…/performance-config.yaml (2025–26), as facts. A threshold is the least average number of
 * pods bound in a second, with upstream's API server, etcd and scheduler in one process and no kubelets.
 *
 * Each is one entry of `workloads`.
 */
import type { Affinity, PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import type { Pod } from '#api/core/v1/pod.ts'

/** What is created of a pod, beside its name. */
export interface PodShape {
  readonly namespace: string
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: Partial<Pod['spec']>
  readonly finalizers?: readonly string[]
  /** A volume of the pod's own, with a claim that is bound to it. They are there before pods are created. */
  readonly volume?: Partial<PersistentVolumeSpec>
}

export interface PodGroup {
  readonly count: number
  pod(index: number): PodShape
  /** All of them are created, whatever the scale: without them the others would find room. */
  readonly whole?: true
  /** Pods that will not be bound are not waited for. */
  readonly stays?: 'pending'
  /** Deletes so many of the group in each second, from its end to that of the measurement. */
  readonly deletedPerSecond?: number
}

export interface NodeGroup {
  readonly count: number
  readonly name?: string
  labels?(index: number): Readonly<Record<string, string>>
  readonly capacity?: Readonly<Record<string, string>>
  readonly taints?: readonly { readonly key: string; readonly effect: 'NoSchedule' }[]
  /** A CSI driver of the nodes, which attaches so many volumes to each. */
  readonly driver?: { readonly name: string; readonly volumes: number }
}

export interface NamespaceGroup {
  readonly prefix: string
  readonly count: number
  readonly labels?: Readonly<Record<string, string>>
}

/** Something done again and again while pods are bound. */
export type Churn = 'mixed' | 'unschedulable' | 'preemptors'

export interface Workload {
  readonly name: string
  /** Pods in a second; upstream measures some without one. */
  readonly threshold?: number
  /** How many times the threshold the project wants; of pods in a second where there is none. */
  readonly wanted: number
  readonly nodes: readonly NodeGroup[]
  readonly namespaces?: readonly NamespaceGroup[]
  /** Services by namespace and selector. */
  readonly services?: readonly { readonly namespace: string; readonly selector: Readonly<Record<string, string>> }[]
  readonly before: readonly PodGroup[]
  readonly measured: PodGroup
  readonly churn?: Churn
}

const hostname = 'kubernetes.io/hostname'
const zone = 'topology.kubernetes.io/zone'
const first = 'sched-0'
const second = 'sched-1'

const plain: NodeGroup = { count: 5_000 }
const oneZone: NodeGroup = { count: 5_000, labels: () => ({ [zone]: 'zone1' }) }
const threeZones: NodeGroup = { count: 5_000, labels: (i) => ({ [zone]: `moon-${(i % 3) + 1}` }) }
const large: NodeGroup = {
  count: 1,
  name: 'scheduler-perf-node',
  capacity: { cpu: '90000', memory: '90000Gi', pods: '90000' },
}

const group = (count: number, namespace: string, shape: Omit<PodShape, 'namespace'> = {}): PodGroup => ({
  count,
  pod: () => ({ namespace, ...shape }),
})

const near = (color: string, term: Partial<PodAffinityTerm> & { readonly topologyKey: string }): PodAffinityTerm => ({
  labelSelector: { matchLabels: { color } },
  ...term,
})
const both = { namespaces: [first, second] }
const devops = { namespaceSelector: { matchLabels: { team: 'devops' } } }

const withAffinity = (color: string, affinity: Affinity): Omit<PodShape, 'namespace'> => ({
  labels: { color },
  spec: { affinity },
})
const disks = 'ebs.csi.aws.com'
const onDisk = (count: number, namespace: string, diskOf: (id: string) => Partial<PersistentVolumeSpec>): PodGroup => ({
  count,
  pod: (index) => ({ namespace, volume: diskOf(`${namespace}-${index}`) }),
})
const ownDisk = (volumeID: string) => ({ awsElasticBlockStore: { volumeID } })
const driverDisk = (volumeHandle: string) => ({ csi: { driver: disks, volumeHandle } })

const required = (term: PodAffinityTerm): { requiredDuringSchedulingIgnoredDuringExecution: PodAffinityTerm[] } => ({
  requiredDuringSchedulingIgnoredDuringExecution: [term],
})
const preferred = (
  podAffinityTerm: PodAffinityTerm,
): { preferredDuringSchedulingIgnoredDuringExecution: { weight: number; podAffinityTerm: PodAffinityTerm }[] } => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm }],
})

const affinity = withAffinity('blue', { podAffinity: required(near('blue', { topologyKey: zone, ...both })) })
const antiAffinity = withAffinity('green', {
  podAntiAffinity: required(near('green', { topologyKey: hostname, ...both })),
})
const preferredAffinity = withAffinity('red', {
  podAffinity: preferred(near('red', { topologyKey: hostname, ...both })),
})
const preferredAntiAffinity = withAffinity('yellow', {
  podAntiAffinity: preferred(near('yellow', { topologyKey: hostname, ...both })),
})
const inNamespaces = {
  requiredAffinity: withAffinity('blue', { podAffinity: required(near('blue', { topologyKey: zone, ...devops })) }),
  requiredAntiAffinity: withAffinity('green', {
    podAntiAffinity: required(near('green', { topologyKey: hostname, ...devops })),
  }),
  preferredAffinity: withAffinity('red', { podAffinity: preferred(near('red', { topologyKey: hostname, ...devops })) }),
  preferredAntiAffinity: withAffinity('yellow', {
    podAntiAffinity: preferred(near('yellow', { topologyKey: hostname, ...devops })),
  }),
}
const hundredNamespaces: readonly NamespaceGroup[] = [{ prefix: 'init-ns', count: 100, labels: { team: 'devops' } }]
/** So many pods in each of a hundred namespaces. */
const everywhere = (each: number, shape: Omit<PodShape, 'namespace'>): PodGroup => ({
  count: 100 * each,
  pod: (i) => ({ namespace: `init-ns-${i % 100}`, ...shape }),
})

const spreading = (whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway'): Omit<PodShape, 'namespace'> => ({
  labels: { color: 'blue' },
  spec: {
    topologySpreadConstraints: [
      { maxSkew: 5, topologyKey: zone, whenUnsatisfiable, labelSelector: { matchLabels: { color: 'blue' } } },
    ],
  },
})
const onNamedNode: Omit<PodShape, 'namespace'> = {
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['scheduler-perf-node'] }] },
          ],
        },
      },
    },
  },
}
const inZones: Omit<PodShape, 'namespace'> = {
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: 'In', values: ['zone1', 'zone2'] }] }],
        },
      },
    },
  },
}
const gated = { schedulingGates: [{ name: 'test.k8s.io/hold' }] }
const light = { containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }], terminationGracePeriodSeconds: 0 }

/** A pod of 3 CPUs that pods of lower priority make room for, and one of those: four of them fill a node. */
export const preemptor: Omit<PodShape, 'namespace'> = {
  spec: { priorityClassName: 'high', containers: [sized('3', '500Mi')] },
}
const victim: Omit<PodShape, 'namespace'> = {
  spec: { terminationGracePeriodSeconds: 0, containers: [sized('900m', '500Mi')] },
}

function sized(cpu: string, memory: string): Pod['spec']['containers'][number] {
  return { name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: { requests: { cpu, memory } } }
}

/** What the project wants of most workloads, of the plainest, and of those about neighbours. */
const [most, basic, ofNeighbours] = [2, 4, 30]

export const workloads: readonly Workload[] = [
  {
    name: 'SchedulingBasic',
    threshold: 680,
    wanted: basic,
    nodes: [plain],
    before: [group(1_000, first)],
    measured: group(10_000, second),
  },
  {
    name: 'SchedulingBasicLarge',
    threshold: 810,
    wanted: basic,
    nodes: [plain],
    before: [group(5_000, first)],
    measured: group(50_000, second),
  },
  {
    name: 'SchedulingDaemonset',
    threshold: 1_100,
    wanted: most,
    nodes: [{ count: 15_000 }, large],
    before: [],
    measured: group(30_000, first, onNamedNode),
  },
  {
    name: 'SchedulingWhileGated',
    threshold: 910,
    wanted: most,
    nodes: [large],
    before: [
      { ...group(10_000, first, { spec: gated }), stays: 'pending' },
      { ...group(20_000, first, { spec: light }), deletedPerSecond: 50 },
    ],
    measured: group(20_000, second, { spec: light }),
  },
  {
    name: 'SchedulingDeletedPodsWithFinalizers',
    threshold: 830,
    wanted: most,
    nodes: [plain],
    before: [{ ...group(5_000, first, { finalizers: ['test.k8s.io/hold'] }), deletedPerSecond: 100 }],
    measured: group(5_000, second),
  },
  {
    name: 'SchedulingSecrets',
    threshold: 790,
    wanted: most,
    nodes: [plain],
    before: [group(1_000, first)],
    measured: group(10_000, second, { spec: { volumes: [{ name: 'secret', secret: { secretName: 'secret' } }] } }),
  },
  {
    name: 'SchedulingWithMixedChurn',
    threshold: 710,
    wanted: most,
    nodes: [plain],
    before: [],
    measured: group(10_000, second),
    churn: 'mixed',
  },
  {
    name: 'Unschedulable',
    threshold: 590,
    wanted: most,
    nodes: [plain],
    before: [group(100, first)],
    measured: group(10_000, second),
    churn: 'unschedulable',
  },
  {
    name: 'PreemptionAsync',
    threshold: 570,
    wanted: most,
    nodes: [plain],
    before: [{ ...group(20_000, first, victim), whole: true }],
    measured: group(5_000, second),
    churn: 'preemptors',
  },
  {
    name: 'PreemptionBasic',
    wanted: 500,
    nodes: [{ count: 1_000 }],
    before: [{ ...group(4_000, first, victim), whole: true }],
    measured: group(1_000, second, preemptor),
  },
  {
    name: 'PreemptionBasicLarge',
    wanted: 500,
    nodes: [plain],
    before: [{ ...group(20_000, first, victim), whole: true }],
    measured: group(5_000, second, preemptor),
  },
  {
    name: 'SchedulingPodMatchingAntiAffinity',
    threshold: 595,
    wanted: most,
    nodes: [plain],
    before: [group(1_000, first, antiAffinity)],
    measured: group(5_000, second, { labels: { color: 'green' } }),
  },
  {
    name: 'TopologySpreading',
    threshold: 460,
    wanted: most,
    nodes: [threeZones],
    before: [group(5_000, first)],
    measured: group(5_000, second, spreading('DoNotSchedule')),
  },
  {
    name: 'PreferredTopologySpreading',
    threshold: 340,
    wanted: most,
    nodes: [threeZones],
    before: [group(5_000, first)],
    measured: group(5_000, second, spreading('ScheduleAnyway')),
  },
  {
    name: 'DefaultTopologySpreading',
    threshold: 160,
    wanted: most,
    nodes: [threeZones],
    services: [{ namespace: second, selector: { app: 'web' } }],
    before: [group(5_000, first)],
    measured: group(50_000, second, { labels: { app: 'web' } }),
  },
  {
    name: 'SchedulingWithNodeInclusionPolicy',
    threshold: 270,
    wanted: most,
    nodes: [{ count: 4_000 }, { count: 1_000, taints: [{ key: 'foo', effect: 'NoSchedule' }] }],
    before: [],
    measured: group(4_000, first, {
      labels: { foo: '' },
      spec: {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: hostname,
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { foo: '' } },
            nodeAffinityPolicy: 'Honor',
            nodeTaintsPolicy: 'Honor',
          },
        ],
      },
    }),
  },
  {
    name: 'SchedulingNodeAffinity',
    threshold: 220,
    wanted: most,
    nodes: [oneZone],
    before: [group(5_000, first)],
    measured: group(10_000, second, inZones),
  },
  {
    name: 'MixedSchedulingBasePod',
    threshold: 140,
    wanted: most,
    nodes: [oneZone],
    before: [{}, affinity, antiAffinity, preferredAffinity, preferredAntiAffinity].map((shape) =>
      group(2_000, first, shape),
    ),
    measured: group(5_000, second),
  },
  {
    name: 'SchedulingGatedPodsWithPodAffinityImpact',
    threshold: 110,
    wanted: most,
    nodes: [{ ...large, labels: () => ({ [zone]: 'zone1' }) }],
    before: [
      {
        ...group(10_000, first, { ...affinity, spec: { ...affinity.spec, ...gated } }),
        stays: 'pending',
      },
    ],
    measured: group(20_000, second, { labels: { color: 'blue' }, spec: light }),
  },
  {
    name: 'SchedulingPreferredPodAffinity',
    threshold: 90,
    wanted: ofNeighbours,
    nodes: [plain],
    before: [group(5_000, first)],
    measured: group(5_000, second, preferredAffinity),
  },
  {
    name: 'SchedulingPreferredPodAntiAffinity',
    threshold: 90,
    wanted: ofNeighbours,
    nodes: [plain],
    before: [group(5_000, first)],
    measured: group(5_000, second, preferredAntiAffinity),
  },
  {
    name: 'SchedulingPreferredAffinityWithNSSelector',
    threshold: 90,
    wanted: ofNeighbours,
    nodes: [plain],
    namespaces: hundredNamespaces,
    before: [everywhere(50, inNamespaces.preferredAffinity)],
    measured: group(5_000, first, inNamespaces.preferredAffinity),
  },
  {
    name: 'SchedulingPodAntiAffinity',
    threshold: 60,
    wanted: ofNeighbours,
    nodes: [plain],
    before: [group(1_000, first, antiAffinity)],
    measured: group(2_000, second, antiAffinity),
  },
  {
    name: 'SchedulingPreferredAntiAffinityWithNSSelector',
    threshold: 55,
    wanted: ofNeighbours,
    nodes: [plain],
    namespaces: hundredNamespaces,
    before: [everywhere(40, inNamespaces.preferredAntiAffinity)],
    measured: group(2_000, first, inNamespaces.preferredAntiAffinity),
  },
  {
    name: 'SchedulingPodAffinity',
    threshold: 35,
    wanted: ofNeighbours,
    nodes: [oneZone],
    before: [group(5_000, first, affinity)],
    measured: group(5_000, second, affinity),
  },
  {
    name: 'SchedulingRequiredPodAffinityWithNSSelector',
    threshold: 35,
    wanted: ofNeighbours,
    nodes: [oneZone],
    namespaces: hundredNamespaces,
    before: [everywhere(50, inNamespaces.requiredAffinity)],
    measured: group(2_000, first, inNamespaces.requiredAffinity),
  },
  {
    name: 'SchedulingRequiredPodAntiAffinityWithNSSelector',
    threshold: 24,
    wanted: ofNeighbours,
    nodes: [{ count: 6_000 }],
    namespaces: hundredNamespaces,
    before: [everywhere(40, inNamespaces.requiredAntiAffinity)],
    measured: group(2_000, first, inNamespaces.requiredAntiAffinity),
  },
  {
    name: 'SchedulingInTreePVs',
    threshold: 290,
    wanted: most,
    nodes: [plain],
    before: [onDisk(1_000, first, ownDisk)],
    measured: onDisk(2_000, second, ownDisk),
  },
  {
    name: 'SchedulingCSIPVs',
    threshold: 100,
    wanted: most,
    nodes: [{ ...plain, driver: { name: disks, volumes: 39 } }],
    before: [onDisk(5_000, first, driverDisk)],
    measured: onDisk(5_000, second, driverDisk),
  },
]
