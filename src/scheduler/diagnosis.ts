import type { Diagnosis } from './cycle.ts'

/** The text of the `FailedScheduling` event and of the `PodScheduled` condition; `afterwards` tells what preemption came to. */
export function failureMessage(diagnosis: Diagnosis, afterwards?: string): string {
  if (diagnosis.nodes === 0) return 'no nodes available to schedule pods'
  const reasons =
    diagnosis.whole === undefined ? countedReasons(reasonsOf(diagnosis)) : diagnosis.whole.rejection.reason
  const parts = [`0/${diagnosis.nodes} nodes are available:`, reasons === '' ? '' : `${reasons}.`, afterwards ?? '']
  return parts.filter((part) => part !== '').join(' ')
}

function reasonsOf({ rejections }: Diagnosis): readonly string[] {
  const reasons: string[] = []
  for (const { rejection } of rejections) {
    reasons.push(rejection.reason)
    if (rejection.furtherReasons !== undefined) reasons.push(...rejection.furtherReasons)
  }
  return reasons
}

/** What a preemption that came to nothing adds to the message; claims of devices are looked at before it. */
export function preemptionMessage(outcome: string): string {
  return `no new claims to deallocate, preemption: ${outcome}`
}

/** What a preemption adds that went wrong: nothing else is said then. */
export function preemptionError(message: string): string {
  return `preemption: ${message}`
}

/** `1 a, 3 b`: each text with its number, sorted as texts, so that the same failure always reads the same. Empty ones say nothing. */
export function countedReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  // Most nodes say the same as the one before.
  for (let i = 0; i < reasons.length;) {
    const reason = reasons[i]!
    const begin = i
    while (i < reasons.length && reasons[i] === reason) i++
    if (reason !== '') counts.set(reason, (counts.get(reason) ?? 0) + i - begin)
  }
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort((a, b) => (a < b ? -1 : 1))
    .join(', ')
}
