import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { Client } from '#client/client.ts'
import {
  bindingProblem,
  claimNameOf,
  claimProblem,
  modeProblem,
  ownerProblem,
  type ClaimedVolume,
} from './plan/planClaims.ts'
import { usedVolumes } from './plan/planVolumes.ts'

/** What a volume stands for cannot be found out, or not be used yet; the message is part of a FailedMount event. */
export class UnprocessedError extends Error {
  override name = 'UnprocessedError'
}

/**
 * Looks up the claim behind a volume of a pod, and the volume that the claim is bound to. A node may only get these by
 * their names, not watch them. Rejects with an UnprocessedError when the pod may not use them now.
 */
export async function findClaimed(
  client: Client,
  pod: Pod,
  { name: volumeName, ephemeral }: Volume,
  claimName: string,
  signal: AbortSignal,
): Promise<ClaimedVolume> {
  const { namespace = '' } = pod.metadata
  const unprocessed = (problem: string): UnprocessedError =>
    new UnprocessedError(`error processing PVC ${namespace}/${claimName}: ${problem}`)
  const get = async <T>(what: string, asked: Promise<T>): Promise<T> => {
    try {
      return await asked
    } catch (error) {
      signal.throwIfAborted()
      throw unprocessed(`failed to fetch ${what} from API server: ${(error as Error).message}`)
    }
  }
  const refuse = (problem: string | undefined, as = unprocessed): void => {
    if (problem !== undefined) throw as(problem)
  }
  const asIs = (problem: string): UnprocessedError => new UnprocessedError(problem)

  const claim = await get('PVC', client.get(persistentVolumeClaims, { namespace, name: claimName }, { signal }))
  refuse(claimProblem(claim))
  if (ephemeral !== undefined) refuse(ownerProblem(pod, claim), asIs)
  const name = claim.spec.volumeName ?? ''
  const volume = await get(`PV ${name}`, client.get(persistentVolumes, { name }, { signal }))
  refuse(bindingProblem(claim, volume))
  refuse(modeProblem(pod, volumeName, volume.spec), asIs)
  return { claim, volume }
}

/** Why claims of a pod cannot be used now, by the names of volumes. */
export async function findUnprocessed(
  client: Client,
  pod: Pod,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>()
  for (const volume of usedVolumes(pod)) {
    const claimName = claimNameOf(pod, volume)
    if (claimName === undefined) continue
    try {
      await findClaimed(client, pod, volume, claimName, signal)
    } catch (error) {
      if (!(error instanceof UnprocessedError)) throw error
      problems.set(volume.name, error.message)
    }
  }
  return problems
}
