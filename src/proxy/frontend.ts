/**
 * proxy: what a node does so that a service's addresses lead to its pods. Which frontends there are and what is behind them is
 * decided in serviceTable.ts and endpoints.ts (services, endpoint slices, pods with host ports → frontends), who gets a key that
 * several claim in frontendTable.ts, how the kernel is told in ruleset.ts, chains.ts and nftText.ts; nftables.ts and conntrack.ts
 * do the telling, tableWatch.ts sees what others change, health.ts answers load balancers, proxy.ts is the component. Names are
 * the business of src/dns, HTTP routes are not known here.
 *
 * This file: the words that all of them use.
 */
import { canonicalIp } from '#lib/net/ip.ts'

export type Transport = 'tcp' | 'udp' | 'sctp'
export type Family = 4 | 6

/** One place that takes connections. */
export interface Backend {
  readonly address: string
  readonly port: number
  /** Whether it is on this node. */
  readonly local: boolean
}

/** Where connections go; with no backends they are refused, or dropped because other nodes would take them. */
export interface Target {
  /** In slots: a backend keeps its place while it can. */
  readonly backends: readonly Backend[]
  readonly whenEmpty: 'refuse' | 'drop'
}

/**
 * Whose connections get the node's address as their source: those of others than pods, so that answers come back through this
 * node; all, because the backend may be elsewhere; or none, because the backend is here and wants to see its client.
 */
export type Masquerade = 'others' | 'all' | 'none'

/** One address, transport and port that connections come to. */
export interface Frontend {
  /** Unique on a node: `10.96.0.1/tcp/443`, or `4/tcp/30080` for a port of every address of the node in IPv4. */
  readonly key: string
  /** Whom it belongs to: `default/web:http`. */
  readonly owner: string
  /** Orders those that claim the same key: the oldest gets it. */
  readonly age: string
  readonly family: Family
  /** Absent for a port on every address of the node. */
  readonly address?: string
  /** Whether the address is a service's own, where every other port is refused. */
  readonly isClusterAddress: boolean
  readonly transport: Transport
  readonly port: number
  readonly masquerade: Masquerade
  /** For connections of pods and of the node itself, and for all others too unless `outside` says where those go. */
  readonly inside: Target
  /** For connections from elsewhere, which keep their source. */
  readonly outside?: Target
  /** For how many seconds after its last connection a client keeps its backend. */
  readonly affinitySeconds?: number
  /** The only ranges of addresses that may come here; nobody is kept away when it is absent. None contains another. */
  readonly sources?: readonly string[]
  /**
   * Of UDP: what flows may go on to that have begun, by `backendName`. New ones may go to fewer: what ends still serves those
   * it has, and a change of policy breaks nobody off.
   */
  readonly serving?: readonly string[]
}

/** A key whose frontend came, went or became another one. */
export interface FrontendChange {
  readonly key: string
  readonly before: Frontend | undefined
  readonly next: Frontend | undefined
}

export const frontendKey = (address: string | Family, transport: Transport, port: number): string =>
  `${address}/${transport}/${port}`

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

/** The addresses that can be read, in their one form, each once. */
export const readAddresses = (texts: readonly (string | undefined)[]): string[] => [
  ...new Set(texts.map((text) => canonicalIp(text ?? '')).filter((ip) => ip !== undefined)),
]

/** `10.244.0.3 . 80`, as the kernel's maps have it. */
export const backendName = (backend: Pick<Backend, 'address' | 'port'>): string =>
  `${backend.address} . ${backend.port}`

/** Gives backends the slots that they had, and the whole frontend as it was when nothing has changed. */
export function keepSlots(frontend: Frontend, before: Frontend | undefined): Frontend {
  if (before === undefined) return frontend
  const next: Frontend = {
    ...frontend,
    inside: { ...frontend.inside, backends: placeInSlots(before.inside.backends, frontend.inside.backends) },
    ...(frontend.outside === undefined
      ? {}
      : {
          outside: {
            ...frontend.outside,
            backends: placeInSlots(before.outside?.backends ?? [], frontend.outside.backends),
          },
        }),
  }
  return JSON.stringify(next) === JSON.stringify(before) ? before : next
}

/**
 * Fills as many slots as there are backends, with none empty, moving as few as possible.
 *
 *     before a b c d, wanted a c d e    ->  a e c d      e takes the place that b left
 *     before a b c d, wanted b d        ->  d b          d moves to the front
 */
export function placeInSlots(before: readonly Backend[], wanted: readonly Backend[]): readonly Backend[] {
  const left = new Map(wanted.map((backend) => [backendName(backend), backend]))
  const slots: (Backend | undefined)[] = Array.from({ length: wanted.length })
  for (const [slot, old] of before.entries()) {
    const backend = slot < slots.length ? left.get(backendName(old)) : undefined
    if (backend === undefined) continue
    slots[slot] = backend
    left.delete(backendName(old))
  }
  const rest = left.values()
  return slots.map((backend) => backend ?? rest.next().value!)
}
