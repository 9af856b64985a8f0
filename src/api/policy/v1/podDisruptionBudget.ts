import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

export interface PodDisruptionBudget extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: PodDisruptionBudgetSpec
  /** @default {} */
  status?: PodDisruptionBudgetStatus
}

export const podDisruptionBudgets = resource<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  scope: 'Namespaced',
  shortNames: ['pdb'],
})

export interface PodDisruptionBudgetSpec {
  minAvailable?: IntOrString
  /** @replace */
  selector?: LabelSelector
  maxUnavailable?: IntOrString
  unhealthyPodEvictionPolicy?: UnhealthyPodEvictionPolicyType
}

export interface PodDisruptionBudgetStatus {
  observedGeneration?: int64
  disruptedPods?: Record<string, Time>
  /** @default 0 */
  disruptionsAllowed: int32
  /** @default 0 */
  currentHealthy: int32
  /** @default 0 */
  desiredHealthy: int32
  /** @default 0 */
  expectedPods: int32
  /** @listMap type */
  conditions?: Condition[]
}

/** Several objects of kind PodDisruptionBudget, as a list request returns them. */
export interface PodDisruptionBudgetList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PodDisruptionBudget[]
}

export type UnhealthyPodEvictionPolicyType = 'IfHealthyBudget' | 'AlwaysAllow'
