import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import type { Scale } from '#api/autoscaling/v1/scale.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { discover } from '#client/discovery.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { controllerOf } from '#machinery/owners.ts'
import { qualifiedName } from '#machinery/status.ts'
import { scaledKinds } from '../scaledKinds.ts'

interface Scaled extends KubeObject {
  readonly spec?: { readonly replicas?: number }
}

/** How many pods the owners of these want together. Throws when an owner cannot be asked. */
export async function scaleOfOwners(client: Client, pods: readonly Pod[], signal: AbortSignal): Promise<number> {
  const owners = new Map<string, { readonly owner: OwnerReference; readonly pod: Pod }>()
  for (const pod of pods) {
    const owner = controllerOf(pod)
    if (owner !== undefined && !owners.has(owner.uid)) owners.set(owner.uid, { owner, pod })
  }
  const scales = new Map<string, number>()
  for (const { owner, pod } of owners.values()) {
    const found = await scaleOf(client, owner, pod.metadata.namespace ?? '', signal)
    if (found === undefined) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`)
    scales.set(found.uid, found.scale)
  }
  return [...scales.values()].reduce((sum, each) => sum + each, 0)
}

/**
 * The scale of an owner, or of the Deployment behind a ReplicaSet; undefined when it is gone or was replaced. A ReplicaSet
 * whose Deployment is gone speaks for itself.
 */
async function scaleOf(
  client: Client,
  owner: OwnerReference,
  namespace: string,
  signal: AbortSignal,
): Promise<{ readonly uid: string; readonly scale: number } | undefined> {
  const group = groupOf(owner)
  const resource = scaledKinds[`${group}/${owner.kind}`]
  if (resource === undefined) return scaleOfOther(client, owner, group, namespace, signal)
  const found: Scaled | undefined = await unlessGone(client.get(resource, { name: owner.name, namespace }, { signal }))
  if (found === undefined || found.metadata.uid !== owner.uid) return undefined
  const above = controllerOf(found)
  if (resource === replicaSets && above?.kind === 'Deployment' && groupOf(above) === 'apps') {
    const scale = await scaleOf(client, above, namespace, signal)
    if (scale !== undefined) return scale
  }
  return { uid: owner.uid, scale: found.spec?.replicas ?? 1 }
}

function groupOf({ apiVersion }: OwnerReference): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
}

/** Any other kind is asked through its `scale` subresource. */
async function scaleOfOther(
  client: Client,
  owner: OwnerReference,
  group: string,
  namespace: string,
  signal: AbortSignal,
): Promise<{ readonly uid: string; readonly scale: number } | undefined> {
  const { resources } = await discover(client.transport, signal)
  const versions = resources.filter((each) => each.group === group && each.kind === owner.kind)
  const named = versions.find(({ version }) => owner.apiVersion === (group === '' ? version : `${group}/${version}`))
  if (named === undefined) {
    throw new Error(`no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`)
  }
  const resource = versions.find(({ preferred }) => preferred) ?? named
  if (!Object.hasOwn(resource.subresources, 'scale')) {
    throw new Error(`${qualifiedName(resource)} does not implement the scale subresource`)
  }
  const at = { name: owner.name, namespace }
  const scale = await unlessGone(client.getSubresource<Scale>(resource, at, 'scale', { signal }))
  if (scale === undefined || scale.metadata.uid !== owner.uid) return undefined
  return { uid: owner.uid, scale: scale.spec?.replicas ?? 0 }
}
