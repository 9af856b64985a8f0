import type { Pod } from '#api/core/v1/pod.ts'
import type { Client } from '#client/client.ts'
import { findUnprocessed } from '#kubelet/claimedVolumes.ts'
import type { PodPlace, SimulatedPod } from './simulatedPod.ts'

/** Asks for the claims of a pod that is about to mount its volumes, as its node's agent would. */
export async function findUnreadyVolumes(
  client: Client,
  pod: Pod,
  { volumesMounted, unready }: SimulatedPod,
  now: number,
  signal: AbortSignal,
): Promise<Pick<PodPlace, 'unreadyVolumes'>> {
  const isDue = !volumesMounted && now >= (unready?.retryAt ?? 0)
  if (!isDue || pod.metadata.deletionTimestamp !== undefined) return {}
  return { unreadyVolumes: await findUnprocessed(client, pod, signal) }
}
