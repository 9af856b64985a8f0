/** What of a routing goes to the thread that serves it: only what is not as it was, since one pool of thousands changes at a time. */
import type { Route, Routing } from '#ingress/routing.ts'
import { isSameData } from './sameData.ts'

/** A routing by what differs from the one before. Absent parts stay. */
export interface RoutingDelta {
  readonly routes?: ListDelta<Route>
  readonly pools: MapDelta<Routing['pools']>
  readonly certificates: MapDelta<Routing['certificates']>
  readonly serverNames?: Routing['serverNames']
  readonly defaultCertificate: string
  readonly fallback?: Routing['fallback']
}

/** So many at `start` are replaced by these: routes of one ingress stand together. */
interface ListDelta<V> {
  readonly start: number
  readonly gone: number
  readonly added: readonly V[]
}

type MapDelta<M> =
  M extends ReadonlyMap<string, infer V>
    ? { readonly set: ReadonlyMap<string, V>; readonly gone: readonly string[] }
    : never

/** What of `now` differs from `before`; nothing when all is the same. */
export function routingDelta(before: Routing | undefined, now: Routing): RoutingDelta | undefined {
  const pools = mapDelta(before?.pools, now.pools)
  const certificates = mapDelta(before?.certificates, now.certificates)
  const routes = listDelta(before?.routes, now.routes)
  const delta: RoutingDelta = {
    ...(routes === undefined ? {} : { routes }),
    pools,
    certificates,
    ...(before !== undefined && isSameData(before.serverNames, now.serverNames)
      ? {}
      : { serverNames: now.serverNames }),
    defaultCertificate: now.defaultCertificate,
    ...(before !== undefined && isSameData(before.fallback, now.fallback) ? {} : { fallback: now.fallback }),
  }
  const changes = [pools, certificates].some(({ set, gone }) => set.size > 0 || gone.length > 0)
  const parts = delta.routes ?? delta.serverNames ?? delta.fallback
  if (!changes && parts === undefined && before?.defaultCertificate === now.defaultCertificate) return undefined
  return delta
}

/** The routing that a delta leads to. Parts that stay are the same objects. */
export function applyDelta(before: Routing | undefined, delta: RoutingDelta): Routing {
  return {
    routes: applyListDelta(before?.routes ?? [], delta.routes),
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
  for (const [name, value] of now) if (!isSameData(before.get(name), value)) set.set(name, value)
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

/** Nothing when the lists say the same. */
function listDelta<V>(before: readonly V[] | undefined, now: readonly V[]): ListDelta<V> | undefined {
  if (before === undefined) return { start: 0, gone: 0, added: now }
  if (before === now) return undefined
  const shorter = Math.min(before.length, now.length)
  let start = 0
  while (start < shorter && isSameData(before[start], now[start])) start++
  let end = 0
  while (end < shorter - start && isSameData(before.at(-1 - end), now.at(-1 - end))) end++
  if (start + end === before.length && before.length === now.length) return undefined
  return { start, gone: before.length - start - end, added: now.slice(start, now.length - end) }
}

function applyListDelta<V>(before: readonly V[], delta: ListDelta<V> | undefined): readonly V[] {
  if (delta === undefined) return before
  return [...before.slice(0, delta.start), ...delta.added, ...before.slice(delta.start + delta.gone)]
}
