import type { Pod } from '#api/core/v1/pod.ts'
import type { TopologySpreadConstraint } from '#api/core/v1/scheduling.ts'
import { matchesRequirements, requirementsOf, type LabelRequirements } from '#machinery/labelSelector.ts'
import type { Neighbour } from '#scheduler/snapshot.ts'

/** As in `PodTopologySpreadArgs` of a KubeSchedulerConfiguration. */
export interface PodTopologySpreadArguments {
  /** `System` (by default) or `List`: whether pods without constraints get those of upstream, or `defaultConstraints`. */
  readonly defaultingType?: 'System' | 'List'
  /** Constraints without selector. */
  readonly defaultConstraints?: readonly TopologySpreadConstraint[]
}

/** The pods that should be spread together. */
export interface Siblings {
  /** Names the same pods every time: counts are remembered by it. */
  readonly key: string
  includes(other: Neighbour): boolean
  /** Kubernetes counts nobody by a selector that says nothing, although every pod is one that it picks. */
  readonly isEverybody?: boolean
}

/** Finds which pods count as siblings of a pod; undefined when nothing selects it. */
export type SiblingsOf = (pod: Pod) => Siblings | undefined

/** A constraint, with everything that says which pods it counts. */
export interface Constraint {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly minDomains: number
  readonly honorsAffinity: boolean
  readonly honorsTaints: boolean
  readonly selected: Siblings
}

/** The constraints of one kind for a pod. */
export interface Constraints {
  readonly each: readonly Constraint[]
  /** Whether only nodes with the labels of all constraints count. */
  readonly needAllLabels: boolean
}

/** Even over nodes, and loosely over zones (KEP-1258). */
const systemConstraints: readonly TopologySpreadConstraint[] = [
  { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
]

type Kind = TopologySpreadConstraint['whenUnsatisfiable']

/** Finds the constraints of a pod: its own, or those of the cluster over its siblings. */
export function constraintFinder(
  siblingsOf: SiblingsOf,
  { defaultingType = 'System', defaultConstraints = [] }: PodTopologySpreadArguments,
): (pod: Pod, kind: Kind) => Constraints | undefined {
  const isSystem = defaultingType === 'System'
  const defaults = isSystem ? systemConstraints : defaultConstraints
  return (pod, kind) => {
    const own = pod.spec.topologySpreadConstraints ?? []
    const wanted = (own.length > 0 ? own : defaults).filter(({ whenUnsatisfiable }) => whenUnsatisfiable === kind)
    if (wanted.length === 0) return undefined
    const siblings = own.length > 0 ? undefined : siblingsOf(pod)
    if (own.length === 0 && siblings === undefined) return undefined
    return {
      each: wanted.map((constraint) => readConstraint(constraint, siblings ?? selectedBy(constraint, pod))),
      needAllLabels: own.length > 0 || !isSystem,
    }
  }
}

function readConstraint(constraint: TopologySpreadConstraint, selected: Siblings): Constraint {
  const { maxSkew, topologyKey, minDomains = 1, nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' } = constraint
  return {
    maxSkew,
    topologyKey,
    minDomains,
    honorsAffinity: nodeAffinityPolicy === 'Honor',
    honorsTaints: nodeTaintsPolicy === 'Honor',
    selected,
  }
}

/** The pods that a constraint's selector picks, with the pod's own values of `matchLabelKeys`. */
function selectedBy({ labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint, pod: Pod): Siblings {
  const labels = pod.metadata.labels ?? {}
  const keys = matchLabelKeys.filter((key) => Object.hasOwn(labels, key))
  const matched = keys.map((key): LabelRequirements[number] => ({ key, operator: '=', values: [labels[key]!] }))
  const requirements =
    labelSelector === undefined && matched.length > 0 ? matched : [...requirementsOf(labelSelector), ...matched]
  return {
    key: JSON.stringify(requirements),
    includes: (other) => matchesRequirements(requirements, other.metadata.labels),
    isEverybody: requirements.length === 0,
  }
}
