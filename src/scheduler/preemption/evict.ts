import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client } from '#client/client.ts'
import { referenceTo, type EventRecorder } from '#client/events.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { Clock } from '#lib/clock.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { isReason } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import type { Candidate } from './victims.ts'

export interface EvictionContext {
  readonly client: Client
  readonly events: EventRecorder
  readonly clock: Clock
  /** Turns a pod away that waits for leave to go to its node; false when it is no such pod. */
  readonly turnAway: (victim: Pod) => boolean
  readonly signal: AbortSignal
}

/**
 * Makes room for a pod: voids the promises of the node to less important pods, and sends the victims away. The last of them
 * goes last, so that the pod that waits for their end is not told of it before everything is written. Throws when the
 * server refuses something.
 */
export async function makeRoom(
  context: EvictionContext,
  preemptor: Pod,
  { node, victims }: Candidate,
  promisedToLower: readonly Pod[],
): Promise<void> {
  for (const lower of promisedToLower) await withdrawNomination(context, lower)
  const staying = victims.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const evict = (victim: Pod): Promise<void> => evictPod(context, preemptor, victim, node)
  await Promise.all(staying.slice(0, -1).map(evict))
  const last = staying.at(-1)
  if (last !== undefined) await evict(last)
}

async function withdrawNomination({ client, signal }: EvictionContext, pod: Pod): Promise<void> {
  if ((pod.status?.nominatedNodeName ?? '') === '') return
  const body = { status: { nominatedNodeName: null } }
  await unlessGone(client.patchStatus(pods, pod.metadata, { type: 'strategic', body }, { signal }))
}

async function evictPod(context: EvictionContext, preemptor: Pod, victim: Pod, node: string): Promise<void> {
  if (!context.turnAway(victim)) {
    try {
      await markPreempted(context, preemptor, victim)
      const { uid } = victim.metadata
      await context.client.delete(pods, victim.metadata, { preconditions: { uid: uid! }, signal: context.signal })
    } catch (error) {
      // It is gone, or another pod has its name.
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return
      throw error
    }
  }
  context.events.recordAction(referenceTo(pods, victim), {
    type: 'Normal',
    reason: 'Preempted',
    action: 'Preempting',
    message: `Preempted by pod ${preemptor.metadata.uid} on node ${node}`,
    related: referenceTo(pods, preemptor),
  })
}

/** Says in the victim's status why it ends (KEP-3329). */
async function markPreempted({ client, clock, signal }: EvictionContext, preemptor: Pod, victim: Pod): Promise<void> {
  const { generation, uid } = victim.metadata
  const known = conditionOf(victim.status?.conditions, 'DisruptionTarget')
  const condition = {
    type: 'DisruptionTarget',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${preemptor.spec.schedulerName}: preempting to accommodate a higher priority pod`,
    lastProbeTime: null,
    lastTransitionTime: known?.status === 'True' ? known.lastTransitionTime : timeText(clock.now()),
  }
  const body = { metadata: { uid }, status: { conditions: [condition] } }
  await client.patchStatus(pods, victim.metadata, { type: 'strategic', body }, { signal })
}
