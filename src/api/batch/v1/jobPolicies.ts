// What failures and successes of pods mean for their job.
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { int32 } from '#api/scalars.ts'

/** What to do about pods that ended badly. */
export interface PodFailurePolicy {
  /** Asked in order; the first that fits decides, and without one the failure is counted. At most 20. @atomic */
  rules: PodFailurePolicyRule[] | null
}

/** What to do about pods that ended in one way. */
export interface PodFailurePolicyRule {
  /** What is done: the job or the index fails, the failure is ignored, or counted as usual. */
  action: PodFailurePolicyAction
  /** Fits pods by the exit codes of their containers; not together with `onPodConditions`. */
  onExitCodes?: PodFailurePolicyOnExitCodesRequirement
  /** Fits pods by their conditions, of which one is enough; not together with `onExitCodes`. At most 20. @atomic */
  onPodConditions?: PodFailurePolicyOnPodConditionsPattern[]
}

/** Which exit codes a rule is about; containers that ended with 0 are not looked at. */
export interface PodFailurePolicyOnExitCodesRequirement {
  /** The container that is looked at; all of them when absent. */
  containerName?: string
  /** Whether the codes are those that fit, or those that do not. */
  operator: PodFailurePolicyOnExitCodesOperator
  /** The codes, rising and each once; no 0 with `In`. At most 255. @listSet */
  values: int32[]
}

/** Which condition of a pod a rule is about. */
export interface PodFailurePolicyOnPodConditionsPattern {
  /** The condition's type. */
  type: string
  /** The condition's status. @default True */
  status: ConditionStatus
}

/** When an indexed job has succeeded before all of its indexes have. */
export interface SuccessPolicy {
  /** Asked in order; one that is met is enough. At most 20. @atomic */
  rules: SuccessPolicyRule[]
}

/** Which indexes have to succeed, or how many. At least one of both is given. */
export interface SuccessPolicyRule {
  /** The indexes that have to, as numbers and ranges: `1,3-5,7`. */
  succeededIndexes?: string
  /** How many have to, of those that `succeededIndexes` names or of all. */
  succeededCount?: int32
}

/** Counts a failure, fails its index or the whole job, or looks away. */
export type PodFailurePolicyAction = 'Count' | 'FailIndex' | 'FailJob' | 'Ignore'

/** One of the codes, or none of them. */
export type PodFailurePolicyOnExitCodesOperator = 'In' | 'NotIn'
