import type { Job, JobSpec } from '#api/batch/v1/job.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkTemplate } from '#resources/core/pod/template.ts'
import { templateWarnings } from '#resources/core/pod/warnings.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAtLeast, checkDomainPrefixedPath, checkImmutable } from '#resources/rules.ts'
import { checkPodFailurePolicy, checkSuccessPolicy } from './jobPolicies.ts'

const completionModes: readonly string[] = ['NonIndexed', 'Indexed']
const longestManager = 63
/** What an indexed job may have of pods and of failed indexes, so that its status stays small. */
const mostIndexed = 100_000
/** Of both, when there are more than `mostIndexed` completions. */
const mostWithManyCompletions = 10_000

/** The rules of what a job runs; in a cron job's template, too, where the selector is left to the server. */
export function checkJobSpec(spec: JobSpec, old: JobSpec | undefined, report: Report): void {
  for (const field of [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const) {
    checkAtLeast(report.at(field), 0, spec[field])
  }
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    report.at('backoffLimitPerIndex').required('when maxFailedIndexes is specified')
  }
  if (spec.managedBy !== undefined) {
    checkDomainPrefixedPath(spec.managedBy, report.at('managedBy'))
    if (spec.managedBy.length > longestManager) report.at('managedBy').tooLong(longestManager)
  }
  checkCompletionMode(spec, report)
  if (spec.podFailurePolicy !== undefined) checkPodFailurePolicy(spec, report.at('podFailurePolicy'))
  if (spec.successPolicy !== undefined) {
    const place = report.at('successPolicy')
    if (spec.completionMode === 'Indexed') checkSuccessPolicy(spec, place)
    else
      place.invalid(goForm('io.k8s.api.batch.v1.SuccessPolicy', spec.successPolicy), 'requires indexed completion mode')
  }
  checkPodReplacement(spec, report.at('podReplacementPolicy'))
  checkTemplate(spec.template, old?.template, report.at('template'), {
    restartPolicies: ['Always', 'OnFailure', 'Never'],
    deadlineOwner: '',
  })
  checkRestartPolicy(spec, report.at('template', 'spec', 'restartPolicy'))
}

function checkCompletionMode(spec: JobSpec, report: Report): void {
  const { completionMode, completions, parallelism, backoffLimitPerIndex, maxFailedIndexes } = spec
  if (completionMode !== undefined && !completionModes.includes(completionMode)) {
    report.at('completionMode').notSupported(completionMode, completionModes)
  }
  if (completionMode === undefined || completionMode === 'NonIndexed') {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[field] !== undefined) report.at(field).invalid(spec[field], 'requires indexed completion mode')
    }
  }
  if (completionMode !== 'Indexed') return
  if (completions === undefined) report.at('completions').required('when completion mode is Indexed')
  checkAtMost(report.at('parallelism'), mostIndexed, parallelism, ' when completion mode is Indexed')
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
    report.at('maxFailedIndexes').invalid(maxFailedIndexes, 'must be less than or equal to completions')
  }
  checkAtMost(report.at('maxFailedIndexes'), mostIndexed, maxFailedIndexes)
  if ((completions ?? 0) <= mostIndexed || backoffLimitPerIndex === undefined) return
  if (maxFailedIndexes === undefined) {
    report.at('maxFailedIndexes').required(`must be specified when completions is above ${mostIndexed}`)
  }
  const why = ` when completions are above ${mostIndexed} and used with backoff limit per index`
  checkAtMost(report.at('parallelism'), mostWithManyCompletions, parallelism, why)
  checkAtMost(report.at('maxFailedIndexes'), mostWithManyCompletions, maxFailedIndexes, why)
}

function checkAtMost(report: Report, most: number, value: number | undefined, why = ''): void {
  if (value !== undefined && value > most) report.invalid(value, `must be less than or equal to ${most}${why}`)
}

function checkPodReplacement({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, report: Report): void {
  const supported = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  if (policy !== undefined && !supported.includes(policy)) report.notSupported(policy, supported)
}

/** Pods that always begin anew would never end. */
function checkRestartPolicy({ template, podFailurePolicy }: JobSpec, report: Report): void {
  const { restartPolicy } = template.spec
  if (restartPolicy === undefined || restartPolicy === 'Always') {
    report.required('valid values: "OnFailure", "Never"')
  } else if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    report.notSupported(restartPolicy, ['OnFailure', 'Never'])
  } else if (podFailurePolicy !== undefined && restartPolicy !== 'Never') {
    report.invalid(restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')
  }
}

/** What of a job stays as it was. */
export function checkJobSpecUpdate({ spec }: Job, old: Job, report: Report): void {
  checkCompletions(spec, old.spec, report.at('completions'))
  checkImmutable(report.at('selector'), spec.selector, old.spec.selector)
  if (!sameJson(spec.template, changeableTemplate(spec.template, old))) {
    const value = goForm('io.k8s.api.core.v1.PodTemplateSpec', spec.template)
    report.at('template').invalid(value, 'field is immutable')
  }
  checkImmutable(report.at('completionMode'), spec.completionMode, old.spec.completionMode)
  checkImmutablePolicy('podFailurePolicy', 'PodFailurePolicy', spec, old.spec, report)
  checkImmutable(report.at('backoffLimitPerIndex'), spec.backoffLimitPerIndex, old.spec.backoffLimitPerIndex)
  checkImmutable(report.at('managedBy'), spec.managedBy, old.spec.managedBy)
  checkImmutablePolicy('successPolicy', 'SuccessPolicy', spec, old.spec, report)
}

/** Indexed jobs grow and shrink, with as many pods at once as there are indexes. */
function checkCompletions(spec: JobSpec, old: JobSpec, report: Report): void {
  if (spec.completionMode !== 'Indexed') return checkImmutable(report, spec.completions, old.completions)
  if (spec.completions === undefined || spec.completions === old.completions) return
  if (spec.completions !== spec.parallelism) {
    report.invalid(spec.completions, 'can only be modified in tandem with spec.parallelism')
  }
}

function checkImmutablePolicy(
  field: 'podFailurePolicy' | 'successPolicy',
  type: string,
  spec: JobSpec,
  old: JobSpec,
  report: Report,
): void {
  const value = spec[field]
  if (sameJson(value, old[field])) return
  const shown = value === undefined ? null : goForm(`io.k8s.api.batch.v1.${type}`, value)
  report.at(field).invalid(shown, 'field is immutable')
}

/** The template as it was, but for what may change: where the pods go, while the job is suspended and has not begun. */
function changeableTemplate(template: PodTemplateSpec, { spec, status }: Job): PodTemplateSpec {
  if (spec.suspend !== true || status?.startTime !== undefined) return spec.template
  const { affinity, nodeSelector, tolerations, schedulingGates } = template.spec
  const { affinity: before, ...rest } = spec.template.spec
  const { nodeSelector: _selector, tolerations: _tolerations, schedulingGates: _gates, ...others } = rest
  const { labels, annotations } = template.metadata ?? {}
  const { labels: _labels, annotations: _annotations, ...metadata } = spec.template.metadata ?? {}
  const { nodeAffinity: _nodeAffinity, ...neighbours } = before ?? {}
  const nodeAffinity = affinity?.nodeAffinity
  const isBare = affinity === undefined && Object.keys(neighbours).length === 0
  return {
    metadata: { ...metadata, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: {
      ...others,
      ...(isBare ? {} : { affinity: { ...neighbours, ...(nodeAffinity && { nodeAffinity }) } }),
      ...(nodeSelector && { nodeSelector }),
      ...(tolerations && { tolerations }),
      ...(schedulingGates && { schedulingGates }),
    },
  }
}

const manyAtOnce =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail'

/** What people should know about a job that they may have. `place` is where its spec is. */
export function jobSpecWarnings(spec: JobSpec, place: string): string[] {
  const { completionMode, completions = 0, parallelism = 0 } = spec
  const isLarge = completions > mostIndexed && parallelism > mostWithManyCompletions
  return [
    ...(completionMode === 'Indexed' && isLarge ? [`${place}: ${manyAtOnce}`] : []),
    ...templateWarnings(spec.template, `${place}.template`),
  ]
}
