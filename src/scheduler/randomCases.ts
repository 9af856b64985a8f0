/** Random clusters and pods for tests of decisions; few names, so that everything meets everything else. */
import type { Affinity, PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { TopologySpreadConstraint } from '#api/core/v1/scheduling.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import type { PluginArguments } from '#scheduler/plugins/index.ts'
import { nodeOf, podOf } from './testObjects.ts'

export const namespaceNames = ['default', 'team-a', 'team-b'] as const

/** Draws from a source of randomness. */
export class Draws {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  below(bound: number): number {
    return randomInteger(this.#random, bound)
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  /** The value, or nothing, where `one` in so many times there is something. */
  rarely<T>(oneIn: number, value: () => T): T | undefined {
    return this.below(oneIn) === 0 ? value() : undefined
  }

  /** From `least` to `most` values. */
  some<T>(least: number, most: number, value: () => T): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, value)
  }
}

const keys = ['kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/zone', 'rack']

export function drawNode(draws: Draws, name: string): Node {
  const effect = draws.oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const)
  const taint = draws.rarely(5, () => ({ key: draws.oneOf(['slow', 'gpu']), effect }))
  return nodeOf({
    name,
    labels: {
      disk: draws.oneOf(['ssd', 'hdd']),
      ...(draws.rarely(6, () => ({})) ?? { 'topology.kubernetes.io/zone': draws.oneOf(['a', 'b', 'c']) }),
      ...draws.rarely(2, () => ({ rack: draws.oneOf(['1', '2']) })),
    },
    allocatable: {
      cpu: draws.oneOf(['1', '2', '4', '4']),
      pods: draws.oneOf(['3', '8', '110', '110']),
      ...draws.rarely(3, () => ({ 'example.com/gpu': '2' })),
      ...draws.rarely(3, () => ({ 'ephemeral-storage': '10Gi' })),
    },
    spec: {
      ...(taint === undefined ? {} : { taints: [taint] }),
      ...draws.rarely(10, () => ({ unschedulable: true })),
    },
    images: draws.rarely(3, () => [{ names: ['busybox:1.35'], sizeBytes: draws.oneOf([50, 500]) * 2 ** 20 }]) ?? [],
  })
}

export function drawLabels(draws: Draws): Record<string, string> {
  return {
    ...(draws.rarely(5, () => ({})) ?? { app: draws.oneOf(['web', 'db']) }),
    ...draws.rarely(2, () => ({ tier: draws.oneOf(['front', 'back']) })),
    ...draws.rarely(3, () => ({ revision: draws.oneOf(['1', '2']) })),
  }
}

function drawSelector(draws: Draws): LabelSelector | undefined {
  switch (draws.below(10)) {
    case 0:
      return undefined
    case 1:
      return {}
    case 2:
      return { matchExpressions: [{ key: 'tier', operator: draws.oneOf(['Exists', 'DoesNotExist']) }] }
    case 3:
      return { matchExpressions: [{ key: 'app', operator: draws.oneOf(['In', 'NotIn']), values: ['web', 'other'] }] }
    default:
      return { matchLabels: { app: draws.oneOf(['web', 'db']) } }
  }
}

function drawTerm(draws: Draws): PodAffinityTerm {
  const labelSelector = drawSelector(draws)
  return {
    topologyKey: draws.oneOf(keys),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...draws.rarely(5, () => ({ namespaces: draws.some(1, 2, () => draws.oneOf(namespaceNames)) })),
    ...draws.rarely(5, () => ({
      namespaceSelector: draws.oneOf<LabelSelector>([{}, { matchLabels: { team: 'x' } }]),
    })),
  }
}

function drawAffinity(draws: Draws): Affinity {
  const weighted = (): { weight: number; podAffinityTerm: PodAffinityTerm } => ({
    weight: 1 + draws.below(100),
    podAffinityTerm: drawTerm(draws),
  })
  const terms = (oneIn: number): Affinity['podAffinity'] => ({
    ...draws.rarely(oneIn, () => ({
      requiredDuringSchedulingIgnoredDuringExecution: draws.some(1, 2, () => drawTerm(draws)),
    })),
    ...draws.rarely(3, () => ({ preferredDuringSchedulingIgnoredDuringExecution: draws.some(1, 2, weighted) })),
  })
  const requirement = { key: 'disk', operator: 'In' as const, values: ['ssd'] }
  const named = (): string[] => draws.some(1, 3, () => `node-${draws.below(8)}`)
  const field = (): { key: string; operator: 'In'; values: string[] } => ({
    key: 'metadata.name',
    operator: 'In',
    values: named(),
  })
  return {
    ...draws.rarely(3, () => ({ podAffinity: terms(3)! })),
    ...draws.rarely(3, () => ({ podAntiAffinity: terms(3)! })),
    ...draws.rarely(6, () => ({
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: draws.some(1, 2, () => ({
          weight: 10 + draws.below(20),
          preference: draws.oneOf([{ matchExpressions: [requirement] }, {}]),
        })),
      },
    })),
    ...draws.rarely(12, () => ({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: draws.some(1, 2, () => ({ matchFields: draws.some(1, 2, field) })),
        },
      },
    })),
  }
}

function drawConstraint(draws: Draws): TopologySpreadConstraint {
  const labelSelector = drawSelector(draws)
  const whenUnsatisfiable = draws.oneOf(['DoNotSchedule', 'DoNotSchedule', 'ScheduleAnyway'] as const)
  return {
    topologyKey: draws.oneOf(keys),
    maxSkew: 1 + draws.below(3),
    whenUnsatisfiable,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(whenUnsatisfiable === 'DoNotSchedule' ? draws.rarely(4, () => ({ minDomains: 1 + draws.below(4) })) : {}),
    ...draws.rarely(4, () => ({ nodeAffinityPolicy: draws.oneOf(['Honor', 'Ignore'] as const) })),
    ...draws.rarely(4, () => ({ nodeTaintsPolicy: draws.oneOf(['Honor', 'Ignore'] as const) })),
    ...(labelSelector === undefined ? {} : draws.rarely(4, () => ({ matchLabelKeys: ['revision'] }))),
  }
}

export function drawPod(draws: Draws, name: string): Pod {
  const port = draws.rarely(8, () => ({
    ports: [{ containerPort: 80, hostPort: 80, ...draws.rarely(2, () => ({ hostIP: '10.0.0.1' })) }],
  }))
  const resources = {
    requests: {
      ...draws.rarely(2, () => ({ cpu: draws.oneOf(['100m', '500m', '1500m']) })),
      ...draws.rarely(3, () => ({ memory: draws.oneOf(['64Mi', '1Gi', '20Gi']) })),
      ...draws.rarely(6, () => ({ 'example.com/gpu': '1' })),
      ...draws.rarely(8, () => ({ 'ephemeral-storage': '1Gi' })),
    },
  }
  const pod = podOf({
    name,
    labels: drawLabels(draws),
    spec: {
      containers: [{ name: 'c', image: 'busybox:1.35', resources, ...port }],
      affinity: drawAffinity(draws),
      ...draws.rarely(8, () => ({ nodeSelector: { disk: draws.oneOf(['ssd', 'hdd']) } })),
      ...draws.rarely(4, () => ({ tolerations: [{ key: 'slow', operator: 'Exists' as const }] })),
      ...draws.rarely(4, () => ({ topologySpreadConstraints: draws.some(1, 3, () => drawConstraint(draws)) })),
    },
  })
  return { ...pod, metadata: { ...pod.metadata, namespace: draws.oneOf(namespaceNames) } }
}

export function drawArguments(draws: Draws): PluginArguments {
  const withoutSelector = ({ topologyKey, maxSkew, whenUnsatisfiable }: TopologySpreadConstraint) => ({
    topologyKey,
    maxSkew,
    whenUnsatisfiable,
  })
  const resources = [
    { name: 'cpu', weight: 1 + draws.below(3) },
    { name: 'memory', weight: 1 },
    { name: 'example.com/gpu', weight: 5 },
  ]
  const type = draws.oneOf(['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const)
  const shape = [
    { utilization: 0, score: draws.below(11) },
    { utilization: 40 + draws.below(20), score: draws.below(11) },
    { utilization: 100, score: draws.below(11) },
  ]
  return {
    ...draws.rarely(2, () => ({
      NodeResourcesFit: {
        scoringStrategy: { type, requestedToCapacityRatio: { shape }, ...draws.rarely(2, () => ({ resources })) },
        ...draws.rarely(3, () =>
          draws.oneOf([{ ignoredResources: ['example.com/gpu'] }, { ignoredResourceGroups: ['example.com'] }]),
        ),
      },
    })),
    ...draws.rarely(3, () => ({ NodeResourcesBalancedAllocation: { resources } })),
    ...draws.rarely(2, () => ({
      InterPodAffinity: {
        hardPodAffinityWeight: draws.oneOf([0, 1, 50]),
        ignorePreferredTermsOfExistingPods: draws.oneOf([true, false]),
      },
    })),
    ...draws.rarely(3, () => ({
      PodTopologySpread: {
        defaultingType: 'List' as const,
        defaultConstraints: draws.some(0, 2, () => withoutSelector(drawConstraint(draws))),
      },
    })),
    ...draws.rarely(4, () => ({
      NodeAffinity: {
        addedAffinity: {
          ...draws.rarely(2, () => ({
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'rack', operator: 'Exists' as const }] }],
            },
          })),
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 7,
              preference: { matchExpressions: [{ key: 'disk', operator: 'In' as const, values: ['hdd'] }] },
            },
          ],
        },
      },
    })),
  }
}
