import type { StatefulSet, StatefulSetStatus } from '#api/apps/v1/statefulSet.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Cause } from '#client/causes.ts'
import type { Draft, ObjectName } from '#client/client.ts'
import { availableAt, isReady, whyUnavailable } from '../podAvailability.ts'
import {
  claimOwners,
  claimsFor,
  goWithPods,
  hasStaleClaim,
  type ClaimAt,
  type ClaimDraft,
  type ClaimOwners,
} from './claims.ts'
import { corrected, isWanted, ordinalOf, ordinalsOf, podFor, podName, revisionOf, type Revision } from './identity.ts'

export interface Observed {
  /** The pods that the set owns, each with a number. */
  readonly pods: readonly Pod[]
  readonly claimAt: ClaimAt
  /** What pods not yet replaced are made from. */
  readonly current: Revision
  /** What pods get. */
  readonly update: Revision
}

/** Claims of a pod that are to be made, and why that cannot be done for others. */
export interface MissingClaims {
  readonly create: readonly ClaimDraft[]
  readonly problems: readonly string[]
}

/** Gives claims the owners that they should have. */
export interface OwnClaims {
  readonly do: 'own'
  readonly pod: Pod
  readonly claims: readonly ClaimOwners[]
  /** Names of claims that are not in the copy, and still have to go with the pod if they are there. */
  readonly unseen: readonly string[]
  /** Whether it is told as a change of the pod. */
  readonly told: boolean
}

/** One thing to do for one pod. */
export type Step =
  | {
      readonly do: 'create'
      readonly pod: Draft<Pod> & { readonly metadata: ObjectName }
      readonly claims: MissingClaims
    }
  | { readonly do: 'createClaims'; readonly pod: string; readonly claims: MissingClaims }
  | OwnClaims
  | { readonly do: 'update'; readonly pod: Pod; readonly claims: MissingClaims }
  | { readonly do: 'delete'; readonly pod: Pod }

/** What is to be done for one pod, in this order. */
export type Task = readonly Step[]

/** The next step of a StatefulSet. */
export interface StatefulPlan {
  /** One after the other; the tasks of a round side by side. What fails ends it. */
  readonly rounds: readonly (readonly Task[])[]
  /** The pod that a rollout deletes, which is among what is to be done. */
  readonly replaced?: Pod
  /** What it waits for. */
  readonly cause?: Cause
}

interface Scene {
  readonly set: StatefulSet
  readonly observed: Observed
  isAvailable(pod: Pod | undefined): boolean
}

/** A number that the set should have, with its pod. */
interface Slot {
  readonly ordinal: number
  readonly pod?: Pod
}

/**
 * Decides what to do next: pods come in the order of their numbers, each once the one before is available, and go in the
 * reverse order; with `Parallel` they need not wait for each other. A rollout begins when all are there, at the highest
 * number. A pod that is there, be it ended or on its way out, keeps its number from everybody else.
 */
export function planStatefulSet(set: StatefulSet, observed: Observed, now: number): StatefulPlan {
  if (set.metadata.deletionTimestamp !== undefined) return { rounds: [] }
  const minReady = set.spec.minReadySeconds ?? 0
  const scene: Scene = {
    set,
    observed,
    isAvailable: (pod) => pod !== undefined && !isEnding(pod) && (availableAt(pod, minReady) ?? Infinity) <= now,
  }
  const inOrder = set.spec.podManagementPolicy !== 'Parallel'
  const { slots, condemned } = arrange(set, observed.pods)
  const rounds: (readonly Task[])[] = []
  const add = (tasks: readonly Task[]): void => {
    const some = tasks.filter((task) => task.length > 0)
    if (inOrder) rounds.push(...some.map((task) => [task]))
    else if (some.length > 0) rounds.push(some)
  }

  const tasks: Task[] = []
  for (const slot of slots) {
    const { task, waits } = planSlot(scene, slot, inOrder)
    tasks.push(task)
    if (!inOrder || waits === undefined) continue
    add(tasks)
    return withCause({ rounds }, waits)
  }
  add(tasks)

  add(condemned.map((pod) => fixOwners(scene, pod, false)))
  const first = [...slots.map(({ pod }) => pod), ...condemned.toReversed()].find((pod) => !scene.isAvailable(pod))
  const removals: Task[] = []
  for (const pod of condemned) {
    if (isEnding(pod)) {
      if (!inOrder) continue
      return withCause({ rounds }, waitFor(pod))
    }
    const settled = isRunningAndReady(pod) && scene.isAvailable(pod)
    if (inOrder && !settled && pod !== first) return withCause({ rounds }, waitFor(first ?? pod))
    removals.push([{ do: 'delete', pod }])
    if (inOrder) break
  }
  add(removals)
  if (inOrder && removals.length > 0) return { rounds }
  return planRollout(scene, slots, rounds)
}

/** Sorts pods to the numbers that the set should have, and those that it should not, the highest first. */
function arrange(
  set: StatefulSet,
  pods: readonly Pod[],
): { readonly slots: readonly Slot[]; readonly condemned: readonly Pod[] } {
  const { start, count } = ordinalsOf(set)
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]))
  const slots = Array.from({ length: count }, (_, index): Slot => {
    const ordinal = start + index
    const pod = byOrdinal.get(ordinal)
    return pod === undefined ? { ordinal } : { ordinal, pod }
  })
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal !== undefined && !isWanted(set, ordinal))
    .toSorted(([a], [b]) => b! - a!)
    .map(([, pod]) => pod)
  return { slots, condemned }
}

/** What one wanted number needs; `waits` is why the next one has to wait for it. */
function planSlot(scene: Scene, { ordinal, pod }: Slot, inOrder: boolean): { task: Task; waits?: Cause } {
  const { set, observed } = scene
  if (pod === undefined) {
    const name = podName(set, ordinal)
    const { namespace } = set.metadata
    const subject = { kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) }
    if (hasStaleClaim(set, ordinal, observed.claimAt)) {
      const message = `Pod "${name}" waits for the claims of its predecessor to be gone`
      return { task: [], waits: { reason: 'ClaimsNotGone', message, involves: [subject] } }
    }
    const waits = { reason: 'PodNotCreated', message: `Pod "${name}" is being created`, involves: [subject] }
    const claims = missingClaims(set, ordinal, observed.claimAt)
    return { task: [{ do: 'create', pod: podFor(set, revisionFor(scene, ordinal), ordinal), claims }], waits }
  }
  // How a pod ended says little about its work: the node may have stopped it. It starts again in any case.
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') {
    return { task: isEnding(pod) ? [] : [{ do: 'delete', pod }], waits: waitFor(pod) }
  }
  const task: Step[] = []
  if (pod.status?.phase === 'Pending') {
    const claims = missingClaims(set, ordinal, observed.claimAt)
    if (claims.create.length + claims.problems.length > 0)
      task.push({ do: 'createClaims', pod: pod.metadata.name, claims })
    task.push(...fixOwners(scene, pod, false))
  }
  if (inOrder && (!isRunningAndReady(pod) || !scene.isAvailable(pod))) return { task, waits: waitFor(pod) }
  const better = corrected(set, pod, ordinal)
  const owned = pod.status?.phase === 'Pending' ? [] : fixOwners(scene, pod, true)
  if (better !== undefined) {
    task.push({ do: 'update', pod: better, claims: missingClaims(set, ordinal, observed.claimAt) })
  }
  task.push(...owned)
  return { task }
}

/** Which revision a new pod is made from: during a rollout those below the partition come as they were. */
function revisionFor({ set, observed }: Scene, ordinal: number): Revision {
  const { updateStrategy = {}, ordinals } = set.spec
  const { type, rollingUpdate } = updateStrategy
  const start = ordinals?.start ?? 0
  const kept =
    rollingUpdate === undefined
      ? type === 'RollingUpdate' && ordinal < start + (set.status?.currentReplicas ?? 0)
      : ordinal < start + (rollingUpdate.partition ?? 0)
  return kept ? observed.current : observed.update
}

function missingClaims(set: StatefulSet, ordinal: number, claimAt: ClaimAt): MissingClaims {
  const create: ClaimDraft[] = []
  const problems: string[] = []
  for (const draft of claimsFor(set, ordinal)) {
    const { name } = draft.metadata
    const claim = claimAt(name)
    if (claim === undefined) create.push(draft)
    else if (claim.metadata.deletionTimestamp !== undefined) problems.push(`pvc ${name} is being deleted`)
  }
  return { create, problems }
}

/** Has the claims of a pod owned as the set's policy says. */
function fixOwners({ set, observed }: Scene, pod: Pod, told: boolean): Task {
  const ordinal = ordinalOf(set, pod) ?? -1
  const wanted = isWanted(set, ordinal)
  const claims = claimOwners(set, pod, ordinal, wanted, observed.claimAt)
  // Once the pod has gone nobody would come back for a claim that the copy was too old to show.
  const unseen = wanted || !goWithPods(set) ? [] : unseenClaims(set, ordinal, observed.claimAt)
  if (unseen.length === 0 && !claims.some(({ owners }) => owners !== undefined)) return []
  return [{ do: 'own', pod, claims, unseen, told }]
}

function unseenClaims(set: StatefulSet, ordinal: number, claimAt: ClaimAt): readonly string[] {
  return claimsFor(set, ordinal)
    .map(({ metadata }) => metadata.name)
    .filter((name) => claimAt(name) === undefined)
}

/** Deletes the pod with the highest number that is not of the present template; what is not available is waited for first. */
function planRollout(scene: Scene, slots: readonly Slot[], rounds: readonly (readonly Task[])[]): StatefulPlan {
  const { type, rollingUpdate } = scene.set.spec.updateStrategy ?? {}
  if (type === 'OnDelete') return { rounds }
  for (const { pod } of slots.slice(rollingUpdate?.partition ?? 0).toReversed()) {
    // One that is to come or has ended was seen to above.
    if (pod === undefined || hasEnded(pod)) return { rounds }
    if (revisionOf(pod) !== scene.observed.update.name && !isEnding(pod)) {
      return { rounds: [...rounds, [[{ do: 'delete', pod }]]], replaced: pod }
    }
    if (!scene.isAvailable(pod)) return withCause({ rounds }, waitFor(pod))
  }
  return { rounds }
}

const withCause = (plan: StatefulPlan, cause: Cause): StatefulPlan => ({ ...plan, cause })

function waitFor(pod: Pod): Cause {
  const { name, namespace } = pod.metadata
  return {
    reason: 'PodNotAvailable',
    message: `Pod "${name}" is waited for: ${whyUnavailable(pod)}`,
    remedy: 'Mend the pod; after a change of the template that mends it, delete the pod',
    involves: [{ kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) }],
  }
}

const isEnding = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded'
const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod)

/**
 * The status of a set with these pods, once `replaced` is being deleted. `recheckAt` is when a ready pod becomes available
 * without any change.
 */
export function computeStatus(
  set: StatefulSet,
  { pods, current, update }: Observed,
  look: { readonly replaced?: Pod; readonly collisions: number },
  now: number,
): { readonly status: StatefulSetStatus; readonly recheckAt?: number } {
  const availableFrom = (pod: Pod): number => availableAt(pod, set.spec.minReadySeconds ?? 0) ?? Infinity
  const ready = pods.filter(isRunningAndReady)
  const staying = pods.filter((pod) => !isEnding(pod) && pod !== look.replaced)
  const count = (revision: string): number => staying.filter((pod) => revisionOf(pod) === revision).length
  const updated = count(update.name)
  const { replicas = 1, updateStrategy } = set.spec
  // A rollout is over when every pod is of the new revision and ready.
  const done =
    updateStrategy?.type === 'RollingUpdate' &&
    [updated, ready.length, pods.length].every((number) => number === replicas)
  const currentCount = done ? updated : count(current.name)
  const available = ready.filter((pod) => availableFrom(pod) <= now).length
  const recheckAt = ready
    .map(availableFrom)
    .filter((time) => time > now)
    .reduce((a, b) => Math.min(a, b), Infinity)
  const status: StatefulSetStatus = {
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    replicas: pods.length,
    ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
    ...(currentCount === 0 ? {} : { currentReplicas: currentCount }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    currentRevision: done ? update.name : current.name,
    updateRevision: update.name,
    collisionCount: look.collisions,
    availableReplicas: available,
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  }
  return recheckAt === Infinity ? { status } : { status, recheckAt }
}
