// Priority levels: how many requests run at the same time.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32 } from '#api/scalars.ts'

/** Says how many requests of a level run at the same time, and what becomes of the others. */
export interface PriorityLevelConfiguration extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** How requests are limited. @default {} @optional */
  spec: PriorityLevelConfigurationSpec
  /** What is wrong with it. @default {} */
  status?: PriorityLevelConfigurationStatus
}

/** The kind PriorityLevelConfiguration as it is addressed: `prioritylevelconfigurations` of flowcontrol.apiserver.k8s.io. */
export const priorityLevelConfigurations = resource<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  scope: 'Cluster',
})

/** How the requests of a level are limited. */
export interface PriorityLevelConfigurationSpec {
  /** `Exempt` requests run at once; `Limited` ones have a share of the server. @unlisted */
  type: 'Exempt' | 'Limited'
  /** The limits; exactly for `Limited`. */
  limited?: LimitedPriorityLevelConfiguration
  /** What exempt requests take from others; only for `Exempt`. */
  exempt?: ExemptPriorityLevelConfiguration
}

/** The share of a level, and what becomes of requests beyond it. */
export interface LimitedPriorityLevelConfiguration {
  /** The share of the level among those of all. @default 30 */
  nominalConcurrencyShares?: int32
  /** What becomes of requests that cannot run at once. @default {} */
  limitResponse?: LimitResponse
  /** The part of the share that other levels may borrow, in percent. @default 0 */
  lendablePercent?: int32
  /** The most that the level may borrow, in percent of its share; no limit when absent. */
  borrowingLimitPercent?: int32
}

/** The share of an exempt level, which limits only what it lends. */
export interface ExemptPriorityLevelConfiguration {
  /** The share of the level among those of all. @default 0 */
  nominalConcurrencyShares?: int32
  /** The part of the share that other levels may borrow, in percent. @default 0 */
  lendablePercent?: int32
}

/** What becomes of requests that cannot run at once. */
export interface LimitResponse {
  /** They wait in queues, or are refused. @unlisted */
  type: 'Queue' | 'Reject'
  /** The queues; only for `Queue`. */
  queuing?: QueuingConfiguration
}

/** Queues in which requests wait. */
export interface QueuingConfiguration {
  /** How many there are; at most ten million. @default 64 */
  queues?: int32
  /** Among how many of them a flow chooses; more spread heavy flows, fewer keep them from the others. @default 8 */
  handSize?: int32
  /** How many requests wait in one; further ones are refused. @default 50 */
  queueLengthLimit?: int32
}

/** What is wrong with a priority level. */
export interface PriorityLevelConfigurationStatus {
  /** Facts about the level. @listMap type */
  conditions?: PriorityLevelConfigurationCondition[]
}

/** One fact about a priority level. */
export interface PriorityLevelConfigurationCondition {
  /** The kind of fact. */
  type?: string
  /** Whether it holds. */
  status?: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** Several objects of kind PriorityLevelConfiguration, as a list request returns them. */
export interface PriorityLevelConfigurationList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: PriorityLevelConfiguration[]
}
