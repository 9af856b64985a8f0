import type { Container } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import type { Report } from '#machinery/validate/report.ts'
import { difference } from '#resources/difference.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

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
  checkDeadline(pod.spec, old.spec, spec.at('activeDeadlineSeconds'))
  checkTolerationsGrow(pod.spec.tolerations ?? [], old.spec.tolerations ?? [], spec.at('tolerations'))
  checkGatesShrink(pod.spec, old.spec, spec.at('schedulingGates'))
  const fixed = withoutAllowedChanges(pod.spec, old.spec)
  if (!sameJson(fixed, old.spec)) {
    spec.forbidden(`pod updates may not change fields other than ${changeable}\n${difference(fixed, old.spec)}`)
  }
}

function checkDeadline(
  { activeDeadlineSeconds: now }: PodSpec,
  { activeDeadlineSeconds: before }: PodSpec,
  report: Report,
): void {
  if (now === undefined) {
    if (before !== undefined) report.invalid(null, 'must not update from a positive integer to nil value')
  } else if (before !== undefined && now > before) report.invalid(now, 'must be less than or equal to previous value')
}

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
  for (const { name } of now) {
    if (!before.some((gate) => gate.name === name)) {
      report.forbidden(`only deletion is allowed, but found new scheduling gate '${name}'`)
    }
  }
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
    keep('affinity')
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
