import type { Time, int64 } from '#api/scalars.ts'

export interface Condition {
  type: string
  status: ConditionStatus
  observedGeneration?: int64
  lastTransitionTime: Time
  reason: string
  message: string
}

export type ConditionStatus = 'True' | 'False' | 'Unknown'
