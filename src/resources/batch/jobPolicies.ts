import type { JobSpec } from '#api/batch/v1/job.ts'
import type {
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '#api/batch/v1/jobPolicies.ts'
import { countIndexes, parseIndexes } from '#machinery/jobIndexes.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkAtLeast } from '#resources/rules.ts'

const mostRules = 20
const mostExitCodes = 255
const mostConditions = 20
const longestIndexes = 64 * 1024
const actions: readonly string[] = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const operators: readonly string[] = ['In', 'NotIn']
const statuses: readonly string[] = ['False', 'True', 'Unknown']

/** The rules of what is done about pods that ended badly. */
export function checkPodFailurePolicy(spec: JobSpec, report: Report): void {
  const rules = spec.podFailurePolicy!.rules ?? []
  const place = report.at('rules')
  if (rules.length > mostRules) place.tooMany(rules.length, mostRules)
  const { containers = [], initContainers = [] } = spec.template.spec
  const names = new Set([...containers, ...initContainers].map(({ name }) => name))
  for (const [index, rule] of rules.entries()) checkFailureRule(rule, spec, names, place.at(index))
}

function checkFailureRule(
  { action, onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  { backoffLimitPerIndex }: JobSpec,
  names: ReadonlySet<string>,
  report: Report,
): void {
  const place = report.at('action')
  if (action === 'FailIndex') {
    if (backoffLimitPerIndex === undefined) place.invalid(action, 'requires the backoffLimitPerIndex to be set')
  } else checkGiven(action, actions, place)
  if (onExitCodes !== undefined) checkExitCodes(onExitCodes, names, report.at('onExitCodes'))
  if (onPodConditions.length > 0) checkPodConditions(onPodConditions, report.at('onPodConditions'))
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    report.problem('Invalid', 'specifying both OnExitCodes and OnPodConditions is not supported')
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    report.problem('Invalid', 'specifying one of OnExitCodes and OnPodConditions is required')
  }
}

/** One of some words; which, is told already to those who give none. */
function checkGiven(value: string | undefined, supported: readonly string[], report: Report): void {
  if (value === undefined || value === '') {
    report.required(`valid values: [${supported.map((one) => JSON.stringify(one)).join(' ')}]`)
  } else if (!supported.includes(value)) report.notSupported(value, supported)
}

function checkExitCodes(
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  names: ReadonlySet<string>,
  report: Report,
): void {
  checkGiven(operator, operators, report.at('operator'))
  if (containerName !== undefined && !names.has(containerName)) {
    const problem = 'must be one of the container or initContainer names in the pod template'
    report.at('containerName').invalid(containerName, problem)
  }
  const place = report.at('values')
  const codes = values ?? []
  if (codes.length === 0) place.invalid(values, 'at least one value is required')
  else if (codes.length > mostExitCodes) place.tooMany(codes.length, mostExitCodes)
  const seen = new Set<number>()
  for (const [index, code] of codes.entries()) {
    if (operator === 'In' && code === 0) place.at(index).invalid(code, 'must not be 0 for the In operator')
    if (seen.has(code)) place.at(index).duplicate(code)
    seen.add(code)
  }
  if (codes.some((code, index) => index > 0 && codes[index - 1]! > code)) place.invalid(codes, 'must be ordered')
}

function checkPodConditions(patterns: readonly PodFailurePolicyOnPodConditionsPattern[], report: Report): void {
  if (patterns.length > mostConditions) report.tooMany(patterns.length, mostConditions)
  for (const [index, { type = '', status }] of patterns.entries()) {
    report.at(index, 'type').invalidBecause(type, qualifiedNameProblems(type))
    checkGiven(status, statuses, report.at(index, 'status'))
  }
}

/** The rules of when an indexed job has succeeded early. */
export function checkSuccessPolicy(spec: JobSpec, report: Report): void {
  const { rules = [] } = spec.successPolicy!
  const place = report.at('rules')
  if (rules.length === 0) place.required('at least one rules must be specified when the successPolicy is specified')
  if (rules.length > mostRules) place.tooMany(rules.length, mostRules)
  for (const [index, rule] of rules.entries()) checkSuccessRule(rule, spec.completions ?? 0, place.at(index))
}

function checkSuccessRule(
  { succeededCount, succeededIndexes }: SuccessPolicyRule,
  completions: number,
  report: Report,
): void {
  if (succeededCount === undefined && succeededIndexes === undefined) {
    report.required('at least one of succeededCount or succeededIndexes must be specified')
  }
  let named = 0
  if (succeededIndexes !== undefined) {
    const place = report.at('succeededIndexes')
    if (succeededIndexes.length > longestIndexes) place.tooLong(longestIndexes)
    const parsed = parseIndexes(succeededIndexes, completions)
    if ('problem' in parsed) place.invalid(succeededIndexes, `error parsing succeededIndexes: ${parsed.problem}`)
    else named = countIndexes(parsed)
  }
  if (succeededCount === undefined) return
  const place = report.at('succeededCount')
  checkAtLeast(place, 0, succeededCount)
  const checkAtMost = (most: number, what: string): void => {
    if (succeededCount > most)
      place.invalid(succeededCount, `must be less than or equal to ${most} (the number of ${what})`)
  }
  checkAtMost(completions, 'specified completions')
  if (succeededIndexes !== undefined) checkAtMost(named, 'indexes in the specified succeededIndexes field')
}
