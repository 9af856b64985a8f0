/** What of a routing goes to the thread that serves it: only what is not as it was, since one pool of thousands changes at a time. */
import { isDeepStrictEqual } from 'node:util'
import type { Routing } from '#ingress/routing.ts'

/** A routing by what differs from the one before. Absent parts stay. */
export interface RoutingDelta {
  readonly routes?: Routing['routes']
  readonly pools: MapDelta<Routing['pools']>
  readonly certificates: MapDelta<Routing['certificates']>
  readonly serverNames?: Routing['serverNames']
  readonly defaultCertificate: string
  readonly fallback?: Routing['fallback']
}

type MapDelta<M> =
  M extends ReadonlyMap<string, infer V>
    ? { readonly set: ReadonlyMap<string, V>; readonly gone: readonly string[] }
    : never

/** What of `now` differs from `before`; nothing when all is the same. */
export function routingDelta(before: Routing | undefined, now: Routing): RoutingDelta | undefined {
  const pools = mapDelta(before?.pools, now.pools)
  const certificates = mapDelta(before?.certificates, now.certificates)
  const delta: RoutingDelta = {
    ...(before !== undefined && isSameList(before.routes, now.routes) ? {} : { routes: now.routes }),
    pools,
    certificates,
    ...(before !== undefined && isSame(before.serverNames, now.serverNames) ? {} : { serverNames: now.serverNames }),
    defaultCertificate: now.defaultCertificate,
    ...(before !== undefined && isSame(before.fallback, now.fallback) ? {} : { fallback: now.fallback }),
  }
  const changes = [pools, certificates].some(({ set, gone }) => set.size > 0 || gone.length > 0)
  const parts = delta.routes ?? delta.serverNames ?? delta.fallback
  if (!changes && parts === undefined && before?.defaultCertificate === now.defaultCertificate) return undefined
  return delta
}

/** The routing that a delta leads to. Parts that stay are the same objects. */
export function applyDelta(before: Routing | undefined, delta: RoutingDelta): Routing {
  return {
    routes: delta.routes ?? before!.routes,
    pools: applyMapDelta(before?.pools, delta.pools),
    certificates: applyMapDelta(before?.certificates, delta.certificates),
    serverNames: delta.serverNames ?? before!.serverNames,
    defaultCertificate: delta.defaultCertificate,
    fallback: delta.fallback ?? before!.fallback,
  }
}

function mapDelta<V>(
  before: ReadonlyMap<string, V> = new Map(),
  now: ReadonlyMap<string, V>,
): { readonly set: ReadonlyMap<string, V>; readonly gone: readonly string[] } {
  const set = new Map<string, V>()
  for (const [name, value] of now) if (!isSame(before.get(name), value)) set.set(name, value)
  const gone = now.size === before.size && set.size === 0 ? [] : [...before.keys()].filter((name) => !now.has(name))
  return { set, gone }
}

function applyMapDelta<V>(
  before: ReadonlyMap<string, V> | undefined,
  { set, gone }: { readonly set: ReadonlyMap<string, V>; readonly gone: readonly string[] },
): ReadonlyMap<string, V> {
  if (before !== undefined && set.size === 0 && gone.length === 0) return before
  const now = new Map(before)
  for (const name of gone) now.delete(name)
  for (const [name, value] of set) now.set(name, value)
  return now
}

/** Lists are mostly the same object, or have the same objects but for a few. */
function isSameList<V>(a: readonly V[], b: readonly V[]): boolean {
  return a === b || (a.length === b.length && a.every((value, at) => isSame(value, b[at])))
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || isDeepStrictEqual(a, b)
}
