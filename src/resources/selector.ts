import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import { labelValueProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkLabels } from './metadata.ts'

/** A label selector whose keys, operators and values are well-formed. */
export function checkSelector(selector: LabelSelector, report: Report): void {
  checkLabels(selector.matchLabels, report.at('matchLabels'))
  for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const place = report.at('matchExpressions', index)
    switch (operator as string) {
      case 'In':
      case 'NotIn':
        if (values.length === 0) place.at('values').required("must be specified when `operator` is 'In' or 'NotIn'")
        break
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0) {
          place.at('values').forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        }
        break
      default:
        place.at('operator').invalid(operator, 'not a valid selector operator')
    }
    place.at('key').invalidBecause(key, qualifiedNameProblems(key))
    for (const [position, value] of values.entries()) {
      place.at('values', position).invalidBecause(value, labelValueProblems(value))
    }
  }
}

const operators: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist'])

/** Whether a selector can be matched at all; others are refused elsewhere. */
export function hasKnownOperators({ matchExpressions = [] }: LabelSelector): boolean {
  return matchExpressions.every(({ operator }) => operators.has(operator))
}
