import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client, ListPage } from '#client/client.ts'
import { discover, type ServedResource } from '#client/discovery.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { KubeObject } from '#api/resource.ts'
import { messageOf } from '#lib/errorText.ts'
import type { Emptying } from './plan.ts'

/**
 * Deletes everything in a namespace, pods first (KEP-5080): what pods rely on, such as network policies, stays until
 * they have ended. Returns what is left.
 */
export async function emptyNamespace(client: Client, namespace: string, signal: AbortSignal): Promise<Emptying> {
  const { resources, failed } = await discover(client.transport, signal)
  const left = new Leftover()
  for (const { groupVersion, error } of failed) left.discoveryErrors.push(`${groupVersion}: ${messageOf(error)}`)
  const deletable = resources.filter(
    ({ scope, preferred, verbs }) =>
      scope === 'Namespaced' && preferred && verbs.includes('delete') && verbs.includes('list'),
  )
  const isPods = ({ group, plural }: ServedResource): boolean => group === pods.group && plural === pods.plural
  for (const resource of deletable.filter(isPods)) await left.empty(client, resource, namespace, signal)
  if (left.remaining.size > 0) return left
  for (const resource of deletable.filter((each) => !isPods(each)))
    await left.empty(client, resource, namespace, signal)
  return left
}

class Leftover implements Emptying {
  readonly remaining = new Map<string, number>()
  readonly finalizers = new Map<string, number>()
  readonly discoveryErrors: string[] = []
  readonly deletionErrors: string[] = []
  graceSeconds = 0

  async empty(client: Client, resource: ServedResource, namespace: string, signal: AbortSignal): Promise<void> {
    try {
      const present = await list(client, resource, namespace, signal)
      if (present.items.length === 0) return
      this.graceSeconds = Math.max(this.graceSeconds, graceOf(resource, present.items))
      await deleteAll(client, resource, namespace, present.items, signal)
      this.#count(resource, (await list(client, resource, namespace, signal)).items)
    } catch (error) {
      signal.throwIfAborted()
      this.deletionErrors.push(messageOf(error))
    }
  }

  #count(resource: ServedResource, items: readonly KubeObject[]): void {
    if (items.length === 0) return
    this.remaining.set(`${resource.plural}.${resource.group}`, items.length)
    for (const { metadata } of items) {
      for (const finalizer of metadata.finalizers ?? []) {
        this.finalizers.set(finalizer, (this.finalizers.get(finalizer) ?? 0) + 1)
      }
    }
  }
}

function list(
  client: Client,
  resource: ServedResource,
  namespace: string,
  signal: AbortSignal,
): Promise<ListPage<KubeObject>> {
  // How long pods may take stands in their spec; of all others the metadata is enough.
  const metadataOnly = resource.plural !== pods.plural || resource.group !== ''
  return client.listAll(resource, { namespace, metadataOnly, signal })
}

async function deleteAll(
  client: Client,
  resource: ServedResource,
  namespace: string,
  items: readonly KubeObject[],
  signal: AbortSignal,
): Promise<void> {
  if (resource.verbs.includes('deletecollection')) {
    return client.deleteCollection(resource, { namespace }, { propagationPolicy: 'Background', signal })
  }
  for (const { metadata } of items) {
    await unlessGone(client.delete(resource, metadata, { propagationPolicy: 'Background', signal }))
  }
}

function graceOf(resource: ServedResource, items: readonly KubeObject[]): number {
  if (resource.plural !== pods.plural || resource.group !== '') return 0
  return (items as readonly Pod[])
    .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
    .reduce((most, { spec }) => Math.max(most, spec.terminationGracePeriodSeconds ?? 0), 0)
}
