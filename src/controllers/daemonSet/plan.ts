import type { DaemonSet, DaemonSetStatus } from '#api/apps/v1/daemonSet.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Cause } from '#client/causes.ts'
import type { EventNote } from '#client/events.ts'
import { scaledValueOrZero } from '#machinery/intOrString.ts'
import { availableAt, isReady } from '../podAvailability.ts'
import { revisionLabel } from '../revisionHistory.ts'
import { eligibilityOf, isUpdated, nodeOf, type Eligibility } from './placement.ts'
import { planRollout } from './rollout.ts'

/** The most pods that one look at a set creates, and deletes; the next look does the rest. */
const mostAtOnce = 250

export interface Observed {
  readonly nodes: readonly Node[]
  /** The pods that the set owns. */
  readonly pods: readonly Pod[]
  /** The hash that pods of the present template are labelled with. */
  readonly hash: string
  /** For how many milliseconds yet the failed pod of a node is left as it is. */
  readonly failureWait: (node: string) => number
}

/** What is decided from, prepared once for each look. */
export interface Scene extends Pick<Observed, 'hash' | 'failureWait'> {
  readonly set: DaemonSet
  /** When it is. */
  readonly now: number
  /** The pods by the node they are for; those that have ended and are being deleted count no more. */
  readonly byNode: ReadonlyMap<string, readonly Pod[]>
  readonly eligibility: ReadonlyMap<string, Eligibility>
  isAvailable(pod: Pod): boolean
}

/** The next step of a DaemonSet. */
export interface DaemonPlan {
  /** Nodes that get a pod. */
  readonly create: readonly string[]
  readonly remove: readonly Pod[]
  /** Nodes whose failed pod is among those that go: the next one is left for longer. */
  readonly failed: readonly string[]
  readonly notes: readonly EventNote[]
  readonly cause?: Cause
  /** Look again then even if nothing changes. */
  readonly recheckAt?: number
}

/** Prepares what there is. */
export function sceneOf(set: DaemonSet, { nodes, pods, hash, failureWait }: Observed, now: number): Scene {
  const judge = eligibilityOf(set)
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    const node = nodeOf(pod)
    if (node === undefined || (hasEnded(pod) && pod.metadata.deletionTimestamp !== undefined)) continue
    const there = byNode.get(node)
    if (there === undefined) byNode.set(node, [pod])
    else there.push(pod)
  }
  for (const there of byNode.values()) there.sort(compareAge)
  return {
    set,
    now,
    hash,
    failureWait,
    byNode,
    eligibility: new Map(nodes.map((node) => [node.metadata.name, judge(node)])),
    isAvailable: (pod) => (availableAt(pod, set.spec.minReadySeconds ?? 0) ?? Infinity) <= now,
  }
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded'
}

/** Those with a node first, then the oldest. */
function compareAge(a: Pod, b: Pod): number {
  const placed = ({ spec }: Pod): number => ((spec.nodeName ?? '') === '' ? 1 : 0)
  const created = ({ metadata }: Pod): string => metadata.creationTimestamp ?? ''
  if (placed(a) !== placed(b)) return placed(a) - placed(b)
  if (created(a) !== created(b)) return created(a) < created(b) ? -1 : 1
  return a.metadata.name < b.metadata.name ? -1 : 1
}

/** Decides which pods come and which go: first so that every node has what it should, then so that all are of the present template. */
export function planDaemonSet(scene: Scene): DaemonPlan {
  const { set, now } = scene
  const create: string[] = []
  const remove: Pod[] = []
  const failed: string[] = []
  const notes: EventNote[] = []
  let recheckAt = Infinity
  let cause: Cause | undefined

  const judgeNode = (node: string, eligibility: Eligibility): void => {
    const there = scene.byNode.get(node)
    if (eligibility === 'runs' && there === undefined) return void create.push(node)
    if (eligibility === 'no') return void remove.push(...(there ?? []).filter(isStaying))
    const running: Pod[] = []
    for (const pod of (there ?? []).filter(isStaying)) {
      const place = `daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${node}`
      if (pod.status?.phase === 'Failed') {
        const wait = scene.failureWait(node)
        if (wait > 0) {
          recheckAt = Math.min(recheckAt, now + wait)
          cause ??= failureCause(pod, node, wait)
          continue
        }
        notes.push({
          type: 'Warning',
          reason: 'FailedDaemonPod',
          message: `Found failed ${place}, will try to kill it`,
        })
        failed.push(node)
        remove.push(pod)
      } else if (pod.status?.phase === 'Succeeded') {
        const message = `Found succeeded ${place}, will try to delete it`
        notes.push({ type: 'Normal', reason: 'SucceededDaemonPod', message })
        remove.push(pod)
      } else running.push(pod)
    }
    if (!allowsSurge(set)) return void remove.push(...running.slice(1))
    if (running.length === 0 && eligibility === 'runs') create.push(node)
    if (running.length > 1) remove.push(...surplusOf(running, scene))
  }
  for (const [node, eligibility] of scene.eligibility) judgeNode(node, eligibility)
  // A pod that waits for a node which is gone would wait for ever.
  for (const [node, there] of scene.byNode) {
    if (!scene.eligibility.has(node)) remove.push(...there.filter(({ spec }) => (spec.nodeName ?? '') === ''))
  }

  const settled = create.length === 0 && remove.length === 0
  const rollout = settled && set.spec.updateStrategy?.type !== 'OnDelete' ? planRollout(scene) : undefined
  const why = cause ?? rollout?.cause
  return {
    create: (rollout?.create ?? create).slice(0, mostAtOnce),
    remove: (rollout?.remove ?? remove).slice(0, mostAtOnce),
    failed,
    notes,
    ...(why === undefined ? {} : { cause: why }),
    ...(recheckAt === Infinity ? {} : { recheckAt }),
  }
}

const isStaying = ({ metadata }: Pod): boolean => metadata.deletionTimestamp === undefined

function failureCause({ metadata: { name, namespace }, status }: Pod, node: string, wait: number): Cause {
  return {
    reason: 'FailedDaemonPod',
    message: `Pod "${name}" on node "${node}" has failed${status?.reason === undefined ? '' : `: ${status.reason}`}`,
    remedy: `It is replaced in ${Math.ceil(wait / 1000)} s`,
    involves: [
      { kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) },
      { kind: 'Node', name: node },
    ],
  }
}

/** Whether a node may run an old and a new pod together. */
export function allowsSurge({ spec }: DaemonSet): boolean {
  const { type, rollingUpdate } = spec.updateStrategy ?? {}
  return type === 'RollingUpdate' && scaledValueOrZero(rollingUpdate?.maxSurge ?? 0, 1, 'up') > 0
}

/** Of several pods on a node: one of the present template stays, and one of an earlier as long as it is the only ready one. */
function surplusOf(running: readonly Pod[], { hash, isAvailable }: Scene): readonly Pod[] {
  const isNew = ({ metadata }: Pod): boolean => metadata.labels?.[revisionLabel] === hash
  const newest = running.find(isNew)
  const old = running.find((pod) => !isNew(pod))
  const surplus = running.filter((pod) => pod !== newest && pod !== old)
  if (newest === undefined || old === undefined) return surplus
  return !isReady(old) || isAvailable(newest) ? [...surplus, old] : surplus
}

/**
 * The status of a set. `upToDate`: the set's present generation was acted on. `recheckAt` is when a ready pod becomes
 * available without any change.
 */
export function computeStatus(
  { set, now, hash, byNode, eligibility, isAvailable }: Scene,
  look: { readonly upToDate: boolean; readonly collisions: number },
): { readonly status: DaemonSetStatus; readonly recheckAt?: number } {
  let [desired, current, misscheduled, ready, updated, available] = [0, 0, 0, 0, 0, 0]
  for (const [node, verdict] of eligibility) {
    const [pod] = byNode.get(node) ?? []
    if (verdict === 'runs') desired++
    else if (pod !== undefined) misscheduled++
    if (verdict !== 'runs' || pod === undefined) continue
    current++
    if (isReady(pod)) ready++
    if (isAvailable(pod)) available++
    if (isUpdated(pod, set, hash)) updated++
  }
  const unavailable = desired - available
  const { generation } = set.metadata
  const observedGeneration = look.upToDate ? generation : set.status?.observedGeneration
  const collisionCount = look.collisions === 0 ? set.status?.collisionCount : look.collisions
  const status: DaemonSetStatus = {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(unavailable === 0 ? {} : { numberUnavailable: unavailable }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  }
  let recheckAt = Infinity
  for (const pod of [...byNode.values()].flat()) {
    const time = availableAt(pod, set.spec.minReadySeconds ?? 0) ?? Infinity
    if (time > now) recheckAt = Math.min(recheckAt, time)
  }
  return recheckAt === Infinity ? { status } : { status, recheckAt }
}
