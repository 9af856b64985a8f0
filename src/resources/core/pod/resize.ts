import type { Container, ResourceList } from '#api/core/v1/container.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkPodSpec } from './rules.ts'
import { mirrorAnnotation } from './update.ts'

// Giving the containers of a running pod more or less (KEP-1287).

/** Takes of a resize what resizes, where the containers are those of before; the rules refuse what is left. */
export function keepResize({ spec }: Pod, { spec: old }: Pod): void {
  const { containers, initContainers } = spec
  if (containers.length !== old.containers.length) return
  if ((initContainers ?? []).length !== (old.initContainers ?? []).length) return
  spec.containers = resized(containers, old.containers)
  if (initContainers !== undefined) spec.initContainers = resized(initContainers, old.initContainers ?? [])
}

function resized(containers: Container[], old: readonly Container[]): Container[] {
  if (containers.some(({ name }, index) => name !== old[index]!.name)) return containers
  return containers.map(({ resources, resizePolicy }, index) => {
    const { resources: _, resizePolicy: __, ...rest } = old[index]!
    return { ...rest, ...(resources && { resources }), ...(resizePolicy && { resizePolicy }) }
  })
}

/** The rules of a resize. */
export function checkResize(pod: Pod, old: Pod, report: Report): void {
  const refusal = wholeRefusal(pod, old)
  if (refusal !== undefined) return report.at('').forbidden(refusal)
  const place = report.at('spec')
  checkPodSpec(pod.spec, old.spec, place, { isPod: true })
  const before = old.status?.qosClass ?? qosClassOf(old)
  if (before !== qosClassOf(pod)) {
    place.invalid(pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing')
  }
  const running = old.status?.containerStatuses?.find(({ state }) => state?.running !== undefined)
  if (running !== undefined && running.resources === undefined) {
    place.forbidden('Pod running on node without support for resize')
  }
  if (!hasSameContainers(pod.spec, old.spec, place)) return
  checkNothingRemoved(pod.spec, old.spec, place)
  const isRefused = checkOthersStay(pod.spec, old.spec, place)
  if (!isRefused && !place.isReported() && !sameJson(otherwise(pod.spec), otherwise(old.spec))) {
    place.forbidden('only cpu and memory resources are mutable')
  }
}

/** Why a pod is not resized at all. */
function wholeRefusal(pod: Pod, old: Pod): string | undefined {
  const asksAsWhole = ({ spec: { resources = {} } }: Pod): boolean =>
    Object.keys(resources.requests ?? {}).length + Object.keys(resources.limits ?? {}).length > 0
  if (asksAsWhole(old) || asksAsWhole(pod)) return 'pods with pod-level resources cannot be resized'
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) return 'static pods cannot be resized'
  return old.spec.os?.name === 'windows' ? 'windows pods cannot be resized' : undefined
}

const kinds = ['containers', 'initContainers'] as const

function hasSameContainers(spec: PodSpec, old: PodSpec, report: Report): boolean {
  let isSame = true
  for (const kind of kinds) {
    const [now, before] = [spec[kind] ?? [], old[kind] ?? []]
    if (now.length !== before.length) {
      isSame = false
      report.at(kind).forbidden(`${kind} may not be added or removed on resize`)
      continue
    }
    for (const [index, { name }] of before.entries()) {
      if (now[index]!.name === name) continue
      isSame = false
      report.at(kind, index, 'name').forbidden(`${kind} may not be renamed or reordered on resize`)
    }
  }
  return isSame
}

const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always'

/** What was asked for once is asked for still, if another amount. */
function checkNothingRemoved(spec: PodSpec, old: PodSpec, report: Report): void {
  for (const kind of ['initContainers', 'containers'] as const) {
    for (const [index, before] of (old[kind] ?? []).entries()) {
      if (kind === 'initContainers' && !isSidecar(before)) continue
      const now = spec[kind]![index]!
      for (const part of ['requests', 'limits'] as const) {
        const isGone = Object.keys(before.resources?.[part] ?? {}).some(
          (name) => !Object.hasOwn(now.resources?.[part] ?? {}, name),
        )
        if (isGone) report.at(kind, index, 'resources', part).forbidden(`resource ${part} cannot be removed`)
      }
    }
  }
}

/** Says of each container that changed more than CPU and memory, and of each init container that changed and ends. */
function checkOthersStay(spec: PodSpec, old: PodSpec, report: Report): boolean {
  let isRefused = false
  const refuse = (why: string): void => {
    isRefused = true
    report.forbidden(why)
  }
  for (const [index, container] of spec.containers.entries()) {
    const before = old.containers[index]!
    if (!sameJson(withFormerAmounts(container, before), withFormerAmounts(before, before))) {
      refuse('only cpu and memory resources are mutable')
    }
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const before = old.initContainers![index]!
    if (isSidecar(container)) {
      if (!sameJson(withFormerAmounts(container, before), withFormerAmounts(before, before))) {
        refuse('only cpu and memory resources for sidecar containers are mutable')
      }
    } else if (!sameJson(container, before)) refuse('resources for non-sidecar init containers are immutable')
  }
  return isRefused
}

/** The container with as much CPU and memory as before. */
function withFormerAmounts(container: Container, before: Container): Container {
  const amounts = (list: ResourceList | undefined, former: ResourceList | undefined): ResourceList => {
    if (former === undefined) return {}
    const { cpu: _, memory: __, ...others } = list ?? {}
    const { cpu, memory } = former
    return { ...others, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) }
  }
  const { claims } = container.resources ?? {}
  const limits = amounts(container.resources?.limits, before.resources?.limits)
  const requests = amounts(container.resources?.requests, before.resources?.requests)
  return { ...container, resources: { limits, requests, ...(claims && { claims }) } }
}

function otherwise({ containers: _, initContainers: __, ...spec }: PodSpec): object {
  return spec
}
