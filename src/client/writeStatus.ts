import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client } from './client.ts'
import { mergePatchOf } from './statusPatch.ts'

/**
 * Brings an object's status to what was computed from exactly this revision of it, with one patch of the difference;
 * returns the object unchanged when there is none. Throws a Conflict when the object is newer: compute again.
 */
export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  client: Client,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  signal?: AbortSignal,
): Promise<T> {
  const change = mergePatchOf(object.status ?? {}, status)
  if (change === undefined) return object
  const { resourceVersion } = object.metadata
  const body = { ...(resourceVersion === undefined ? {} : { metadata: { resourceVersion } }), status: change }
  return client.patchStatus(resource, object.metadata, { type: 'merge', body }, signal === undefined ? {} : { signal })
}
