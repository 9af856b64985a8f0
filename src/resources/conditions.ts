import type { Condition } from '#api/meta/v1/condition.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const reasonProblem =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' " +
  `(e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${reasonPattern}')`
const reasonRule = new RegExp(`^${reasonPattern}$`)

/** In bytes. */
const longestReason = 1024
const longestMessage = 32 * 1024

const encoder = new TextEncoder()
const byteLength = (text: string): number => encoder.encode(text).length

/** Conditions as every newer kind has them: each type once, with a known status, a time and a reason. */
export function checkConditions(conditions: readonly Condition[] | undefined, report: Report): void {
  const seen = new Set<string>()
  for (const [index, condition] of (conditions ?? []).entries()) {
    const place = report.at(index)
    const { type = '', status, observedGeneration = 0, lastTransitionTime, reason = '', message = '' } = condition
    if (seen.has(type)) place.at('type').duplicate(type)
    seen.add(type)
    place.at('type').invalidBecause(type, qualifiedNameProblems(type))
    if (!['False', 'True', 'Unknown'].includes(status)) {
      place.at('status').notSupported(status, ['False', 'True', 'Unknown'])
    }
    if (observedGeneration < 0) {
      place.at('observedGeneration').invalid(observedGeneration, 'must be greater than or equal to zero')
    }
    if (lastTransitionTime === undefined || lastTransitionTime === null) place.at('lastTransitionTime').required()
    if (reason === '') place.at('reason').required()
    else {
      if (!reasonRule.test(reason)) place.at('reason').invalid(reason, reasonProblem)
      if (byteLength(reason) > longestReason) place.at('reason').tooLong(longestReason)
    }
    if (byteLength(message) > longestMessage) place.at('message').tooLong(longestMessage)
  }
}
