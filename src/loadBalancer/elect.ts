/**
 * Which node answers for which address. Every node decides this by itself, from the same objects in the same way: no election is
 * held, and nothing is written. Pure.
 */
import type { Node } from '#api/core/v1/node.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { parseIp } from '#lib/net/ip.ts'
import { isAvailable } from './nodes.ts'
import { addressesOf, wantsLoadBalancer } from './plan.ts'
import { poolHas, type Pool } from './pool.ts'

export interface Announcing {
  /** The addresses for which this node answers. */
  readonly addresses: ReadonlySet<string>
  /** Nodes whose loss would make this one answer for more: those to watch. */
  readonly watched: ReadonlySet<string>
}

export interface ElectionInput {
  readonly self: string
  readonly services: readonly Service[]
  readonly slicesOf: (service: Service) => readonly EndpointSlice[]
  /** Nodes that share the network of the addresses. */
  readonly nodes: readonly Node[]
  /** Nodes that do not answer, whatever their objects say yet. */
  readonly gone: ReadonlySet<string>
  readonly pool: Pool
  /** What was found out before, for the same nodes; filled here. */
  readonly rankings?: Rankings
}

/** The ranking for each address, with the nodes that it is of. */
export type Rankings = Map<string, { readonly names: string; readonly ranked: readonly string[] }>

/** More nodes than these before oneself are not watched: the lifecycle of nodes tells of those in time. */
const mostWatched = 3

export function planAnnouncing(input: ElectionInput): Announcing {
  const { self, services, slicesOf, nodes, gone, pool } = input
  const rankings: Rankings = input.rankings ?? new Map()
  const addresses = new Set<string>()
  const watched = new Set<string>()
  const available = nodes.filter(isAvailable)
  // Where no node is well, those that there are still do what they can.
  const candidates = (available.length > 0 ? available : nodes).map(({ metadata }) => metadata.name)
  const allNames = candidates.join()
  const used = new Set<string>()
  for (const service of services) {
    if (!wantsLoadBalancer(service)) continue
    const able = keepLocal(service, candidates, slicesOf)
    if (!able.includes(self)) continue
    const names = able === candidates ? allNames : able.join()
    for (const address of addressesOf(service)) {
      if (!poolHas(pool, parseIp(address)!)) continue
      used.add(address)
      let known = rankings.get(address)
      if (known?.names !== names) rankings.set(address, (known = { names, ranked: rankNodes(address, able) }))
      const { ranked } = known!
      const ahead = ranked.slice(0, ranked.indexOf(self))
      for (const name of ahead.slice(-mostWatched)) watched.add(name)
      if (ahead.every((name) => gone.has(name))) addresses.add(address)
    }
  }
  for (const address of rankings.keys()) if (!used.has(address)) rankings.delete(address)
  return { addresses, watched }
}

/** Where only endpoints of the same node are used, a node without one would answer for nothing. */
function keepLocal(
  service: Service,
  candidates: readonly string[],
  slicesOf: ElectionInput['slicesOf'],
): readonly string[] {
  if (service.spec.externalTrafficPolicy !== 'Local') return candidates
  const endpoints = slicesOf(service).flatMap((slice) => slice.endpoints ?? [])
  const ready = endpoints.filter(({ conditions }) => conditions?.ready ?? true)
  const used =
    ready.length > 0
      ? ready
      : endpoints.filter(({ conditions }) => (conditions?.serving ?? true) && conditions?.terminating === true)
  const places = new Set(used.map(({ nodeName }) => nodeName))
  return candidates.filter((name) => places.has(name))
}

/**
 * The nodes in the order in which they answer for an address: by a number that follows from both, so that addresses are spread
 * and a node that comes or goes moves only its own.
 */
export function rankNodes(address: string, names: readonly string[]): readonly string[] {
  const score = new Map(names.map((name) => [name, hash(`${address}/${name}`)]))
  return names.toSorted((a, b) => score.get(b)! - score.get(a)! || (a < b ? -1 : 1))
}

/** FNV-1a, 32 bits, with its bits mixed once more: names that differ in one letter come out far apart. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
