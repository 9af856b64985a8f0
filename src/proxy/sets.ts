/** The sets and maps of a node's table, and what a frontend puts into each. */
import { dispatchName, dispatchOf, firstOutsideSlot } from './chains.ts'
import { backendName } from './frontend.ts'
import type { Backend, Frontend } from './frontend.ts'

/** Key and value; the value is empty in sets that are no maps. */
export type Entry = readonly [key: string, value: string]

interface SetKind {
  /** As nft writes it, with ADDRESS for the type of the family's addresses. */
  readonly type: string
  readonly entries: (frontend: Frontend) => readonly Entry[]
}

type Side = 'inside' | 'outside'

const none: readonly Entry[] = []
const isHostPort = ({ masquerade }: Frontend): boolean => masquerade === 'none'
const isNodePort = (frontend: Frontend): boolean => frontend.address === undefined
/** A set for addresses of services and one for ports of the node, filled in the same way. */
const ofVips =
  (entries: SetKind['entries']): SetKind['entries'] =>
  (frontend) =>
    isNodePort(frontend) ? none : entries(frontend)
const ofNode =
  (entries: SetKind['entries']): SetKind['entries'] =>
  (frontend) =>
    isNodePort(frontend) ? entries(frontend) : none

const verdictType = 'ADDRESS . inet_proto . inet_service : verdict'
const nodeVerdictType = 'inet_proto . inet_service : verdict'

/** Every set that services fill. The table has one more for clients with affinity, and one for its generation. */
export const sets = {
  vips: { type: verdictType, entries: ofVips((frontend) => verdicts(frontend, 'inside')) },
  vips_outside: { type: verdictType, entries: ofVips((frontend) => verdicts(frontend, 'outside')) },
  vip_backends: {
    type: 'ADDRESS . inet_proto . inet_service . mark : ADDRESS . inet_service',
    entries: ofVips(backends),
  },
  vip_numbers: { type: 'ADDRESS . inet_proto . inet_service . mark : mark', entries: ofVips(numbers) },
  nodeports: {
    type: nodeVerdictType,
    entries: ofNode((frontend) => (isHostPort(frontend) ? none : verdicts(frontend, 'inside'))),
  },
  // Open at every address of the node, also where node ports are not.
  hostports: {
    type: nodeVerdictType,
    entries: ofNode((frontend) => (isHostPort(frontend) ? verdicts(frontend, 'inside') : none)),
  },
  nodeports_outside: { type: nodeVerdictType, entries: ofNode((frontend) => verdicts(frontend, 'outside')) },
  node_backends: { type: 'inet_proto . inet_service . mark : ADDRESS . inet_service', entries: ofNode(backends) },
  node_numbers: { type: 'inet_proto . inet_service . mark : mark', entries: ofNode(numbers) },
  refused_vips: { type: verdictType, entries: ofVips(refusals) },
  refused_nodeports: { type: nodeVerdictType, entries: ofNode(refusals) },
  limited_vips: {
    type: 'ADDRESS . inet_proto . inet_service',
    entries: (frontend) => (frontend.sources === undefined ? none : [[keyOf(frontend), '']]),
  },
  allowed_sources: {
    type: 'ADDRESS . inet_proto . inet_service . ADDRESS; flags interval',
    entries: (frontend) =>
      (frontend.sources ?? []).map((range) => [`${keyOf(frontend)} . ${withoutWidth(range)}`, ''] as const),
  },
  cluster_addresses: {
    type: 'ADDRESS',
    entries: (frontend) => (frontend.isClusterAddress ? [[frontend.address!, '']] : none),
  },
  hairpin: {
    type: 'ADDRESS . ADDRESS',
    entries: ({ inside, outside }) =>
      [...inside.backends, ...(outside?.backends ?? [])]
        .filter(({ local }) => local)
        .map(({ address }) => [`${address} . ${address}`, ''] as const),
  },
} as const satisfies Readonly<Record<string, SetKind>>

export type SetName = keyof typeof sets
export const setNames = Object.keys(sets) as readonly SetName[]
/** Sets whose elements several frontends may have in common. All others have the frontend's own key in theirs. */
export const sharedSetNames = ['cluster_addresses', 'hairpin'] as const
export const ownSetNames = setNames.filter((name) => !(sharedSetNames as readonly string[]).includes(name))

/** How a frontend begins its keys: `10.96.0.7 . tcp . 80`, or `tcp . 30080`. */
const keyOf = ({ address, transport, port }: Frontend): string =>
  address === undefined ? `${transport} . ${port}` : `${address} . ${transport} . ${port}`

function verdicts(frontend: Frontend, side: Side): readonly Entry[] {
  const dispatch = dispatchOf(frontend, side)
  if (dispatch !== undefined) return [[keyOf(frontend), `goto ${dispatchName(dispatch)}`]]
  return frontend[side]?.whenEmpty === 'drop' ? [[keyOf(frontend), 'drop']] : none
}

/** Of a service's own address every port is refused that leads nowhere. */
function refusals(frontend: Frontend): readonly Entry[] {
  const { inside, isClusterAddress } = frontend
  const isRefused = inside.backends.length === 0 && inside.whenEmpty === 'refuse' && !isClusterAddress
  return isRefused ? [[keyOf(frontend), 'goto refuse']] : none
}

/** Where each slot leads and, with affinity, where each number does. */
function backends(frontend: Frontend): readonly Entry[] {
  const key = keyOf(frontend)
  const entries = slotsOf(frontend).map(([slot, backend]): Entry => [`${key} . ${slot}`, backendName(backend)])
  if (!hasNumbers(frontend)) return entries
  for (const [name, number] of numberBackends(slotsOf(frontend).map(([, backend]) => backend)))
    entries.push([`${key} . ${number}`, name])
  return entries
}

function numbers(frontend: Frontend): readonly Entry[] {
  if (!hasNumbers(frontend)) return none
  const key = keyOf(frontend)
  const named = numberBackends(slotsOf(frontend).map(([, backend]) => backend))
  return slotsOf(frontend).map(([slot, backend]) => [`${key} . ${slot}`, String(named.get(backendName(backend)))])
}

const hasNumbers = (frontend: Frontend): boolean => frontend.affinitySeconds !== undefined

/** The numbers by which the backends of a frontend with affinity are remembered. */
export const numbersOf = (frontend: Frontend): Iterable<number> =>
  numberBackends(slotsOf(frontend).map(([, backend]) => backend)).values()

function slotsOf({ inside, outside }: Frontend): (readonly [slot: number, backend: Backend])[] {
  const slots = inside.backends.map((backend, slot) => [slot, backend] as const)
  if (outside === undefined) return slots
  return [...slots, ...outside.backends.map((backend, slot) => [firstOutsideSlot + slot, backend] as const)]
}

/** Numbers of backends begin here, above all slots. */
const firstNumber = 0x0100_0000

/** A number for each backend that follows from its address and port, so that it outlives changes and restarts. */
export function numberBackends(all: readonly Backend[]): ReadonlyMap<string, number> {
  const numbered = new Map<string, number>()
  const taken = new Set<number>()
  for (const name of [...new Set(all.map(backendName))].toSorted()) {
    let number = firstNumber + (hash(name) % (2 ** 32 - firstNumber))
    while (taken.has(number)) number = number + 1 < 2 ** 32 ? number + 1 : firstNumber
    taken.add(number)
    numbered.set(name, number)
  }
  return numbered
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}

/** As nft prints it: a range of one address is that address. */
const withoutWidth = (range: string): string => range.replace(/^([^:]*)\/32$|^(.*:.*)\/128$/, '$1$2')
