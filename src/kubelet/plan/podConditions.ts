import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodCondition, PodPhase } from '#api/core/v1/podStatus.ts'
import { timeText } from '#machinery/time.ts'
import { isSidecar, type PodView } from './podView.ts'

const kubeletConditions: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'PodResizePending',
  'PodResizeInProgress',
])

/** Says that somebody makes a pod leave; several do, and each says it with a reason of its own. */
const disruptionType = 'DisruptionTarget'
const disruptionReason = 'TerminationByKubelet'

/** Whether a condition is the node's; all others are somebody else's and kept as they are. */
export function isKubeletCondition({ type, reason }: Pick<PodCondition, 'type' | 'reason'>): boolean {
  return kubeletConditions.has(type) || (type === disruptionType && reason === disruptionReason)
}

/** The conditions that others gave a pod beside those that the node gives it. */
export function conditionsOfOthers(
  all: readonly PodCondition[] | undefined,
  own: readonly PodCondition[],
): readonly PodCondition[] {
  return (all ?? []).filter(
    (condition) => !isKubeletCondition(condition) && !own.some(({ type }) => type === condition.type),
  )
}

interface Verdict {
  readonly status: 'True' | 'False'
  readonly reason?: string
  readonly message?: string
}

const yes: Verdict = { status: 'True' }

/**
 * The conditions of a pod, those of others first, then those of a resize; a condition keeps its time while its status does.
 * `disruption` says why the node makes the pod leave, once it has left.
 */
export function computeConditions(
  pod: Pod,
  view: PodView,
  statuses: readonly ContainerStatus[],
  phase: PodPhase,
  now: number,
  resize: readonly PodCondition[],
  disruption: string | undefined,
): readonly PodCondition[] {
  const old = pod.status?.conditions ?? []
  const byName = new Map(statuses.map((status) => [status.name, status]))
  const containersReady = verdictOnContainers(pod, byName, phase)
  // The sandbox goes next: told at once, so that it takes no write of its own.
  const isLeaving = pod.metadata.deletionTimestamp !== undefined && view.alive.length === 0
  const told = old.find(({ type, reason }) => type === disruptionType && reason === disruptionReason)?.message
  const leaves = disruption ?? told
  const verdicts: readonly (readonly [string, Verdict])[] = [
    ['PodReadyToStartContainers', view.sandbox === undefined || isLeaving ? { status: 'False' } : yes],
    ['Initialized', verdictOnInitialization(pod, byName, phase)],
    ['Ready', containersReady.status === 'True' ? verdictOnGates(pod) : containersReady],
    ['ContainersReady', containersReady],
    ['PodScheduled', yes],
    ...(leaves === undefined
      ? []
      : [[disruptionType, { status: 'True', reason: disruptionReason, message: leaves }] as const]),
  ]
  const { generation } = pod.metadata
  const own = verdicts.map(([type, verdict]): PodCondition => {
    const before = old.find((condition) => condition.type === type)
    const kept = before?.status === verdict.status ? before.lastTransitionTime : undefined
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      ...verdict,
      lastTransitionTime: kept ?? timeText(now),
    }
  })
  return [...conditionsOfOthers(old, own), ...resize, ...own]
}

type Statuses = ReadonlyMap<string, ContainerStatus>

function verdictOnInitialization(pod: Pod, statuses: Statuses, phase: PodPhase): Verdict {
  const initContainers = pod.spec.initContainers ?? []
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' }
  // Containers start only after initialisation, whatever has become of the init containers since.
  if (pod.spec.containers.some((container) => hasStarted(statuses.get(container.name)))) return yes
  const incomplete = initContainers.filter((container) => {
    const status = statuses.get(container.name)
    return isSidecar(container) ? status?.started !== true : status?.ready !== true
  })
  if (incomplete.length === 0) return yes
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.map(({ name }) => name).join(' ')}]`,
  }
}

function hasStarted(status: ContainerStatus | undefined): boolean {
  return (
    status?.started === true ||
    status?.state?.running !== undefined ||
    status?.state?.terminated !== undefined ||
    status?.lastState?.terminated !== undefined
  )
}

function verdictOnContainers(pod: Pod, statuses: Statuses, phase: PodPhase): Verdict {
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  const counted = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers]
  const unready = counted.filter((container) => statuses.get(container.name)?.ready !== true)
  if (unready.length === 0) return yes
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.map(({ name }) => name).join(' ')}]`,
  }
}

function verdictOnGates(pod: Pod): Verdict {
  const problems: string[] = []
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType)
    if (condition === undefined) {
      problems.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    } else if (condition.status !== 'True') {
      problems.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`)
    }
  }
  if (problems.length === 0) return yes
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') }
}
