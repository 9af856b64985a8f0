import type { Diagnosis } from './cycle.ts'
import type { Rejection } from './plugin.ts'

/** The text of the `FailedScheduling` event and of the `PodScheduled` condition; `afterwards` tells what preemption came to. */
export function failureMessage(diagnosis: Diagnosis, afterwards?: string): string {
  if (diagnosis.nodes === 0) return 'no nodes available to schedule pods'
  const reasons = diagnosis.whole === undefined ? countOf(diagnosis) : diagnosis.whole.rejection.reason
  const parts = [`0/${diagnosis.nodes} nodes are available:`, reasons === '' ? '' : `${reasons}.`, afterwards ?? '']
  return parts.filter((part) => part !== '').join(' ')
}

function countOf(diagnosis: Diagnosis): string {
  const counts = new ReasonCounts()
  const add = ({ reason, furtherReasons = nothing }: Rejection, times: number): void => {
    counts.add(reason, times)
    for (const further of furtherReasons) counts.add(further, times)
  }
  const said: readonly { readonly rejection: Rejection; readonly count?: number }[] =
    diagnosis.summary?.kinds ?? diagnosis.rejections
  for (const { rejection, count = 1 } of said) add(rejection, count)
  return counts.text
}

const nothing: readonly string[] = []

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
  const counts = new ReasonCounts()
  for (const reason of reasons) counts.add(reason)
  return counts.text
}

class ReasonCounts {
  readonly #counts = new Map<string, number>()
  /** Most nodes say the same as the one before: how often was that. */
  #latest = ''
  #times = 0

  add(reason: string, times = 1): void {
    if (reason !== this.#latest) this.#begin(reason)
    this.#times += times
  }

  get text(): string {
    this.#begin('')
    return [...this.#counts]
      .map(([reason, count]) => `${count} ${reason}`)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(', ')
  }

  #begin(reason: string): void {
    if (this.#latest !== '') this.#counts.set(this.#latest, (this.#counts.get(this.#latest) ?? 0) + this.#times)
    this.#latest = reason
    this.#times = 0
  }
}
