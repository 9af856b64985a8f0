// Disruption budgets: how many pods may be taken away on purpose.
import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

/** Limits how many of some pods may be taken away on purpose at the same time. */
export interface PodDisruptionBudget extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which pods, and how many. @default {} @optional */
  spec: PodDisruptionBudgetSpec
  /** How many may go at present. @default {} */
  status?: PodDisruptionBudgetStatus
}

/** The kind PodDisruptionBudget as it is addressed: `poddisruptionbudgets` of policy. */
export const podDisruptionBudgets = resource<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  scope: 'Namespaced',
  shortNames: ['pdb'],
})

/** Which pods are protected, and how many must stay. */
export interface PodDisruptionBudgetSpec {
  /** How many must stay available; a percentage is rounded up. Not together with `maxUnavailable`. */
  minAvailable?: IntOrString
  /** The pods; all of the namespace when empty, none when absent. @replace */
  selector?: LabelSelector
  /** How many may be unavailable; a percentage is rounded up. Needs pods of a controller with a scale. */
  maxUnavailable?: IntOrString
  /** When pods that are not ready may be taken away. */
  unhealthyPodEvictionPolicy?: UnhealthyPodEvictionPolicyType
}

/** How many of the pods may go at present. */
export interface PodDisruptionBudgetStatus {
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** Pods whose eviction was granted and that the controller has not yet seen go, with the time of the grant. */
  disruptedPods?: Record<string, Time>
  /** How many may go now. @default 0 */
  disruptionsAllowed: int32
  /** How many are healthy. @default 0 */
  currentHealthy: int32
  /** How many must be healthy. @default 0 */
  desiredHealthy: int32
  /** How many there are. @default 0 */
  expectedPods: int32
  /** Whether any may go, and why. @listMap type */
  conditions?: Condition[]
}

/** Several objects of kind PodDisruptionBudget, as a list request returns them. */
export interface PodDisruptionBudgetList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PodDisruptionBudget[]
}

/** Pods that are not ready may go when enough are healthy, or always. */
export type UnhealthyPodEvictionPolicyType = 'AlwaysAllow' | 'IfHealthyBudget'
