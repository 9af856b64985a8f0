import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client } from './client.ts'

/**
 * Puts a finalizer on an object, so that it stays until its owner has cleaned up; the object itself when it has it already.
 * Throws a Conflict when the object is newer: look again.
 */
export async function addFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  signal?: AbortSignal,
): Promise<T> {
  const present = object.metadata.finalizers ?? []
  return present.includes(finalizer) ? object : set(client, resource, object, [...present, finalizer], signal)
}

/** Takes a finalizer off; an object that is being deleted goes with its last one. Throws a Conflict when it is newer. */
export async function removeFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  signal?: AbortSignal,
): Promise<T> {
  const present = object.metadata.finalizers ?? []
  const rest = present.filter((each) => each !== finalizer)
  return rest.length === present.length ? object : set(client, resource, object, rest, signal)
}

/** A merge patch replaces the whole list; the revision makes sure that it is the list that was read. */
function set<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  { metadata: { name, namespace, uid, resourceVersion } }: T,
  finalizers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<T> {
  const at = namespace === undefined ? { name } : { name, namespace }
  const body = { metadata: { uid, resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers } }
  return client.patch(resource, at, { type: 'merge', body }, signal === undefined ? {} : { signal })
}
