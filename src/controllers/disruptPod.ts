import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodCondition, PodPhase } from '#api/core/v1/podStatus.ts'
import type { Client } from '#client/client.ts'
import { timeText } from '#machinery/time.ts'
import { writeStatus } from '#client/writeStatus.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { withCondition } from '#machinery/conditions.ts'
import { isReason } from '#machinery/status.ts'

/** Says in a pod's status that it is ended from outside (KEP-3329), and why, before it is deleted. */
export async function markDisrupted(
  client: Client,
  pod: Pod,
  cause: { readonly reason: string; readonly message: string; readonly phase?: PodPhase },
  now: number,
  signal: AbortSignal,
): Promise<Pod | undefined> {
  const { phase, ...words } = cause
  const observedGeneration =
    pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    ...observedGeneration,
    status: 'True',
    lastTransitionTime: timeText(now),
    ...words,
  }
  const conditions = [...withCondition(pod.status?.conditions, condition)]
  const status = { ...pod.status, conditions, ...(phase === undefined ? {} : { phase }) }
  return unlessGone(writeStatus(client, pods, pod, status, signal))
}

/** Deletes exactly this pod; one that is gone, or was replaced, is no failure. */
export async function deletePod(
  client: Client,
  pod: Pod,
  signal: AbortSignal,
  gracePeriodSeconds?: number,
): Promise<void> {
  const { uid } = pod.metadata
  try {
    await client.delete(pods, pod.metadata, {
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      signal,
    })
  } catch (error) {
    if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error
  }
}
