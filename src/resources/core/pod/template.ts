import { checkProfileAnnotations, checkProfilesAgree } from './rules/profiles.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import type { Report } from '#machinery/validate/report.ts'
import { defaultPodSpec } from './defaults.ts'
import { checkAnnotations, checkLabels } from '#resources/metadata.ts'
import { checkPodSpec } from './rules.ts'
import { checkSelector, hasKnownOperators } from '#resources/selector.ts'

/** Fills in what a pod template leaves out. */
export function defaultTemplate(template: PodTemplateSpec): void {
  template.metadata ??= {}
  template.spec ??= { containers: [] }
  defaultPodSpec(template.spec)
}

export interface TemplateOptions {
  /** Restart policies that suit the workload; the others are refused. */
  readonly restartPolicies: readonly string[]
  /** How messages name the workload that cannot have a deadline. */
  readonly deadlineOwner?: string
  /** Volumes that its pods have beside those of the template. */
  readonly furtherVolumes?: readonly string[]
}

/** The rules of a pod template inside a workload. */
export function checkTemplate(
  template: PodTemplateSpec,
  old: PodTemplateSpec | undefined,
  report: Report,
  { restartPolicies, deadlineOwner = 'ReplicaSet', furtherVolumes }: TemplateOptions,
): void {
  checkLabels(template.metadata?.labels, report.at('metadata', 'labels'))
  checkAnnotations(template.metadata?.annotations, report.at('metadata', 'annotations'))
  const spec = report.at('spec')
  checkProfileAnnotations(template.metadata?.annotations, template.spec, report.at('metadata', 'annotations'))
  checkPodSpec(template.spec, old?.spec, spec, furtherVolumes === undefined ? {} : { furtherVolumes })
  checkProfilesAgree(template.metadata ?? {}, template.spec, spec)
  if ((template.spec.ephemeralContainers ?? []).length > 0) {
    spec.at('ephemeralContainers').forbidden('ephemeral containers not allowed in pod template')
  }
  if (template.spec.restartPolicy !== undefined && !restartPolicies.includes(template.spec.restartPolicy)) {
    spec.at('restartPolicy').notSupported(template.spec.restartPolicy, restartPolicies)
  }
  if (template.spec.activeDeadlineSeconds !== undefined && deadlineOwner !== '') {
    spec.at('activeDeadlineSeconds').forbidden(`activeDeadlineSeconds in ${deadlineOwner} is not Supported`)
  }
}

/** A workload's selector must be there, say something, and match the pods that its template makes. */
export function checkSelectorMatchesTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  report: Report,
  { kind }: { readonly kind: string },
): void {
  const place = report.at('selector')
  if (selector === undefined) place.required()
  else {
    checkSelector(selector, place)
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
      place.invalid(selector, `empty selector is invalid for ${kind}`)
      return
    }
    if (!hasKnownOperators(selector)) {
      place.invalid(selector, 'invalid label selector')
      return
    }
  }
  const labels = template.metadata?.labels
  if (selector === undefined || !matchesLabelSelector(selector, labels ?? {})) {
    report.at('template', 'metadata', 'labels').invalid(labels ?? null, '`selector` does not match template `labels`')
  }
}
