import type { Pod } from '#api/core/v1/pod.ts'
import type { PodCondition, PodPhase, PodStatus } from '#api/core/v1/podStatus.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import { millisecondsOf, timeText } from '#machinery/time.ts'
import type { ObservedPod } from '../runtime/containerRuntime.ts'
import { containerStatuses, ephemeralContainerStatuses } from './containerStatuses.ts'
import { orderPodAddresses } from './podAddresses.ts'
import { computeConditions, isKubeletCondition } from './podConditions.ts'
import type { PodFailure, PodMemory } from './podMemory.ts'
import { resizeConditions } from './resize.ts'
import { isSidecar, viewOf, type PodView } from './podView.ts'
import { qosClassOf } from '#machinery/qosClass.ts'

/** The status to show, and whether the pod is to be brought to its end: a status says so only once nothing runs. */
export interface ComputedStatus {
  /** Made whenever it is read: of several looks in one moment the last one's is shown. */
  readonly status: PodStatus
  readonly startTime: string
  readonly isEnding: boolean
  /** Why the pod failed as a whole, known before the status may say so. */
  readonly failure?: PodFailure
}

/** What the API server shall say of a pod. Fields of others (resize, resource claims, nominations) are kept. */
export function computePodStatus(pod: Pod, observed: ObservedPod, now: number, memory: PodMemory): ComputedStatus {
  const old = pod.status ?? {}
  const view = viewOf(pod, observed)
  const startTime = old.startTime ?? timeText(now)
  const hasInit = (pod.spec.initContainers ?? []).length > 0
  const init = containerStatuses(pod, view, pod.spec.initContainers ?? [], old.initContainerStatuses, now, memory, true)
  const main = containerStatuses(pod, view, pod.spec.containers, old.containerStatuses, now, memory, hasInit)
  const ephemeral = ephemeralContainerStatuses(pod, view, memory)
  const failure = memory.rejection ?? memory.eviction ?? deadlinePassed(pod, startTime, now) ?? keptFailure(old)
  const isDeleted = pod.metadata.deletionTimestamp !== undefined
  const nothingAlive = view.alive.length === 0
  const phase = failure === undefined ? phaseOf(pod, init, main, isDeleted && nothingAlive) : 'Failed'
  const isTerminal = phase === 'Failed' || phase === 'Succeeded'
  // Controllers take a terminal phase as a promise that nothing runs any more.
  const shownPhase = isTerminal && !nothingAlive ? runningPhase(old.phase) : phase
  const shownFailure = shownPhase === 'Failed' ? failure : undefined
  const show = (): PodStatus => {
    const statuses = memory.rejection === undefined ? { init, main, ephemeral } : { init: [], main: [], ephemeral: [] }
    const conditions =
      memory.rejection === undefined
        ? computeConditions(
            pod,
            view,
            [...init, ...main],
            phase,
            now,
            isTerminal ? [] : resizeConditions(pod, view, now, memory),
            shownPhase === 'Failed' && memory.eviction?.isDisruption === true ? memory.eviction.message : undefined,
          )
        : (old.conditions ?? []).filter((condition) => !isKubeletCondition(condition) || isScheduled(condition))
    const ips = podIps(pod, view, memory)
    const { generation } = pod.metadata
    return {
      ...keptFields(old),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      phase: shownPhase,
      conditions: [...conditions],
      ...(shownFailure === undefined ? {} : { reason: shownFailure.reason, message: shownFailure.message }),
      ...(memory.rejection === undefined ? hostFields(memory, old) : {}),
      ...(ips.length === 0 ? {} : { podIP: ips[0]!, podIPs: ips.map((ip) => ({ ip })) }),
      startTime,
      ...(statuses.init.length === 0 ? {} : { initContainerStatuses: statuses.init }),
      ...(statuses.main.length === 0 ? {} : { containerStatuses: statuses.main }),
      ...(statuses.ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: statuses.ephemeral }),
      qosClass: old.qosClass ?? qosClassOf(pod),
    }
  }
  return {
    get status() {
      return show()
    },
    startTime,
    isEnding: isTerminal,
    ...(failure === undefined ? {} : { failure }),
  }
}

function isScheduled(condition: PodCondition): boolean {
  return condition.type === 'PodScheduled'
}

/** Milliseconds since the epoch when the pod has been active for as long as it may; undefined without a limit. */
export function deadlineOf(pod: Pod, startTime: string): number | undefined {
  const started = millisecondsOf(startTime)
  const seconds = pod.spec.activeDeadlineSeconds
  return seconds === undefined || started === undefined ? undefined : started + seconds * 1000
}

function deadlinePassed(pod: Pod, startTime: string, now: number): PodFailure | undefined {
  const deadline = deadlineOf(pod, startTime)
  if (deadline === undefined || now < deadline) return undefined
  // A pod that finished by itself did so in time.
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return undefined
  return {
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  }
}

/** Once failed for a reason of its own (a deadline, an eviction, a refusal), a pod stays so. */
function keptFailure(old: PodStatus): PodFailure | undefined {
  if (old.phase !== 'Failed' || old.reason === undefined) return undefined
  return { reason: old.reason, message: old.message ?? '' }
}

function runningPhase(old: PodPhase | undefined): PodPhase {
  return old === undefined || old === 'Succeeded' || old === 'Failed' ? 'Running' : old
}

function keptFields(old: PodStatus): PodStatus {
  const {
    observedGeneration: _generation,
    phase: _phase,
    conditions: _conditions,
    reason: _reason,
    message: _message,
    hostIP: _hostIP,
    hostIPs: _hostIPs,
    podIP: _podIP,
    podIPs: _podIPs,
    initContainerStatuses: _init,
    containerStatuses: _main,
    ephemeralContainerStatuses: _ephemeral,
    ...kept
  } = old
  return kept
}

function hostFields(memory: PodMemory, old: PodStatus): Pick<PodStatus, 'hostIP' | 'hostIPs'> {
  const [first] = memory.node.addresses
  if (first !== undefined) return { hostIP: first, hostIPs: memory.node.addresses.map((ip) => ({ ip })) }
  return {
    ...(old.hostIP === undefined ? {} : { hostIP: old.hostIP }),
    ...(old.hostIPs === undefined ? {} : { hostIPs: old.hostIPs }),
  }
}

/** A pod that ended keeps the addresses it had: they tell the reader where it was. */
function podIps(pod: Pod, view: PodView, memory: PodMemory): readonly string[] {
  if (pod.spec.hostNetwork === true) return view.newestSandbox === undefined ? [] : memory.node.addresses
  if (view.sandbox !== undefined) return orderPodAddresses(view.sandbox.ips, memory.node.addresses)
  return (pod.status?.podIPs ?? []).map(({ ip }) => ip)
}

/** Where a pod is in its life, from how its containers are. */
function phaseOf(
  pod: Pod,
  init: readonly ContainerStatus[],
  main: readonly ContainerStatus[],
  isRemoved: boolean,
): PodPhase {
  const old = pod.status?.phase
  if (old === 'Succeeded' || old === 'Failed') return old
  const started = main.some(
    (status) => status.state?.running ?? status.state?.terminated ?? status.lastState?.terminated,
  )
  const initPhase = initPhaseOf(pod, init, started)
  if (initPhase === 'Failed') return 'Failed'
  if (isRemoved) return main.every(endedWell) && main.length > 0 ? 'Succeeded' : 'Failed'
  if (initPhase === 'Pending') return 'Pending'
  let [running, waiting, stopped, succeeded] = [0, 0, 0, 0]
  for (const status of main) {
    if (status.state?.running !== undefined) running++
    else if (status.state?.terminated !== undefined) {
      stopped++
      if (status.state.terminated.exitCode === 0) succeeded++
    } else if (status.lastState?.terminated !== undefined) stopped++
    else waiting++
  }
  const sidecarsRunning = init.filter(
    (status, index) => isSidecar(pod.spec.initContainers![index]!) && status.state?.running !== undefined,
  ).length
  if (waiting > 0) return 'Pending'
  if (running > 0) return 'Running'
  const policy = pod.spec.restartPolicy ?? 'Always'
  if (stopped === 0) return sidecarsRunning > 0 ? 'Running' : 'Pending'
  if (policy === 'Always') return 'Running'
  if (stopped === succeeded) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
}

function endedWell(status: ContainerStatus): boolean {
  return status.state?.terminated?.exitCode === 0
}

/** `Pending` while an init container or the start of a sidecar is awaited, `Failed` when one failed for good. */
function initPhaseOf(pod: Pod, init: readonly ContainerStatus[], started: boolean): 'Pending' | 'Failed' | undefined {
  let pending = false
  for (const [index, status] of init.entries()) {
    const container = pod.spec.initContainers![index]!
    if (isSidecar(container)) {
      const hasRun = status.state?.terminated !== undefined || status.lastState?.terminated !== undefined
      if (!started && status.started !== true && !hasRun) pending = true
      continue
    }
    const ended =
      status.state?.terminated ?? (status.state?.running === undefined ? status.lastState?.terminated : undefined)
    if (ended === undefined) pending = true
    else if (ended.exitCode !== 0) {
      if (pod.spec.restartPolicy === 'Never') return 'Failed'
      pending = true
    }
  }
  return pending ? 'Pending' : undefined
}
