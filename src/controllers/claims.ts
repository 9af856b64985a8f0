import { isReason } from '#machinery/status.ts'
import { controllerOf, controllerReference } from '#machinery/owners.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, ObjectName } from '#client/client.ts'
import { keyOf, type Group } from '#client/index.ts'
import type { Informer } from '#client/informer.ts'

/**
 * Finds the keys of the owners that must look when an object changes: that of the one it has, if it is of this kind, and
 * while it has none those of all that select it.
 */
export function ownerKeys<O extends KubeObject>(
  owners: Informer<O>,
  selectorOf: (owner: O) => LabelSelector | undefined,
): (object: KubeObject) => readonly string[] {
  return (object) => {
    const { namespace = '', labels } = object.metadata
    const owner = controllerOf(object)
    if (owner !== undefined) return owner.kind === owners.resource.kind ? [`${namespace}/${owner.name}`] : []
    const selecting = owners.list({ namespace, matches: (each) => matchesLabelSelector(selectorOf(each), labels) })
    return selecting.map(({ metadata }) => keyOf(metadata))
  }
}

/** Which objects an owner has, and what has to be written for that to be so. */
export interface Claims<T> {
  /** Owned and selected already. */
  readonly kept: readonly Group<T>[]
  /** Selected and without an owner: to be taken. */
  readonly adopt: readonly T[]
  /** Owned and no longer selected: to be let go. */
  readonly release: readonly T[]
}

/**
 * Decides what an owner claims of groups that are alike in their labels, their controller and whether they are being
 * deleted. An owner that is being deleted takes and lets go of nothing, so that its deletion can finish.
 */
export function planClaims<T extends KubeObject>(
  owner: Pick<KubeObject, 'metadata'>,
  selector: LabelSelector | undefined,
  candidates: readonly Group<T>[],
): Claims<T> {
  const kept: Group<T>[] = []
  const adopt: Group<T>[] = []
  const release: Group<T>[] = []
  const ending = owner.metadata.deletionTimestamp !== undefined
  for (const group of candidates) {
    const [object] = group
    const controller = controllerOf(object)
    const selected = matchesLabelSelector(selector, object.metadata.labels)
    if (controller === undefined) {
      const free = object.metadata.deletionTimestamp === undefined
      if (selected && free && !ending) adopt.push(group)
    } else if (controller.uid === owner.metadata.uid) {
      if (selected) kept.push(group)
      else if (!ending) release.push(group)
    }
  }
  return { kept, adopt: adopt.flat(), release: release.flat() }
}

/**
 * Writes the owner references that claims ask for and returns what the owner has then. `finalizer` comes with what is
 * taken and goes with what is let go.
 */
export async function applyClaims<T extends KubeObject, O extends KubeObject>(
  client: Client,
  owned: Resource<T>,
  owner: { readonly resource: Resource<O>; readonly object: O },
  claims: Claims<T>,
  signal: AbortSignal,
  finalizer?: string,
): Promise<readonly Group<T>[]> {
  const put = finalizer === undefined ? {} : { finalizers: [finalizer] }
  const take = finalizer === undefined ? {} : { '$deleteFromPrimitiveList/finalizers': [finalizer] }
  if (claims.adopt.length > 0) await checkStillThere(client, owner.resource, owner.object, signal)
  const adopted = await Promise.all(
    claims.adopt.map((object) => {
      const ownerReferences = [controllerReference(owner.object, owner.resource)]
      return patchMetadata(client, owned, object, { ownerReferences, uid: object.metadata.uid, ...put }, signal)
    }),
  )
  await Promise.all(
    claims.release.map((object) => {
      const ownerReferences = [{ $patch: 'delete', uid: owner.object.metadata.uid }]
      return patchMetadata(client, owned, object, { ownerReferences, uid: object.metadata.uid, ...take }, signal)
    }),
  )
  return [...claims.kept, ...adopted.flatMap((object): Group<T>[] => (object === undefined ? [] : [[object]]))]
}

/** The copy may be old: an owner that is gone, replaced or going must not take anything any more. */
async function checkStillThere<O extends KubeObject>(
  client: Client,
  resource: Resource<O>,
  object: O,
  signal: AbortSignal,
): Promise<void> {
  const fresh = await client.get(resource, object.metadata, { signal })
  const { name, namespace, uid } = object.metadata
  if (fresh.metadata.uid !== uid) {
    throw new Error(`Cannot adopt for ${resource.kind} ${namespace}/${name}: it was replaced by another of its name`)
  }
  if (fresh.metadata.deletionTimestamp !== undefined) {
    throw new Error(`Cannot adopt for ${resource.kind} ${namespace}/${name}: it is being deleted`)
  }
}

/** The uid in the patch makes it fail for an object of the same name that came since; one that is gone is no failure. */
async function patchMetadata<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  at: { readonly metadata: ObjectName },
  metadata: object,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await client.patch(resource, at.metadata, { type: 'strategic', body: { metadata } }, { signal })
  } catch (error) {
    if (isReason(error, 'NotFound') || isReason(error, 'Invalid')) return undefined
    throw error
  }
}

/** The index of objects by the uid of their controller. */
export const byController = 'controller'

/** Index values for `byController`: objects without one are found under `orphans(namespace)`. */
export function controllerIndex(object: KubeObject): readonly string[] {
  return [controllerOf(object)?.uid ?? orphans(object.metadata.namespace)]
}

export function orphans(namespace: string | undefined): string {
  return `orphans in ${namespace ?? ''}`
}
