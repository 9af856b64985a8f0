import { jobs, type Job } from '#api/batch/v1/job.ts'
import { humanDuration } from '#machinery/humanDuration.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, containerColumns, nameColumn, selectorColumn } from '#resources/columns.ts'
import { checkSelector, hasKnownOperators } from '#resources/selector.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { defaultTemplate } from '#resources/core/pod/template.ts'
import { isAsBefore, podNameWarnings } from '#resources/core/pod/warnings.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkJobSpec, checkJobSpecUpdate, jobSpecWarnings } from './jobSpec.ts'
import { checkJobStatus, isJobCondition } from './jobStatus.ts'

/** Labels by which the pods of a job are found; those without a domain are older. */
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid'] as const
const nameLabels = ['job-name', 'batch.kubernetes.io/job-name'] as const

/** Jobs: pods that run to their end. */
export const jobStrategy: Strategy<Job> = {
  resource: jobs,
  reserved: ['status'],
  unconditionalUpdate: true,
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    { name: 'Status', description: 'Whether the job runs, or how it ended.', value: stateOf },
    { name: 'Completions', description: 'Pods that ended well, of those that must.', value: completionsText },
    { name: 'Duration', description: 'How long the job took, or has taken so far.', value: durationText },
    ageColumn,
    ...containerColumns<Job>(({ spec }) => spec.template.spec?.containers),
    selectorColumn<Job>(({ spec }) => spec.selector),
  ],
  subresources: {
    status: { ...statusSubresource, validate: checkJobStatus },
  },
  orphans: {
    warning:
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  },
  default(job) {
    const { spec } = job
    defaultTemplate(spec.template)
    if (spec.parallelism === undefined) spec.completions ??= 1
    spec.parallelism ??= 1
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1
    spec.completionMode ??= 'NonIndexed'
    spec.suspend ??= false
    spec.manualSelector ??= false
    spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
    defaultLabels(job)
  },
  prepare(job, old) {
    dropDisabledFields(job.spec.template.spec, old?.spec.template.spec)
    if (old !== undefined) return
    if (job.spec.manualSelector !== true) generateSelector(job)
    defaultLabels(job)
  },
  validate(job, old, report) {
    checkJob(job, old, report)
    if (old === undefined) return
    // Upstream asks the rules of the spec once for the job and once for its update, and tells what they say both times.
    checkSpec(job, old, report)
    checkJobSpecUpdate(job, old, report.at('spec'))
  },
  warnings(job, old) {
    if (isAsBefore(job, old)) return []
    const ofSpec = jobSpecWarnings(job.spec, 'spec')
    return old === undefined ? [...podNameWarnings(job.metadata.name), ...ofSpec] : ofSpec
  },
}

/** A job without labels has those of its pods. */
function defaultLabels({ metadata, spec }: Job): void {
  const labels = spec.template.metadata?.labels ?? {}
  if (Object.keys(metadata.labels ?? {}).length === 0 && Object.keys(labels).length > 0) metadata.labels = { ...labels }
}

/** Makes the labels of the pods and the selector, so that a job finds no pods but its own. What is there already stays. */
function generateSelector({ metadata, spec }: Job): void {
  const { name, uid = '' } = metadata
  const own = Object.fromEntries([
    ...nameLabels.map((label) => [label, name]),
    ...uidLabels.map((label) => [label, uid]),
  ])
  spec.template.metadata = { ...spec.template.metadata, labels: merged(own, spec.template.metadata?.labels) }
  spec.selector = { ...spec.selector, matchLabels: merged({ [uidLabels[1]]: uid }, spec.selector?.matchLabels) }
}

/** Labels that were given in the place of others, in the order in which they are stored. */
function merged(own: Record<string, string>, given: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...own, ...given }).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function checkJob(job: Job, old: Job | undefined, report: Report): void {
  checkGeneratedSelector(job, old, report)
  checkSpec(job, old, report)
  const { completionMode, completions = 0 } = job.spec
  if (completionMode !== 'Indexed' || completions <= 0) return
  const { name } = job.metadata
  const longest = `${name}-${completions - 1}`
  if (dnsLabelProblems(longest).length > 0) {
    report.at('metadata', 'name').invalid(name, `will not able to create pod with invalid DNS label: ${longest}`)
  }
}

/** The labels and the selector that the server made are still there. */
function checkGeneratedSelector({ metadata, spec }: Job, old: Job | undefined, report: Report): void {
  if (spec.manualSelector === true || spec.selector === undefined) return
  const before = old?.spec.template.metadata?.labels
  // Jobs of older servers have the older labels alone.
  const isOlder = old !== undefined && [uidLabels[1], nameLabels[1]].some((label) => before?.[label] === undefined)
  const { labels = {} } = spec.template.metadata ?? {}
  const expected: Record<string, string> = {}
  for (const index of isOlder ? ([0] as const) : ([0, 1] as const)) {
    expected[uidLabels[index]] = metadata.uid ?? ''
    expected[nameLabels[index]] = metadata.name
  }
  for (const [label, value] of Object.entries(expected)) {
    const place = report.at('spec', 'template', 'metadata', 'labels').key(label)
    if (!Object.hasOwn(labels, label)) place.required(`must be '${value}'`)
    else if (labels[label] !== value) place.invalid(labels, `must be '${value}'`)
  }
  if (hasKnownOperators(spec.selector) && !matchesLabelSelector(spec.selector, expected)) {
    report.at('spec', 'selector').invalid(spec.selector, '`selector` not auto-generated')
  }
}

function checkSpec({ spec }: Job, old: Job | undefined, report: Report): void {
  const place = report.at('spec')
  checkJobSpec(spec, old?.spec, place)
  const { selector } = spec
  if (selector === undefined) place.at('selector').required()
  else checkSelector(selector, place.at('selector'))
  const labels = spec.template.metadata?.labels
  if (selector === undefined || (hasKnownOperators(selector) && !matchesLabelSelector(selector, labels ?? {}))) {
    const problem = '`selector` does not match template `labels`'
    place.at('template', 'metadata', 'labels').invalid(labels ?? null, problem)
  }
}

function stateOf(job: Job): string {
  for (const state of ['Complete', 'Failed']) if (isJobCondition(job, state)) return state
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating'
  for (const state of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) if (isJobCondition(job, state)) return state
  return 'Running'
}

function completionsText({ spec, status }: Job): string {
  const { completions, parallelism = 0 } = spec
  const succeeded = status?.succeeded ?? 0
  if (completions !== undefined) return `${succeeded}/${completions}`
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationText({ status }: Job, now: number): string {
  const { startTime, completionTime } = status ?? {}
  if (startTime === undefined) return ''
  return humanDuration((completionTime === undefined ? now : Date.parse(completionTime)) - Date.parse(startTime))
}
