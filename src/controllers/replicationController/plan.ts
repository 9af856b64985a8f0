import type { ReplicationController } from '#api/core/v1/replicationController.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'

/** The older form of a selector, labels alone, as a selector of today. One without labels selects nothing. */
export function selectorOf({ spec }: ReplicationController): LabelSelector | undefined {
  const { selector = {} } = spec
  return Object.keys(selector).length === 0 ? undefined : { matchLabels: selector }
}
