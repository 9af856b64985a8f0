import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { discover, type ServedResource } from '#client/discovery.ts'
import { decodeYaml } from '#lib/encoding/yaml.ts'

/** Objects as programs write them, or the text of a manifest: YAML or JSON, any number of documents. */
export type Manifest = string | object | readonly object[]

/** What of an object is needed to find its kind and its place. */
interface Manifested {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata?: { readonly name?: string; readonly namespace?: string }
}

/** Applies manifests as `kubectl apply --server-side` does, in their order; `wait` lets time pass until a kind is served. */
export async function applyManifest(
  client: Client,
  manifest: Manifest,
  namespace: string,
  wait: () => Promise<boolean>,
): Promise<readonly KubeObject[]> {
  let served: readonly ServedResource[] = []
  const find = async (apiVersion: string, kind: string): Promise<Resource> => {
    for (;;) {
      const found = served.find((each) => apiVersionOf(each) === apiVersion && each.kind === kind)
      if (found !== undefined) return found as Resource
      served = (await discover(client.transport)).resources
      const isThere = served.some((each) => apiVersionOf(each) === apiVersion && each.kind === kind)
      // The kind of a definition in the same manifest takes a moment.
      if (!isThere && !(await wait())) throw new Error(`No kind "${kind}" of ${apiVersion} is served by the cluster`)
    }
  }
  const applied: KubeObject[] = []
  for (const [index, object] of objectsOf(manifest).entries()) {
    const { apiVersion, kind, metadata } = object
    if (apiVersion === undefined || kind === undefined || metadata?.name === undefined) {
      throw new Error(`Object ${index + 1} of the manifest has no apiVersion, no kind or no metadata.name`)
    }
    const resource = await find(apiVersion, kind)
    const at = {
      ...metadata,
      name: metadata.name,
      ...(resource.scope === 'Namespaced' ? { namespace: metadata.namespace ?? namespace } : {}),
    }
    try {
      applied.push(await client.apply(resource, { ...object, metadata: at }, { force: true }))
    } catch (error) {
      throw new Error(`Cannot apply ${kind} "${at.name}": ${(error as Error).message}`, { cause: error })
    }
  }
  return applied
}

function objectsOf(manifest: Manifest): readonly Manifested[] {
  if (typeof manifest !== 'string')
    return Array.isArray(manifest) ? (manifest as Manifested[]) : [manifest as Manifested]
  const decoded = decodeYaml(manifest)
  if ('problem' in decoded) throw new Error(`Cannot read the manifest: ${decoded.problem}`)
  return decoded.documents.flatMap((each) => {
    const { kind = '', items } = each as { readonly kind?: string; readonly items?: readonly Manifested[] }
    return kind.endsWith('List') && items !== undefined ? items : [each as Manifested]
  })
}
