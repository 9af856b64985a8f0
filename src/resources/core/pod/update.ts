import type { NodeSelectorTerm } from '#api/core/v1/affinity.ts'
import type { Container } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'
import { difference } from '#resources/difference.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

/** The annotation of pods that stand for static ones of a node. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror'

const changeable =
  '`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** What of a pod may change once it is there: images, a deadline that comes nearer, more tolerations, fewer gates. */
export function checkPodUpdate(pod: Pod, old: Pod, report: Report): void {
  const spec = report.at('spec')
  if (old.spec.containers.length !== pod.spec.containers.length) {
    return spec.at('containers').forbidden('pod updates may not add or remove containers')
  }
  if ((old.spec.initContainers ?? []).length !== (pod.spec.initContainers ?? []).length) {
    return spec.at('initContainers').forbidden('pod updates may not add or remove containers')
  }
  if (!checkDeadline(pod.spec, old.spec, spec.at('activeDeadlineSeconds'))) return
  checkTolerationsGrow(pod.spec.tolerations ?? [], old.spec.tolerations ?? [], spec.at('tolerations'))
  checkGatesShrink(pod.spec, old.spec, spec.at('schedulingGates'))
  if ((old.spec.schedulingGates ?? []).length > 0) checkNarrowed(pod.spec, old.spec, spec)
  const fixed = withoutAllowedChanges(pod.spec, old.spec)
  if (!sameJson(fixed, old.spec)) {
    spec.forbidden(`pod updates may not change fields other than ${changeable}\n${difference(fixed, old.spec)}`)
  }
}

function checkDeadline(
  { activeDeadlineSeconds: now }: PodSpec,
  { activeDeadlineSeconds: before }: PodSpec,
  report: Report,
): boolean {
  if (now === undefined) {
    if (before !== undefined) report.invalid(null, 'must not update from a positive integer to nil value')
    return true
  }
  const isLater = before !== undefined && now > before
  if (now < 0 || now > mostSeconds) report.invalid(now, `must be between 0 and ${mostSeconds}, inclusive`)
  else if (isLater) report.invalid(now, 'must be less than or equal to previous value')
  else return true
  return false
}

const mostSeconds = 2 ** 31 - 1

function checkTolerationsGrow(now: readonly Toleration[], before: readonly Toleration[], report: Report): void {
  const kept = before.every((toleration) =>
    now.some((one) => sameJson({ ...one, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 })),
  )
  if (!kept) report.forbidden('existing toleration can not be modified except its tolerationSeconds')
}

function checkGatesShrink(
  { schedulingGates: now = [] }: PodSpec,
  { schedulingGates: before = [] }: PodSpec,
  report: Report,
): void {
  for (const [index, { name }] of now.entries()) {
    if (!before.some((gate) => gate.name === name)) {
      report.at(index, 'name').forbidden(`only deletion is allowed, but found new scheduling gate '${name}'`)
    }
  }
}

/** While it waits behind gates, the nodes that a pod may run on become fewer. */
function checkNarrowed(spec: PodSpec, old: PodSpec, report: Report): void {
  const selected = Object.entries(old.nodeSelector ?? {})
  if (selected.some(([label, value]) => spec.nodeSelector?.[label] !== value)) {
    const problem = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
    report.at('nodeSelector').invalid(spec.nodeSelector ?? null, problem)
  }
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const termsOf = ({ affinity }: PodSpec): readonly NodeSelectorTerm[] =>
    affinity?.nodeAffinity?.[required]?.nodeSelectorTerms ?? []
  const [now, before] = [termsOf(spec), termsOf(old)]
  const place = report.at('affinity', 'nodeAffinity', required, 'nodeSelectorTerms')
  const shown = (term: NodeSelectorTerm): object => goForm('io.k8s.api.core.v1.NodeSelectorTerm', term)
  if (before.length > 0 && now.length !== before.length) {
    const problem = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'
    return place.invalid(now.length === 0 ? null : now.map(shown), problem)
  }
  for (const [index, term] of before.entries()) {
    if (hasOnlyMore(now[index]!, term)) continue
    place.at(index).invalid(shown(now[index]!), 'only additions are allowed (no mutations or deletions)')
  }
}

/** Whether a term asks for what another asks for, and perhaps more. One that asks for nothing matches nothing and stays. */
function hasOnlyMore(now: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const counts = [now, before].map(
    ({ matchExpressions = [], matchFields = [] }) => matchExpressions.length + matchFields.length,
  )
  if (counts[1] === 0 && counts[0]! > 0) return false
  return (['matchExpressions', 'matchFields'] as const).every((part) =>
    (before[part] ?? []).every((one, index) => sameJson(one, now[part]?.[index])),
  )
}

function keepNodeAffinity(spec: PodSpec, old: PodSpec): void {
  const { nodeAffinity: _, ...others } = spec.affinity ?? {}
  const nodeAffinity = old.affinity?.nodeAffinity
  if (nodeAffinity !== undefined) spec.affinity = { ...others, nodeAffinity }
  else if (old.affinity === undefined && Object.keys(others).length === 0) delete spec.affinity
  else spec.affinity = others
}

/** A spec with what may change as it was; while it waits behind gates a pod's placement may be narrowed too. */
function withoutAllowedChanges(spec: PodSpec, old: PodSpec): PodSpec {
  const fixed: PodSpec = {
    ...spec,
    containers: withFormerImages(spec.containers, old.containers),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: withFormerImages(spec.initContainers, old.initContainers ?? []) }),
  }
  const keep = <F extends keyof PodSpec>(field: F): void => {
    if (old[field] === undefined) delete fixed[field]
    else fixed[field] = old[field]
  }
  keep('activeDeadlineSeconds')
  keep('tolerations')
  keep('schedulingGates')
  keep('ephemeralContainers')
  if ((old.schedulingGates ?? []).length > 0) {
    keep('nodeSelector')
    keepNodeAffinity(fixed, old)
  }
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    keep('terminationGracePeriodSeconds')
  }
  return fixed
}

function withFormerImages(containers: readonly Container[], old: readonly Container[]): Container[] {
  return containers.map((container, index) => {
    const image = old[index]?.image
    const former = { ...container, ...(image === undefined ? {} : { image }) }
    if (image === undefined) delete former.image
    return former
  })
}
