import type { Container } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import type { Report } from '#machinery/validate/report.ts'
import { sameValue } from '#resources/rules.ts'

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
  if (!sameValue(fixedPart(pod.spec, old.spec), fixedPart(old.spec, old.spec))) {
    spec.forbidden(`pod updates may not change fields other than ${changeable}`)
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
    now.some((one) => sameValue({ ...one, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 })),
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

/** A spec without what may change; while it waits behind gates a pod's placement may be narrowed too. */
function fixedPart(spec: PodSpec, old: PodSpec): unknown {
  const withoutImage = ({ image: _, ...container }: Container): unknown => container
  const { activeDeadlineSeconds: _a, tolerations: _t, schedulingGates: _g, ephemeralContainers: _e, ...rest } = spec
  const gated = (old.schedulingGates ?? []).length > 0
  return {
    ...rest,
    containers: spec.containers.map(withoutImage),
    initContainers: spec.initContainers?.map(withoutImage),
    ...(gated ? { nodeSelector: undefined, affinity: undefined } : {}),
    ...((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
      ? { terminationGracePeriodSeconds: old.terminationGracePeriodSeconds }
      : {}),
  }
}
