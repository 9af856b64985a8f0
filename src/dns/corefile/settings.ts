/** What a Corefile can say, as the DNS server understands it. Zones and names are in lower case, without a dot at the end; '' is the root. */
import type { LinearRegExp } from '#lib/linearRegExp.ts'

/** One server block. */
export interface ServerSettings {
  readonly zones: readonly string[]
  /** Whether failures are logged. */
  readonly errors: boolean
  /** Which questions are logged; absent: none. */
  readonly log?: LogSettings
  /** Where metrics are served; absent: nowhere. */
  readonly metricsPort?: number
  /** Whether the first of several addresses differs from answer to answer. */
  readonly loadBalance: boolean
  readonly rewrites: readonly RewriteRule[]
  readonly autopath?: { readonly zones: readonly string[] }
  readonly hosts?: HostsSettings
  readonly kubernetes?: KubernetesSettings
  readonly forwards: readonly ForwardSettings[]
  readonly cache?: CacheSettings
}

export interface LogSettings {
  readonly zones: readonly string[]
  readonly classes: ReadonlySet<'all' | 'success' | 'denial' | 'error'>
}

export interface KubernetesSettings {
  /** Domains of services. */
  readonly domains: readonly string[]
  /** Parents of names of addresses: `in-addr.arpa`, or below it. */
  readonly reverseZones: readonly string[]
  /** Which names pods have by their addresses: none, any that is asked for, or those of pods that are. */
  readonly pods: 'disabled' | 'insecure' | 'verified'
  /** Seconds for which answers may be kept. */
  readonly ttl: number
  /** Zones in which others are asked for names that are not here. */
  readonly fallthrough: readonly string[]
}

export interface HostsSettings {
  readonly zones: readonly string[]
  /** By name. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
  /** By address. */
  readonly names: ReadonlyMap<string, readonly string[]>
  readonly ttl: number
  readonly fallthrough: readonly string[]
}

export type Policy = 'random' | 'round_robin' | 'sequential'

/** A server to ask, or a resolv.conf that names some. */
export type Target = { readonly address: string; readonly port: number } | { readonly file: string }

export interface ForwardSettings {
  /** The names that are passed on: those below it, */
  readonly from: string
  /** except those. */
  readonly except: readonly string[]
  readonly to: readonly Target[]
  readonly policy: Policy
  readonly forceTcp: boolean
  readonly preferUdp: boolean
  /** So many failures in a row make a server unhealthy; 0: none do. */
  readonly maxFails: number
  /** How often an unhealthy server is tried, in milliseconds. */
  readonly healthCheckMs: number
  /** More questions than this do not wait at once; 0: as many as may. */
  readonly maxConcurrent: number
}

export interface CacheSettings {
  readonly zones: readonly string[]
  readonly success: CacheLimits
  readonly denial: CacheLimits
  /** Seconds for which failures are kept. */
  readonly failureTtl: number
  /** Names that are asked for so often are asked again before they expire; absent: none. */
  readonly prefetch?: { readonly amount: number; readonly withinMs: number; readonly percentage: number }
}

/** How many replies are kept, and the least and most seconds; `except` are zones whose replies are not. */
export interface CacheLimits {
  readonly capacity: number
  readonly minTtl: number
  readonly maxTtl: number
  readonly except: readonly string[]
}

/** Turns the name of a question into another one, and names of its answer back. */
export interface RewriteRule {
  /** Whether the next rules see the new name. */
  readonly goOn: boolean
  readonly match: NameMatch
  readonly to: string
  /** Rewrites names of answers, or what they lead to, beside the name that was asked for. */
  readonly answers: readonly { readonly of: 'name' | 'value'; readonly from: LinearRegExp; readonly to: string }[]
}

export type NameMatch =
  | { readonly by: 'exact' | 'prefix' | 'suffix' | 'substring'; readonly text: string }
  | { readonly by: 'regex'; readonly expression: LinearRegExp }

/** Whether a name is a zone or in it. */
export const isWithin = (name: string, zone: string): boolean =>
  zone === '' || name === zone || name.endsWith(`.${zone}`)

/** The longest of the zones in which a name is. */
export function closestZone(name: string, zones: readonly string[]): string | undefined {
  let closest: string | undefined
  for (const zone of zones)
    if (isWithin(name, zone) && (closest === undefined || zone.length > closest.length)) closest = zone
  return closest
}

/** Whether others are asked for a name that is not here, by the zones of `fallthrough`. */
export const fallsThrough = (name: string, zones: readonly string[]): boolean =>
  zones.some((zone) => isWithin(name, zone))
