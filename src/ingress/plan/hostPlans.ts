/**
 * What each host comes to, kept with all that was looked at for it. A plan of all ingresses makes a host anew only when something of
 * that has changed: an ingress of it, a Secret or a service it names, or whether a pool has somebody. What stays is the very
 * same objects, so that data planes see at once that there is nothing to do.
 */
import type { Problem } from '../annotations/readSettings.ts'
import type { Certificate, Route, ServerName } from '../routing.ts'
import type { ClusterView } from './cluster.ts'
import type { Entry, Host } from './hosts.ts'
import { isSameOutcome, type Backend, type PoolMaker, type PoolRequest } from './pools.ts'

export interface HostPlan {
  readonly routes: readonly Route[]
  readonly serverName?: ServerName
  /** By name. */
  readonly certificates: ReadonlyMap<string, Certificate>
  readonly problems: ReadonlyMap<string, readonly Problem[]>
  /** When a certificate of it begins or ends to be good; Infinity when there is none. */
  readonly again: number
}

/** Makes the plan of a host with nothing but what it is handed here. */
export type PlanHost = (host: Host, view: ClusterView, pools: Pick<PoolMaker, 'make'>) => HostPlan

interface Lookup {
  readonly kind: 'service' | 'slices' | 'secret' | 'configMap' | 'addresses'
  readonly key: string
  readonly found: unknown
}

interface Known {
  readonly host: Host
  readonly plan: HostPlan
  readonly lookups: readonly Lookup[]
  readonly pools: readonly (readonly [request: PoolRequest, made: Backend])[]
  readonly certificate: Certificate
  readonly at: number
}

export class HostPlans {
  #known = new Map<string, Known>()
  #next = new Map<string, Known>()

  /** Hosts that are not asked for between two calls of this are forgotten. */
  begin(): void {
    this.#known = this.#next
    this.#next = new Map()
  }

  /** The plan of a host, and the pools that it needs as they are now. */
  plan(
    host: Host,
    view: ClusterView,
    pools: PoolMaker,
    make: PlanHost,
  ): { readonly plan: HostPlan; readonly pools: readonly Backend[] } {
    const before = this.#known.get(host.name)
    const kept = before === undefined ? undefined : keep(before, host, view, pools)
    const known = kept ?? planAnew(host, view, pools, make)
    this.#next.set(host.name, known)
    return { plan: known.plan, pools: known.pools.map(([, made]) => made) }
  }
}

function planAnew(host: Host, view: ClusterView, pools: PoolMaker, make: PlanHost): Known {
  const lookups: Lookup[] = []
  const made: [PoolRequest, Backend][] = []
  const look =
    <T>(kind: Lookup['kind'], find: (key: string) => T) =>
    (key: string): T => {
      const found = find(key)
      lookups.push({ kind, key, found })
      return found
    }
  const watched: ClusterView = {
    get ingresses() {
      return view.ingresses
    },
    service: look('service', (key) => view.service(key)),
    slices: look('slices', (key) => view.slices(key)),
    secret: look('secret', (key) => view.secret(key)),
    configMap: look('configMap', (key) => view.configMap(key)),
    addresses: look('addresses', (key) => view.addresses(key)),
    defaultCertificate: view.defaultCertificate,
    now: view.now,
  }
  const maker: Pick<PoolMaker, 'make'> = {
    make(_, request) {
      // Of its servers routes know nothing, so what they were made from is nothing that the host was made from.
      const backend = pools.make(view, request)
      made.push([request, backend])
      return backend
    },
  }
  const plan = make(host, watched, maker)
  return { host, plan, lookups, pools: made, certificate: view.defaultCertificate, at: view.now }
}

/** The same with the pools of today; undefined when it must be planned anew. */
function keep(known: Known, host: Host, view: ClusterView, pools: PoolMaker): Known | undefined {
  const { lookups, plan, certificate, at } = known
  if (view.now < at || view.now >= plan.again || view.defaultCertificate !== certificate) return undefined
  if (!isSameHost(known.host, host)) return undefined
  if (!lookups.every(({ kind, key, found }) => isSameFind(found, view[kind](key)))) return undefined
  const made = known.pools.map(([request]) => [request, pools.make(view, request)] as const)
  if (!made.every(([request, backend], index) => isSameOutcome(request, known.pools[index]![1], backend)))
    return undefined
  return { ...known, pools: made }
}

function isSameFind(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other
  return one.length === other.length && one.every((each, index) => each === other[index])
}

function isSameHost(one: Host, other: Host): boolean {
  if (one.isAlias !== other.isAlias || !isSameFind(one.of, other.of)) return false
  if (!isSameEntry(one.fallback, other.fallback) || one.entries.size !== other.entries.size) return false
  const others = other.entries.values()
  for (const entry of one.entries.values()) if (!isSameEntry(entry, others.next().value)) return false
  return true
}

/** What an entry says follows from its ingress and the place in it, which its name tells. */
function isSameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return one.from === other.from && one.name === other.name && isSameEntry(one.canary, other.canary)
}
