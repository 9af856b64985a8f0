import type { Node } from '#api/core/v1/node.ts'
import type { NodeCondition } from '#api/core/v1/nodeStatus.ts'
import type { Taint, TaintEffect } from '#api/core/v1/scheduling.ts'
import { timeText } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'

const notReadyTaint = 'node.kubernetes.io/not-ready'
const unreachableTaint = 'node.kubernetes.io/unreachable'

/** When a node was last heard of, by this process's own clock. */
export interface Heard {
  /** What its kubelet wrote last. Any change is a sign of life. */
  readonly sign: string
  readonly at: number
}

/** What is a sign of life of a kubelet: its lease's renewal, and the heartbeat of readiness; others may write the rest. */
export function signOfLife(node: Node, renewTime: string): string {
  const ready = conditionOf(node.status?.conditions, 'Ready')
  return ready === undefined ? renewTime : `${renewTime},${ready.lastHeartbeatTime ?? ''}`
}

/** A kubelet that was never heard of gets a little longer to start. */
const startupGrace = 60_000

export interface HealthPlan {
  /** The conditions to be written, if they change: the node is `Unknown`. */
  readonly conditions?: readonly NodeCondition[]
  /** When it has been silent for too long, unless it is heard of before. */
  readonly silentAt: number
}

/** Conditions that a kubelet keeps; all of them are unknown when it is silent. */
const kept = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** Decides whether a node has been silent for too long. */
export function planHealth(node: Node, heard: Heard, grace: number, now: number): HealthPlan {
  const before = node.status?.conditions ?? []
  const never = conditionOf(before, 'Ready') === undefined
  const silentAt = heard.at + (never ? Math.max(grace, startupGrace) : grace)
  if (now <= silentAt) return { silentAt }
  const conditions = [...before]
  for (const type of kept) {
    const at = conditions.findIndex((condition) => condition.type === type)
    const time = timeText(now)
    if (at < 0) {
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        lastHeartbeatTime: node.metadata.creationTimestamp ?? time,
        lastTransitionTime: time,
      })
    } else if (conditions[at]!.status !== 'Unknown') {
      conditions[at] = {
        ...conditions[at]!,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: time,
      }
    }
  }
  // The others go with readiness: while it says that the node is silent, nothing is left to say.
  const isTold = conditionOf(conditions, 'Ready') === conditionOf(before, 'Ready')
  return { silentAt, ...(isTold ? {} : { conditions }) }
}

/** The taint that a node's readiness asks for. */
function readinessTaint(node: Node): string | undefined {
  switch (conditionOf(node.status?.conditions, 'Ready')?.status) {
    case 'True':
      return undefined
    case 'Unknown':
      return unreachableTaint
    case 'False':
      return notReadyTaint
    default:
      // Nothing is known of a node that has just come: whoever adds it taints it himself.
      return undefined
  }
}

/** Conditions other than readiness that are bad when true, and the taints that keep new pods away. */
const pressureTaints: ReadonlyMap<string, string> = new Map([
  ['MemoryPressure', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'node.kubernetes.io/network-unavailable'],
])
const unschedulableTaint = 'node.kubernetes.io/unschedulable'

const ownKeys = new Set([notReadyTaint, unreachableTaint, unschedulableTaint, ...pressureTaints.values()])

/** Whether pods may be driven out of a node that is not ready; `lifted`: those that are being driven out stay. */
export type Driving = 'allowed' | 'asBefore' | 'lifted'

/**
 * The taints a node has to carry: those that keep new pods away at once, in the order of its conditions, and the one that
 * drives pods out only where that is allowed. Taints of others, and those that stay, are kept as they are. Undefined when
 * nothing changes.
 */
export function planTaints(node: Node, driving: Driving, now: number): readonly Taint[] | undefined {
  const present = node.spec.taints ?? []
  const known = conditionOf(node.status?.conditions, 'Ready') !== undefined
  const readiness = readinessTaint(node)
  const wanted: { key: string; effect: TaintEffect }[] = []
  for (const { type, status } of node.status?.conditions ?? []) {
    const key = type === 'Ready' ? readiness : status === 'True' ? pressureTaints.get(type) : undefined
    if (key !== undefined) wanted.push({ key, effect: 'NoSchedule' })
  }
  if (node.spec.unschedulable === true) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule' })
  const drives = (taint: { key: string; effect: string }): boolean => taint.effect === 'NoExecute'
  const drivenBy = present.find(
    (taint) => drives(taint) && (taint.key === notReadyTaint || taint.key === unreachableTaint),
  )
  // From one of the two to the other needs no new permission: the pods are being driven out already.
  const drivesOut = driving === 'allowed' || (driving === 'asBefore' && drivenBy !== undefined)
  if (readiness !== undefined && drivesOut) wanted.push({ key: readiness, effect: 'NoExecute' })
  const isOwn = (taint: Taint): boolean => {
    if (!ownKeys.has(taint.key)) return false
    if (!known && taint.key === notReadyTaint) return false
    return (
      taint.effect === 'NoSchedule' ||
      (drives(taint) && (taint.key === notReadyTaint || taint.key === unreachableTaint))
    )
  }
  const isWanted = (taint: Taint): boolean =>
    wanted.some(({ key, effect }) => key === taint.key && effect === taint.effect)
  const stay = present.filter((taint) => !isOwn(taint) || isWanted(taint))
  const add = wanted
    .filter(({ key, effect }) => !stay.some((taint) => taint.key === key && taint.effect === effect))
    .map(({ key, effect }) => ({ key, effect, timeAdded: timeText(now) }))
  return add.length === 0 && stay.length === present.length ? undefined : [...stay, ...add]
}

/** Whether the readiness of a node asks to drive its pods out, and they are not being driven out yet. */
export function needsEviction(node: Node): boolean {
  const taint = readinessTaint(node)
  if (taint === undefined) return false
  const driving = [notReadyTaint, unreachableTaint]
  return node.spec.taints?.some(({ key, effect }) => effect === 'NoExecute' && driving.includes(key)) !== true
}

/** Labels of before and those that took their place, whose value they follow. */
const followed: readonly (readonly [label: string, before: string])[] = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
]

/** The labels of before that a node lacks or has with another value; undefined when nothing changes. */
export function planLabels({ metadata: { labels = {} } }: Node): Readonly<Record<string, string>> | undefined {
  const changed = followed.flatMap(([label, before]) => {
    const value = labels[label]
    return value === undefined || labels[before] === value ? [] : [[before, value] as const]
  })
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}
