import type { SuccessPolicy } from '#api/batch/v1/jobPolicies.ts'
import { countIndexes, countSharedIndexes, readIndexes, type IndexRange } from '#machinery/jobIndexes.ts'

/** Which rule says that a job has succeeded with these indexes, as its message says it; undefined when none does (KEP-3998). */
export function metSuccessRule(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: readonly IndexRange[],
): string | undefined {
  // No rule is met before the first success, not even by none.
  if (succeeded.length === 0) return undefined
  const at = (policy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) {
      return succeededCount !== undefined && countIndexes(succeeded) >= succeededCount
    }
    const required = readIndexes(succeededIndexes, completions)
    if (required.length === 0) return false
    const met = countSharedIndexes(required, succeeded)
    return met === countIndexes(required) || (succeededCount !== undefined && met >= succeededCount)
  })
  return at < 0 ? undefined : `Matched rules at index ${at}`
}
