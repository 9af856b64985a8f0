import type { Job, JobStatus } from '#api/batch/v1/job.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { firstSharedIndex, parseIndexes } from '#machinery/jobIndexes.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkAtLeast } from '#resources/rules.ts'

// Jobs may be looked after by controllers of others (`spec.managedBy`), so what they report is checked: clients rely on
// what ended having ended. A rule speaks only where something that it is about changed, so that a status that was wrong
// before can still be written.

/** Whether a condition holds. */
export function isJobCondition({ status }: Job, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false
}

const isFinished = (job: Job): boolean => isJobCondition(job, 'Complete') || isJobCondition(job, 'Failed')

/** The rules of a job's status, in upstream's order. */
export function checkJobStatus(job: Job, old: Job, root: Report): void {
  const report = root.at('status')
  const status = job.status ?? {}
  const changed = (...fields: readonly (keyof JobStatus)[]): boolean =>
    fields.some((field) => !sameJson(status[field], old.status?.[field]))
  const turned = (...types: readonly string[]): boolean =>
    types.some((type) => isJobCondition(job, type) !== isJobCondition(old, type))
  checkCounts(status, report)
  checkEnding(job, changed, turned, report)
  checkFinished(job, old, changed, report)
  checkIndexes(job, changed, report)
  if (isFinished(job) && (status.terminating ?? 0) > 0 && (finishes(job, old) || changed('terminating'))) {
    report.at('terminating').invalid(status.terminating, 'terminating>0 is invalid for finished job')
  }
  if (changed('ready', 'active') && (status.ready ?? 0) > (status.active ?? 0)) {
    report.at('ready').invalid(status.ready, 'cannot set more ready pods than active')
  }
  checkSuccessCriteria(job, report)
  checkProgress(job, old, report)
}

const finishes = (job: Job, old: Job): boolean => isFinished(job) !== isFinished(old)

function checkCounts(status: JobStatus, report: Report): void {
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) {
    checkAtLeast(report.at(field), 0, status[field])
  }
  const seen = new Set<string>()
  for (const field of ['succeeded', 'failed'] as const) {
    for (const [index, uid] of (status.uncountedTerminatedPods?.[field] ?? []).entries()) {
      const place = report.at('uncountedTerminatedPods', field, index)
      if (uid === '') place.invalid(uid, 'must not be empty')
      else if (seen.has(uid)) place.duplicate(uid)
      seen.add(uid)
    }
  }
}

type Changed = (...fields: readonly (keyof JobStatus)[]) => boolean
type Turned = (...types: readonly string[]) => boolean

/** How a job ends: in one way, with the conditions that go before, and at a time that success alone has. */
function checkEnding(job: Job, changed: Changed, turned: Turned, report: Report): void {
  const { startTime, completionTime } = job.status ?? {}
  const is = (type: string): boolean => isJobCondition(job, type)
  const conditions = report.at('conditions')
  const time = report.at('completionTime')
  if (turned('Complete', 'Failed') && is('Complete') && is('Failed')) {
    conditions.problem('Invalid', 'cannot set Complete=True and Failed=true conditions')
  }
  if (turned('Complete', 'FailureTarget') && is('Complete') && is('FailureTarget')) {
    conditions.problem('Invalid', 'cannot set Complete=True and FailureTarget=true conditions')
  }
  if (turned('Complete') || changed('completionTime')) {
    if (completionTime !== undefined && !is('Complete')) {
      time.invalid(completionTime, 'cannot set completionTime when there is no Complete=True condition')
    }
    if (completionTime === undefined && is('Complete')) time.required('completionTime is required for Complete jobs')
  }
  if (changed('startTime', 'completionTime') && startTime !== undefined && completionTime !== undefined) {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      time.invalid(completionTime, 'must be equal to or after `startTime`')
    }
  }
  if ((turned('Failed') || changed('failedIndexes')) && is('Failed') && !is('FailureTarget')) {
    conditions.problem('Invalid', 'cannot set Failed=True condition without the FailureTarget=true condition')
  }
  if (turned('Complete', 'SuccessCriteriaMet') && is('Complete') && !is('SuccessCriteriaMet')) {
    conditions.problem('Invalid', 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition')
  }
}

/** A job that ended has begun, and has no pods left that run or are not counted. */
function checkFinished(job: Job, old: Job, changed: Changed, report: Report): void {
  if (!isFinished(job)) return
  const { active = 0, startTime, uncountedTerminatedPods } = job.status ?? {}
  if (active > 0 && (finishes(job, old) || changed('active'))) {
    report.at('active').invalid(active, 'active>0 is invalid for finished job')
  }
  // A job that is suspended and has nothing to do ends without a beginning.
  const isIdle = job.spec.suspend === true && job.spec.completions === 0
  if (startTime === undefined && !isIdle && (finishes(job, old) || changed('startTime'))) {
    report.at('startTime').required('startTime is required for finished job')
  }
  const { succeeded = [], failed = [] } = uncountedTerminatedPods ?? {}
  if (succeeded.length + failed.length > 0 && (finishes(job, old) || changed('uncountedTerminatedPods'))) {
    const shown = { Succeeded: succeeded, Failed: failed }
    report.at('uncountedTerminatedPods').invalid(shown, 'must be empty for finished job')
  }
}

function checkIndexes({ spec, status = {} }: Job, changed: Changed, report: Report): void {
  const { completions, completionMode, backoffLimitPerIndex } = spec
  const { completedIndexes = '', failedIndexes } = status
  const check = (field: 'completedIndexes' | 'failedIndexes', text: string): void => {
    const parsed = parseIndexes(text, completions!)
    if ('problem' in parsed) report.at(field).invalid(text, `error parsing ${field}: ${parsed.problem}`)
  }
  const [completedChanged, failedChanged] = [changed('completedIndexes'), changed('failedIndexes')]
  if (completions !== undefined) {
    if (completedChanged) check('completedIndexes', completedIndexes)
    if (failedChanged && backoffLimitPerIndex !== undefined) check('failedIndexes', failedIndexes ?? '')
  }
  if (completedChanged && completedIndexes !== '' && completionMode !== 'Indexed') {
    const problem = 'cannot set non-empty completedIndexes when non-indexed completion mode'
    report.at('completedIndexes').invalid(completedIndexes, problem)
  }
  if (failedIndexes === undefined) return
  if (failedChanged && backoffLimitPerIndex === undefined) {
    const problem = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
    report.at('failedIndexes').invalid(failedIndexes, problem)
  }
  if ((!failedChanged && !completedChanged) || completions === undefined) return
  const shared = firstSharedIndex(completedIndexes, failedIndexes, completions)
  if (shared !== undefined) {
    const problem = `failedIndexes and completedIndexes overlap at index: ${shared}`
    report.at('failedIndexes').invalid(failedIndexes, problem)
  }
}

/** A job whose success is certain does not fail; one that waits for certainty does not end without. */
function checkSuccessCriteria(job: Job, root: Report): void {
  const is = (type: string): boolean => isJobCondition(job, type)
  const report = root.at('conditions')
  if (is('SuccessCriteriaMet') && is('Failed')) {
    report.problem('Invalid', 'cannot set SuccessCriteriaMet=True and Failed=true conditions')
  }
  if (is('SuccessCriteriaMet') && is('FailureTarget')) {
    report.problem('Invalid', 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  }
  if (job.spec.successPolicy !== undefined && !is('SuccessCriteriaMet') && is('Complete')) {
    const problem = 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'
    report.problem('Invalid', problem)
  }
}

/** What was reported is not taken back. */
function checkProgress(job: Job, old: Job, report: Report): void {
  const { spec, status = {} } = job
  const before = old.status ?? {}
  const conditions = report.at('conditions')
  const lost = (type: string): boolean => isJobCondition(old, type) && !isJobCondition(job, type)
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (lost(type)) conditions.problem('Invalid', `cannot disable the terminal ${type}=True condition`)
  }
  if ((status.failed ?? 0) < (before.failed ?? 0)) {
    report.at('failed').invalid(status.failed ?? 0, 'cannot decrease the failed counter')
  }
  // Indexed jobs can shrink, as long as all of their indexes may run at once.
  const mayShrink = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
  if (!mayShrink && (status.succeeded ?? 0) < (before.succeeded ?? 0)) {
    report.at('succeeded').invalid(status.succeeded ?? 0, 'cannot decrease the succeeded counter')
  }
  const { startTime, completionTime } = status
  if (completionTime !== undefined && before.completionTime !== undefined && completionTime !== before.completionTime) {
    report.at('completionTime').invalid(completionTime, 'field is immutable')
  }
  // A job that is resumed begins anew (as of v1.34.2).
  const suspended = before.conditions?.find(({ type }) => type === 'Suspended')
  const now = status.conditions?.find(({ type }) => type === 'Suspended')
  const resumes = suspended?.status === 'True' && now?.status === 'False'
  if (before.startTime !== undefined && before.startTime !== startTime && spec.suspend !== true && !resumes) {
    report.at('startTime').required('startTime cannot be removed for unsuspended job')
  }
  if (lost('SuccessCriteriaMet')) {
    conditions.problem('Invalid', 'cannot disable the SuccessCriteriaMet=True condition')
  }
  const isLate = isJobCondition(old, 'Complete') && !isJobCondition(old, 'SuccessCriteriaMet')
  if (isLate && isJobCondition(job, 'SuccessCriteriaMet')) {
    const problem = 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'
    conditions.problem('Invalid', problem)
  }
}
