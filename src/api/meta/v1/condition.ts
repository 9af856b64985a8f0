import type { Time, int64 } from '#api/scalars.ts'

export interface Condition {
  /** Names what the condition is about. */
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

export type ConditionStatus = 'True' | 'False' | 'Unknown'
