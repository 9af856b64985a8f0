/** Giving the containers of a running pod more or less (KEP-1287): what the node agrees to, and what is to be done for it. */
import type { Container, ResourceList, ResourceRequirements } from '#api/core/v1/container.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodCondition } from '#api/core/v1/podStatus.ts'
import { podRequests, readResources } from '#machinery/podResources.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import { quantityMilliValue, quantityValue } from '#machinery/quantity.ts'
import { timeText } from '#machinery/time.ts'
import type { ObservedContainer } from '../runtime/containerRuntime.ts'
import { admitPod } from './admission.ts'
import type { PodMemory } from './podMemory.ts'
import { isSidecar, type PodView } from './podView.ts'
import { shouldRestart } from './restarts.ts'

/** What the node has agreed to give to containers, by their names. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>

/** The containers that can be resized; an init container that ends is what it was. */
export function resizableContainers({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers]
}

/** What an earlier agent agreed to, by the pod's status; what the pod asks for where it says nothing. */
export function knownAllocation(pod: Pod): Allocation {
  const statuses = statusesOf(pod)
  return new Map(
    resizableContainers(pod).map((container) => {
      const { resources, allocatedResources = resources?.requests } = statuses.get(container.name) ?? {}
      const asked = container.resources ?? {}
      if (resources === undefined) return [container.name, asked]
      return [container.name, { ...asked, ...withAmounts(asked, { ...resources, requests: allocatedResources ?? {} }) }]
    }),
  )
}

function statusesOf({ status = {} }: Pod): ReadonlyMap<string, ContainerStatus> {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
  return new Map(all.map((each) => [each.name, each]))
}

/** The lists of `base` with the CPU and memory of `amounts`. */
function withAmounts(base: ResourceRequirements, amounts: ResourceRequirements): ResourceRequirements {
  const merge = (list: ResourceList | undefined, from: ResourceList | undefined): ResourceList | undefined => {
    const { cpu: _cpu, memory: _memory, ...others } = list ?? {}
    const { cpu, memory } = from ?? {}
    const merged = { ...others, ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
    return list === undefined && Object.keys(merged).length === 0 ? undefined : merged
  }
  const limits = merge(base.limits, amounts.limits)
  const requests = merge(base.requests, amounts.requests)
  return { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) }
}

/** The pod as it runs: with what its containers were given instead of what is asked for them. The same object if that is equal. */
export function asAllocated(pod: Pod, allocation: Allocation): Pod {
  if (resizableContainers(pod).every(({ name, resources }) => hasSameAmounts(resources, allocation.get(name))))
    return pod
  const given = (container: Container): Container => {
    const resources = allocation.get(container.name)
    return resources === undefined ? container : { ...container, resources }
  }
  const { initContainers, containers } = pod.spec
  const spec = {
    ...pod.spec,
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(given) }),
    containers: containers.map(given),
  }
  return { ...pod, spec }
}

/** Whether CPU and memory are the same; what is not known asks for nothing else. */
export function hasSameAmounts(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  if (a === b || b === undefined) return true
  const isSame = (x: ResourceList | undefined, y: ResourceList | undefined): boolean =>
    amountOf(x, 'cpu') === amountOf(y, 'cpu') && amountOf(x, 'memory') === amountOf(y, 'memory')
  return isSame(a?.limits, b.limits) && isSame(a?.requests, b.requests)
}

function amountOf(list: ResourceList | undefined, name: 'cpu' | 'memory'): number | undefined {
  const quantity = list?.[name]
  if (quantity === undefined) return undefined
  return name === 'cpu' ? quantityMilliValue(quantity) : quantityValue(quantity)
}

/** Why what is asked for is not given: not now, or not on this node at all. */
export interface PendingResize {
  readonly reason: 'Deferred' | 'Infeasible'
  readonly message: string
  /** Of the pod that asks. */
  readonly generation?: number
}

/** Whether the node can give a pod what is asked for its containers, beside the others with what they were given. */
export function decideResize(pod: Pod, others: readonly Pod[], node: Node): PendingResize | undefined {
  const asked = podRequests(pod)
  const offered = readResources(node.status?.allocatable)
  const generation = pod.metadata.generation === undefined ? {} : { generation: pod.metadata.generation }
  const tooLittle = "Node didn't have enough capacity: "
  if (asked.memory > offered.memory) {
    const message = `${tooLittle}memory, requested: ${asked.memory}, capacity: ${offered.memory}`
    return { reason: 'Infeasible', message, ...generation }
  }
  if (asked.milliCpu > offered.milliCpu) {
    const message = `${tooLittle}cpu, requested: ${asked.milliCpu}, capacity: ${offered.milliCpu}`
    return { reason: 'Infeasible', message, ...generation }
  }
  const failure = admitPod(pod, others, node)
  return failure === undefined ? undefined : { reason: 'Deferred', message: failure.message, ...generation }
}

/** In which order resizes get what there is: those that take nothing more, then by priority, then by class. */
export function compareResizes(a: ResizingPod, b: ResizingPod): number {
  const rank = ({ pod, allocated }: ResizingPod): readonly number[] => {
    const [asked, given] = [podRequests(pod), podRequests(allocated)]
    const takesMore = asked.memory > given.memory || asked.milliCpu > given.milliCpu
    return [Number(takesMore), -(pod.spec.priority ?? 0), Number(qosClassOf(pod) !== 'Guaranteed')]
  }
  const ranks = rank(b)
  return rank(a).reduce((order, each, index) => (order === 0 ? each - ranks[index]! : order), 0)
}

/** A pod as it is asked for, and as it runs. */
export interface ResizingPod {
  readonly pod: Pod
  readonly allocated: Pod
}

/** What a run has in force: as it was made or changed last, or as an earlier agent told. */
export function resourcesInForce(
  run: ObservedContainer,
  container: Container,
  before: ContainerStatus | undefined,
  memory: PodMemory,
): ResourceRequirements {
  const told = before?.containerID === `${memory.node.runtimeScheme}://${run.id}` ? before.resources : undefined
  return memory.resources.get(run.id) ?? told ?? container.resources ?? {}
}

/** The runs that have something else in force than what they were given. */
export function runsToResize(
  pod: Pod,
  view: PodView,
  memory: PodMemory,
): readonly {
  readonly run: ObservedContainer
  readonly container: Container
  readonly inForce: ResourceRequirements
}[] {
  const statuses = statusesOf(pod)
  return resizableContainers(pod).flatMap((container) => {
    const run = view.current(container.name)
    if (run?.state !== 'running') return []
    const inForce = resourcesInForce(run, container, statuses.get(container.name), memory)
    return hasSameAmounts(container.resources, inForce) ? [] : [{ run, container, inForce }]
  })
}

/** Whether the container says that it must begin anew to take notice of the change. */
export function mustRestart({ resources, resizePolicy = [] }: Container, inForce: ResourceRequirements): boolean {
  return resizePolicy.some(({ resourceName, restartPolicy }) => {
    if (restartPolicy !== 'RestartContainer' || (resourceName !== 'cpu' && resourceName !== 'memory')) return false
    return (
      amountOf(resources?.limits, resourceName) !== amountOf(inForce.limits, resourceName) ||
      amountOf(resources?.requests, resourceName) !== amountOf(inForce.requests, resourceName)
    )
  })
}

/** The conditions of a resize that waits, and of one that is being made true. */
export function resizeConditions(pod: Pod, view: PodView, now: number, memory: PodMemory): readonly PodCondition[] {
  const old = pod.status?.conditions ?? []
  const conditionOf = (type: string, generation: number | undefined, reason = '', message = ''): PodCondition => {
    const before = old.find((condition) => condition.type === type)
    const isSame = before !== undefined && (before.reason ?? '') === reason
    const isKept = isSame && (before.message ?? '') === message && before.observedGeneration === generation
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status: 'True',
      ...(isKept && before.lastProbeTime !== undefined ? { lastProbeTime: before.lastProbeTime } : {}),
      ...(isKept ? {} : { lastProbeTime: timeText(now) }),
      lastTransitionTime: (isSame ? before.lastTransitionTime : undefined) ?? timeText(now),
      ...(reason === '' ? {} : { reason }),
      ...(message === '' ? {} : { message }),
    }
  }
  const { pending, error, generation = pod.metadata.generation } = memory.resize
  const conditions: PodCondition[] = []
  if (pending !== undefined) {
    conditions.push(conditionOf('PodResizePending', pending.generation, pending.reason, pending.message))
  }
  if (runsToResize(pod, view, memory).length > 0 || isBeginningAnew(pod, view, memory)) {
    const why = error === undefined ? [] : (['Error', error.message] as const)
    conditions.push(conditionOf('PodResizeInProgress', generation, ...why))
  }
  return conditions
}

/** A container that was stopped for its resize has not been started again. */
function isBeginningAnew(pod: Pod, view: PodView, memory: PodMemory): boolean {
  if (!isInProgress(pod)) return false
  return resizableContainers(pod).some((container) => {
    const [newest] = view.runs(container.name)
    return newest?.state === 'exited' && memory.stopped.has(newest.id) && shouldRestart(pod, container, newest)
  })
}

export function isInProgress({ status }: Pod): boolean {
  return status?.conditions?.some(({ type }) => type === 'PodResizeInProgress') === true
}

/** The event of a resize that has come true. */
export function completedMessage({ spec }: Pod): string {
  const summary = (list: readonly Container[]) =>
    list.map(({ name, resources = {} }) => ({ name, resources: sorted(resources) }))
  const init = summary(spec.initContainers ?? [])
  const containers = summary(spec.containers)
  return `Pod resize completed: ${JSON.stringify({ ...(init.length === 0 ? {} : { initContainers: init }), containers })}`
}

/** As Go writes it: limits before requests, each by name. */
function sorted({ limits, requests, claims }: ResourceRequirements): ResourceRequirements {
  const byName = (list: ResourceList): ResourceList =>
    Object.fromEntries(
      Object.keys(list)
        .toSorted()
        .map((name) => [name, list[name]!]),
    )
  return {
    ...(limits === undefined ? {} : { limits: byName(limits) }),
    ...(requests === undefined ? {} : { requests: byName(requests) }),
    ...(claims === undefined ? {} : { claims }),
  }
}
