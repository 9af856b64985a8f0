/**
 * A table of frontends as nft text. The kernel holds a constant number of sets and maps, whatever the number of services; only
 * their elements change. Chains exist one for each number of backends that occurs (and affinity time), shared by all frontends.
 *
 *     vips           10.96.0.7 . tcp . 80             goto c_vip_others_3   which of three slots? draw one: mark 0, 1 or 2
 *     vip_backends   10.96.0.7 . tcp . 80 . mark 2    10.244.1.9 . 8080     where that slot leads
 *
 * With affinity the mark is exchanged for a number that stays with the backend whatever its slot, and that number is what the
 * kernel remembers for the client; when the backend is gone its number leads nowhere and another slot is drawn:
 *
 *     vip_numbers    10.96.0.7 . tcp . 80 . mark 2    0x7c04ab31
 *     vip_backends   10.96.0.7 . tcp . 80 . mark 0x7c04ab31    10.244.1.9 . 8080
 *     affinity       10.244.1.4 . 10.96.0.7 . tcp . 80         0x7c04ab31, for some time
 *
 * The `node_…` maps do the same for ports of every address of the node, `…_outside` for connections from elsewhere that must
 * stay on this node.
 */
import { addDispatchChains, dispatchName, dispatchOf, firstOutsideSlot, ofFamily, planFixedChains } from './chains.ts'
import type { Chains, NodeRanges } from './chains.ts'
import { backendName } from './serviceTable.ts'
import type { Backend, Family, Frontend, Target } from './serviceTable.ts'

/** The table's sets and maps that hold what services want, and their types. */
export const mapTypes = {
  vips: 'ADDRESS . inet_proto . inet_service : verdict',
  vips_outside: 'ADDRESS . inet_proto . inet_service : verdict',
  vip_backends: 'ADDRESS . inet_proto . inet_service . mark : ADDRESS . inet_service',
  vip_numbers: 'ADDRESS . inet_proto . inet_service . mark : mark',
  nodeports: 'inet_proto . inet_service : verdict',
  nodeports_outside: 'inet_proto . inet_service : verdict',
  node_backends: 'inet_proto . inet_service . mark : ADDRESS . inet_service',
  node_numbers: 'inet_proto . inet_service . mark : mark',
  refused_vips: 'ADDRESS . inet_proto . inet_service : verdict',
  refused_nodeports: 'inet_proto . inet_service : verdict',
  cluster_addresses: 'ADDRESS',
  hairpin: 'ADDRESS . ADDRESS',
} as const

export type SetName = keyof typeof mapTypes
export const setNames = Object.keys(mapTypes) as readonly SetName[]

/** Elements of one set: key to value; the value is empty in sets that are no maps. */
export type Elements = ReadonlyMap<SetName, ReadonlyMap<string, string>>

/** Numbers of backends begin here, above all slots. */
const firstNumber = 0x0100_0000
/** More chains than this are not made; frontends that would need them are left out. */
export const maxDispatchChains = 1_000

/** The frontends of one family that can be told to the kernel, their chains, and those for which there are too many chains. */
export interface Plan {
  readonly family: Family
  readonly ranges: NodeRanges
  readonly frontends: ReadonlyMap<string, Frontend>
  readonly chains: Chains
  readonly clusterAddresses: ReadonlySet<string>
  /** Backends of this node, which may meet themselves. */
  readonly localBackends: ReadonlySet<string>
  readonly leftOut: readonly Frontend[]
}

/** Plans the table of one family; `table` may hold frontends of both. */
export function planRules(table: ReadonlyMap<string, Frontend>, family: Family, ranges: NodeRanges): Plan {
  const frontends = new Map<string, Frontend>()
  const chains = new Map(planFixedChains(family, ranges))
  const most = chains.size + maxDispatchChains
  const pods = ofFamily(ranges.clusterPodRanges, family)
  const clusterAddresses = new Set<string>()
  const localBackends = new Set<string>()
  const leftOut: Frontend[] = []
  for (const frontend of table.values()) {
    if (frontend.family !== family) continue
    const dispatches = [dispatchOf(frontend, 'inside'), dispatchOf(frontend, 'outside')].filter(
      (dispatch) => dispatch !== undefined,
    )
    if (chains.size >= most && !dispatches.every((dispatch) => chains.has(dispatchName(dispatch)))) {
      leftOut.push(frontend)
      continue
    }
    frontends.set(frontend.key, frontend)
    for (const dispatch of dispatches) addDispatchChains(chains, dispatch, family, pods)
    if (frontend.isClusterAddress) clusterAddresses.add(frontend.address!)
    for (const target of [frontend.inside, frontend.outside])
      for (const backend of target?.backends ?? []) if (backend.local) localBackends.add(backend.address)
  }
  return { family, ranges, frontends, chains, clusterAddresses, localBackends, leftOut }
}

/** The elements that one frontend puts into the sets. */
function* frontendElements(frontend: Frontend): Generator<readonly [SetName, string, string]> {
  const isNodePort = frontend.address === undefined
  const key = `${isNodePort ? '' : `${frontend.address} . `}${frontend.transport} . ${frontend.port}`
  const backends: SetName = isNodePort ? 'node_backends' : 'vip_backends'
  const numbers: SetName = isNodePort ? 'node_numbers' : 'vip_numbers'
  const verdict = (target: Target, side: 'inside' | 'outside'): string | undefined => {
    const dispatch = dispatchOf(frontend, side)
    if (dispatch !== undefined) return `goto ${dispatchName(dispatch)}`
    return target.whenEmpty === 'drop' ? 'drop' : undefined
  }
  const inside = verdict(frontend.inside, 'inside')
  if (inside !== undefined) yield [isNodePort ? 'nodeports' : 'vips', key, inside]
  else if (!frontend.isClusterAddress) yield [isNodePort ? 'refused_nodeports' : 'refused_vips', key, 'goto refuse']
  if (frontend.outside !== undefined) {
    const outside = verdict(frontend.outside, 'outside')
    if (outside !== undefined) yield [isNodePort ? 'nodeports_outside' : 'vips_outside', key, outside]
  }
  for (const [slot, backend] of frontend.inside.backends.entries())
    yield [backends, `${key} . ${slot}`, backendName(backend)]
  for (const [slot, backend] of (frontend.outside?.backends ?? []).entries())
    yield [backends, `${key} . ${firstOutsideSlot + slot}`, backendName(backend)]
  if (frontend.affinitySeconds === undefined || frontend.family === 6) return
  const named = numberBackends([...frontend.inside.backends, ...(frontend.outside?.backends ?? [])])
  for (const [name, number] of named) yield [backends, `${key} . ${number}`, name]
  for (const [slot, backend] of frontend.inside.backends.entries())
    yield [numbers, `${key} . ${slot}`, String(named.get(backendName(backend)))]
  for (const [slot, backend] of (frontend.outside?.backends ?? []).entries())
    yield [numbers, `${key} . ${firstOutsideSlot + slot}`, String(named.get(backendName(backend)))]
}

/** A number for each backend that follows from its address and port, so that it outlives changes and restarts. */
export function numberBackends(backends: readonly Backend[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  const taken = new Set<number>()
  for (const name of [...new Set(backends.map(backendName))].toSorted()) {
    let number = firstNumber + (hash(name) % (2 ** 32 - firstNumber))
    while (taken.has(number)) number = number + 1 < 2 ** 32 ? number + 1 : firstNumber
    taken.add(number)
    numbers.set(name, number)
  }
  return numbers
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}

/** All elements of a plan. */
export function planElements(plan: Plan): Elements {
  const elements = new Map<SetName, Map<string, string>>(setNames.map((name) => [name, new Map()]))
  for (const frontend of plan.frontends.values())
    for (const [set, key, value] of frontendElements(frontend)) elements.get(set)!.set(key, value)
  for (const address of plan.clusterAddresses) elements.get('cluster_addresses')!.set(address, '')
  for (const address of plan.localBackends) elements.get('hairpin')!.set(`${address} . ${address}`, '')
  return elements
}

/** What takes the kernel from one plan to the next. */
export interface Difference {
  readonly addedChains: Chains
  readonly removedChains: readonly string[]
  readonly added: Elements
  readonly removed: Elements
  /** How many elements are added or removed. */
  readonly size: number
}

/** Compares two plans of one family and the same ranges. Frontends that are the same object are not looked into. */
export function planDifference(before: Plan, next: Plan): Difference {
  const added = new Map<SetName, Map<string, string>>()
  const removed = new Map<SetName, Map<string, string>>()
  let size = 0
  const put = (into: Map<SetName, Map<string, string>>, set: SetName, key: string, value: string): void => {
    let elements = into.get(set)
    if (elements === undefined) into.set(set, (elements = new Map()))
    elements.set(key, value)
    size++
  }
  const compare = (old: Iterable<readonly [SetName, string, string]>, now: typeof old): void => {
    const left = new Map<string, readonly [SetName, string, string]>()
    for (const element of old) left.set(`${element[0]} ${element[1]}`, element)
    for (const [set, key, value] of now) {
      const name = `${set} ${key}`
      const was = left.get(name)
      left.delete(name)
      if (was?.[2] === value) continue
      if (was !== undefined) put(removed, set, key, was[2])
      put(added, set, key, value)
    }
    for (const [set, key, value] of left.values()) put(removed, set, key, value)
  }
  for (const [key, frontend] of next.frontends) {
    const old = before.frontends.get(key)
    if (old !== frontend) compare(old === undefined ? [] : frontendElements(old), frontendElements(frontend))
  }
  for (const [key, old] of before.frontends) if (!next.frontends.has(key)) compare(frontendElements(old), [])
  const wholes = (plan: Plan): (readonly [SetName, string, string])[] => [
    ...[...plan.clusterAddresses].map((address) => ['cluster_addresses', address, ''] as const),
    ...[...plan.localBackends].map((address) => ['hairpin', `${address} . ${address}`, ''] as const),
  ]
  compare(wholes(before), wholes(next))
  return {
    addedChains: new Map([...next.chains].filter(([name]) => !before.chains.has(name))),
    removedChains: [...before.chains.keys()].filter((name) => !next.chains.has(name)),
    added,
    removed,
    size,
  }
}
