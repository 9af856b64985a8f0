import type { Pod } from '#api/core/v1/pod.ts'
import type { Diagnosis } from './cycle.ts'

/** The text of the `FailedScheduling` event and of the `PodScheduled` condition; `afterwards` tells what preemption came to. */
export function failureMessage(diagnosis: Diagnosis, afterwards?: string): string {
  if (diagnosis.nodes === 0) return 'no nodes available to schedule pods'
  const available = `0/${diagnosis.nodes} nodes are available`
  const reasons =
    diagnosis.whole === undefined
      ? countedReasons(
          diagnosis.rejections.flatMap(({ rejection }) => [rejection.reason, ...(rejection.furtherReasons ?? [])]),
        )
      : diagnosis.whole.rejection.reason
  return `${available}: ${reasons}.${afterwards === undefined ? '' : ` ${afterwards}`}`
}

/** What the preemption that follows a failed attempt found: `1 Preemption is not helpful for scheduling, …`. */
export function preemptionText(pod: Pod, diagnosis: Diagnosis): string {
  if (pod.spec.preemptionPolicy === 'Never') {
    return 'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.'
  }
  const outcomes =
    diagnosis.whole === undefined
      ? diagnosis.rejections.map(({ rejection }) =>
          rejection.forever === true
            ? 'Preemption is not helpful for scheduling'
            : 'No preemption victims found for incoming pod',
        )
      : Array.from({ length: diagnosis.nodes }, () => 'Preemption is not helpful for scheduling')
  return `no new claims to deallocate, preemption: 0/${diagnosis.nodes} nodes are available: ${countedReasons(outcomes)}.`
}

/** `1 a, 3 b`: each text with its number, sorted as texts, so that the same failure always reads the same. */
function countedReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort((a, b) => (a < b ? -1 : 1))
    .join(', ')
}
