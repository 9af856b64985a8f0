import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client } from './client.ts'
import { mergePatchOf } from '#machinery/patch/merge.ts'

/**
 * Brings an object's status to what was computed from exactly this revision of it, with one patch of the difference;
 * returns the object unchanged when there is none. Throws a Conflict when the object is newer: compute again.
 * `annotations` go with it for kinds whose status subresource may set them (Deployments carry their revision so).
 */
export async function writeStatus<T extends KubeObject & { status?: unknown }>(
  client: Client,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  signal?: AbortSignal,
  annotations?: Readonly<Record<string, string>>,
): Promise<T> {
  const change = mergePatchOf(object.status ?? {}, status)
  if (change === undefined && annotations === undefined) return object
  const { resourceVersion } = object.metadata
  const metadata = {
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(annotations === undefined ? {} : { annotations }),
  }
  const body = { metadata, ...(change === undefined ? {} : { status: change }) }
  return client.patchStatus(resource, object.metadata, { type: 'merge', body }, signal === undefined ? {} : { signal })
}
