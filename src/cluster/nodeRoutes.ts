import { nodes, type Node } from '#api/core/v1/node.ts'
import type { Informers } from '#client/informers.ts'
import { applyPodRoutes, type PodRoute } from '#cluster/place/network.ts'
import type { Place } from '#cluster/place/place.ts'
import { writePodNetwork } from '#cluster/place/podNetwork.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'

export interface NodeRoutesOptions {
  readonly host: Host
  readonly place: Place
  readonly node: string
  readonly informers: Informers
  readonly clock: Clock
  /** Also tells the machine on which the places are how pods are reached; one node of a cluster does. */
  readonly alsoOnHost: boolean
  readonly report?: (problem: string, error: unknown) => void
}

/** Changes come in bursts when a cluster starts. */
const gatherFor = 20
const retryAfter = 2_000
/** Below the routes that the node was made with and above those of links. */
const metricBetweenNodes = 512

/**
 * Keeps the ways between the pods of different nodes, which share a link: to each node's pods through that node's address.
 * Gives this node's own pods their network as soon as the node has a range.
 */
export function nodeRoutesComponent(options: NodeRoutesOptions): Component {
  return {
    name: 'node-routes',
    needs: ['informers'],
    async run(ready, signal) {
      const { informers, clock, report } = options
      const informer = informers.of(nodes)
      await informer.synced(signal)
      let changed = Promise.withResolvers<void>()
      using _watch = informer.onChange(({ old, new: node }) => {
        if (old === undefined || node === undefined || waysOf(old) !== waysOf(node)) changed.resolve()
      })
      const stop = (): void => changed.resolve()
      signal.addEventListener('abort', stop, { once: true })
      ready()
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>()
        try {
          await applyAll(options, informer.list(), signal)
        } catch (error) {
          if (signal.aborted) return
          report?.('Cannot set the routes between nodes', error)
          await clock.sleep(retryAfter, signal).catch(() => {})
          continue
        }
        await changed.promise
        await clock.sleep(gatherFor, signal).catch(() => {})
      }
    },
  }
}

function waysOf({ spec, status }: Node): string {
  return JSON.stringify([spec?.podCIDRs, status?.addresses])
}

async function applyAll(
  { host, place, node, alsoOnHost }: NodeRoutesOptions,
  all: readonly Node[],
  signal: AbortSignal,
): Promise<void> {
  const own = all.find(({ metadata }) => metadata.name === node)?.spec?.podCIDRs ?? []
  if (own.length > 0) await writePodNetwork(host, place.layout, own)
  if (place.kind === 'host') return
  const routes = (among: readonly Node[]): PodRoute[] =>
    among.flatMap(({ spec, status }) => {
      const via = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
      return via === undefined ? [] : (spec?.podCIDRs ?? []).map((podRange) => ({ podRange, nodeAddress: via }))
    })
  const inNodeRange = all.filter(({ metadata }) => metadata.labels?.['k8ts.dev/simulated'] === undefined)
  await applyPodRoutes(
    host.ip(),
    routes(inNodeRange.filter(({ metadata }) => metadata.name !== node)),
    'eth0',
    metricBetweenNodes,
    signal,
  )
  if (!alsoOnHost) return
  const { hostNetworkNamespace, hostLink, podRouteMetric } = place.layout
  await applyPodRoutes(host.ip(hostNetworkNamespace), routes(inNodeRange), hostLink, podRouteMetric, signal)
}
