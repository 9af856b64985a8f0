/** Which endpoints of a service take connections on a node: those that may, that are ready, and that are meant for it. */
import type { Node } from '#api/core/v1/node.ts'
import type { ServicePort } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { canonicalIp, ipBytes, isLinkLocal, isLoopback, isMulticast, isUnspecified } from '#lib/net/ip.ts'

import { backendName } from './frontend.ts'
import type { Backend } from './frontend.ts'

/** What of a node matters to its services. */
export interface NodePlace {
  readonly name: string
  readonly zone?: string
}

const zoneLabel = 'topology.kubernetes.io/zone'

export function placeOf(node: Node): NodePlace {
  const zone = node.metadata.labels?.[zoneLabel]
  return zone === undefined ? { name: node.metadata.name! } : { name: node.metadata.name!, zone }
}

/** Where the connections to one port of a service go. */
export interface Choice {
  /** For the traffic policy Cluster. */
  readonly everywhere: readonly Backend[]
  /** For the traffic policy Local. */
  readonly here: readonly Backend[]
  /** Whether anything in the cluster takes connections, for this node or not. */
  readonly isServed: boolean
  /** Everything that still serves, by `backendName`. */
  readonly serving: readonly string[]
  /** Addresses of ready endpoints of this node. */
  readonly readyHere: readonly string[]
}

interface Candidate {
  readonly endpoint: Endpoint
  readonly backend: Backend
}

/**
 * Ready endpoints, or where there are none those that still serve while they end (KEP-1669), for the whole cluster and for this
 * node by itself. Of the whole cluster only those meant for this node or zone, where all ready ones say whom they are for
 * (KEP-2433, KEP-3015).
 */
export function chooseBackends(slices: readonly EndpointSlice[], port: ServicePort, node: NodePlace): Choice {
  const ready: Candidate[] = []
  const ending: Candidate[] = []
  const serving: string[] = []
  for (const slice of slices) {
    const number = portOf(slice, port)
    if (number === undefined) continue
    for (const endpoint of slice.endpoints ?? []) {
      const address = canonicalIp(endpoint.addresses[0] ?? '')
      if (address === undefined || isForbidden(address)) continue
      const { conditions } = endpoint
      const isReady = conditions?.ready ?? true
      const isServing = conditions?.serving ?? true
      if (!isReady && !isServing) continue
      const candidate = { endpoint, backend: { address, port: number, local: endpoint.nodeName === node.name } }
      if (isReady) ready.push(candidate)
      else if (conditions?.terminating === true) ending.push(candidate)
      if (isServing) serving.push(backendName(candidate.backend))
    }
  }
  const localReady = ready.filter(({ backend }) => backend.local)
  const here = localReady.length > 0 ? localReady : ending.filter(({ backend }) => backend.local)
  return {
    everywhere: uniqueBackends(ready.length > 0 ? keepHinted(ready, node) : ending),
    here: uniqueBackends(here),
    isServed: ready.length > 0 || ending.length > 0,
    serving: [...new Set(serving)].toSorted(),
    readyHere: localReady.map(({ backend }) => backend.address),
  }
}

function portOf(slice: EndpointSlice, port: ServicePort): number | undefined {
  const found = slice.ports?.find(
    (each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  )
  return found?.port
}

/**
 * Addresses to which no service leads, whoever wrote the slice: with them somebody who may write slices would reach what
 * listens on the nodes' loopback or at the metadata service of a cloud, with the node's address as source (CVE-2021-25740).
 */
export function isForbidden(address: string): boolean {
  // Nearly all addresses begin with neither of these.
  if (!/^(?:0\.|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.|::|f[ef])/.test(address)) return false
  const ip = ipBytes(address)
  return isUnspecified(ip) || isLoopback(ip) || isLinkLocal(ip) || isMulticast(ip) || ip.every((byte) => byte === 255)
}

/** The addresses in slices that are left out, each once. */
export function findForbidden(slices: readonly EndpointSlice[]): readonly string[] {
  const found = new Set<string>()
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    for (const { addresses } of slice.endpoints ?? []) {
      const address = canonicalIp(addresses[0] ?? '')
      if (address === undefined || isForbidden(address)) found.add(addresses[0] ?? '')
    }
  }
  return [...found]
}

function keepHinted(ready: readonly Candidate[], node: NodePlace): readonly Candidate[] {
  const keep = (named: (endpoint: Endpoint) => readonly { readonly name: string }[] | undefined, name: string) => {
    if (!ready.every(({ endpoint }) => (named(endpoint)?.length ?? 0) > 0)) return []
    return ready.filter(({ endpoint }) => named(endpoint)!.some((hint) => hint.name === name))
  }
  const sameNode = keep((endpoint) => endpoint.hints?.forNodes, node.name)
  if (sameNode.length > 0) return sameNode
  const sameZone = node.zone === undefined ? [] : keep((endpoint) => endpoint.hints?.forZones, node.zone)
  return sameZone.length > 0 ? sameZone : ready
}

/** In the order of their addresses, so that equal endpoints in other slices make the same table. */
function uniqueBackends(chosen: readonly Candidate[]): readonly Backend[] {
  if (chosen.length < 2) return chosen.map(({ backend }) => backend)
  const byName = new Map(chosen.map(({ backend }) => [backendName(backend), backend]))
  return [...byName.keys()].toSorted().map((name) => byName.get(name)!)
}
