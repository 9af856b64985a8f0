// Conditions: facts about an object that controllers report.
import type { Time, int64 } from '#api/scalars.ts'

/** One fact about an object. */
export interface Condition {
  /** Names the fact, in CamelCase or with a domain in front. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** The `metadata.generation` that this condition was computed from. */
  observedGeneration?: int64
  /** When `status` last changed. */
  lastTransitionTime: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason: string
  /** Why `status` is what it is, for people. */
  message: string
}

/** Whether a condition holds; unknown when nobody could tell. @unlisted */
export type ConditionStatus = 'True' | 'False' | 'Unknown'
