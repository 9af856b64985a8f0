// What tests of workloads share: a cluster with simulated nodes, and pods that do nothing.
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { ObjectName, Patch } from '#client/client.ts'
import { isReason } from '#machinery/status.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'
import { namespace } from './lifeCycle.ts'

export const labels = { app: 'shown' }
export const selector = { matchLabels: labels }
export const at = (name: string): ObjectName & { readonly namespace: string } => ({ name, namespace })

/** A template of pods that run until they are stopped; `annotations` say how simulated nodes treat them. */
export function templateOf(image = 'a:1', annotations: Record<string, string> = {}): PodTemplateSpec {
  return {
    metadata: { labels, annotations },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image }] },
  }
}

/** Runs a test in a cluster of simulated nodes, three unless told, that take pods. */
export async function withNodes(
  run: (cluster: SimulatedCluster) => Promise<void>,
  options: SimulatedClusterOptions = {},
): Promise<void> {
  await using cluster = await simulatedCluster({ nodes: 3, ...options })
  await cluster.until(async () => {
    const { items } = await cluster.client.list(nodes)
    return items.every(({ spec }) => (spec.taints ?? []).length === 0)
  }, '30s')
  await run(cluster)
}

/** Waits until what an object says of itself holds. */
export async function untilHolds<T extends KubeObject>(
  { client, until }: SimulatedCluster,
  resource: Resource<T>,
  name: string,
  holds: (object: T) => boolean,
  limit = '5m',
): Promise<T> {
  let last: T | undefined
  await until(async () => {
    last = await client.get(resource, at(name))
    return holds(last)
  }, limit)
  return last!
}

export async function isThere<T extends KubeObject>(
  { client }: SimulatedCluster,
  resource: Resource<T>,
  name: string,
): Promise<boolean> {
  try {
    await client.get(resource, at(name))
    return true
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
    return false
  }
}

/** The pods with the label that the template gives, those that end included. */
export async function podsOf({ client }: SimulatedCluster, labelSelector = 'app=shown'): Promise<readonly Pod[]> {
  return (await client.list(pods, { namespace, labelSelector })).items
}

/** The events about an object, as `Reason message`, in the order of their writing. */
export async function eventsOf({ client, clock }: SimulatedCluster, name: string): Promise<readonly string[]> {
  await clock.advance('1s')
  const { items } = await client.list(events, { namespace, fieldSelector: `involvedObject.name=${name}` })
  return items
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map(({ reason, message }) => `${reason} ${message}`)
}

/** Follows what is written but leases and events; call the result for it, each key with the number of its writes. */
export async function followWrites({ store }: SimulatedCluster): Promise<() => Promise<ReadonlyMap<string, number>>> {
  const written = new Map<string, number>()
  const end = new AbortController()
  const from = await store.revision()
  const following = (async () => {
    for await (const { events: changes } of store.watch('/registry/', from, end.signal)) {
      for (const { key } of changes) {
        if (!/^\/registry\/(core\/events|coordination\.k8s\.io\/leases)\//.test(key))
          written.set(key, (written.get(key) ?? 0) + 1)
      }
    }
  })()
  return async () => {
    end.abort()
    await following
    return written
  }
}

export const mergePatch = (body: object): Patch => ({ type: 'merge', body })
export const replicasPatch = (replicas: number): Patch => mergePatch({ spec: { replicas } })
export const imagePatch = (image: string): Patch => ({
  type: 'strategic',
  body: { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } },
})
