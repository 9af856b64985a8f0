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
 * stay on this node. Who may come to an address of `limited_vips` stands in `allowed_sources`, range by range:
 *
 *     limited_vips      192.0.2.1 . tcp . 80
 *     allowed_sources   192.0.2.1 . tcp . 80 . 198.51.100.0/24
 */
import { dispatchName, dispatchOf, ofFamily, planDispatchChains, planFixedChains } from './chains.ts'
import type { Chains, NodeRanges } from './chains.ts'
import type { Family, Frontend, FrontendChange } from './frontend.ts'
import { ownSetNames, sets, sharedSetNames } from './sets.ts'
import type { Entry, SetName } from './sets.ts'

/** One element of one set: key and value; the value is empty in sets that are no maps. */
export type Element = readonly [set: SetName, key: string, value: string]

/** More chains than this are not made; frontends that would need them are left out. */
export const maxDispatchChains = 1_000

/** What takes the kernel from what it held to what it should hold. */
export interface Difference {
  readonly addedChains: Chains
  /** The elements to remove and to add, in parts that each leave every frontend whole. */
  readonly parts: readonly DifferencePart[]
  /** How many elements are added or removed. */
  readonly size: number
  /** Whether the table should rather be made anew: too many of its chains are not used any more. */
  readonly isWorn: boolean
}

export interface DifferencePart {
  readonly removed: readonly Element[]
  readonly added: readonly Element[]
}

/**
 * What the kernel should hold of one family. Chains that no frontend uses any more stay until the whole table is made anew:
 * a number of endpoints that occurred once will occur again, and chains cost more to change than elements.
 */
export class Ruleset {
  readonly family: Family
  readonly ranges: NodeRanges
  readonly #pods: readonly string[]
  readonly #frontends = new Map<string, Frontend>()
  readonly #leftOut = new Map<string, Frontend>()
  readonly #chains: Map<string, readonly string[]>
  readonly #fixedChains: number
  /** How many frontends need each element that several may need; `hairpin` is about backends of this node that meet themselves. */
  readonly #shared = { cluster_addresses: new Map<string, number>(), hairpin: new Map<string, number>() }

  constructor(family: Family, ranges: NodeRanges, frontends: Iterable<Frontend> = []) {
    this.family = family
    this.ranges = ranges
    this.#pods = ofFamily(ranges.clusterPodRanges, family)
    this.#chains = new Map(planFixedChains(family, ranges))
    this.#fixedChains = this.#chains.size
    for (const frontend of frontends) if (frontend.family === family) this.#admit(frontend)
  }

  /** The chains that the table has, by name. */
  get chains(): Chains {
    return this.#chains
  }

  get frontends(): ReadonlyMap<string, Frontend> {
    return this.#frontends
  }

  /** Frontends for which there would be too many chains. */
  get leftOut(): Iterable<Frontend> {
    return this.#leftOut.values()
  }

  /** All elements of one set. */
  *entries(set: SetName): Generator<Entry> {
    if (set === 'cluster_addresses' || set === 'hairpin') for (const key of this.#shared[set].keys()) yield [key, '']
    else for (const frontend of this.#frontends.values()) yield* sets[set].entries(frontend)
  }

  /** Takes changes of frontends, also of the other family, and says what they change in the kernel. */
  change(changes: Iterable<FrontendChange>): Difference {
    const chainsBefore = this.#chains.size
    const touched = new Map<string, boolean>()
    const noteShared = (frontend: Frontend): void => {
      for (const [set, key] of sharedElements(frontend)) {
        const name = `${set} ${key}`
        if (!touched.has(name)) touched.set(name, this.#shared[set].has(key))
      }
    }
    const parts: DifferencePart[] = []
    let size = 0
    const put = (part: DifferencePart): void => {
      if (part.removed.length + part.added.length === 0) return
      parts.push(part)
      size += part.removed.length + part.added.length
    }
    for (const { key, before, next } of changes) {
      if ((next ?? before)?.family !== this.family) continue
      const held = this.#frontends.get(key)
      this.#leftOut.delete(key)
      if (held !== undefined) {
        noteShared(held)
        this.#dismiss(held)
      }
      if (next !== undefined) noteShared(next)
      const isIn = next !== undefined && this.#admit(next)
      put(compareElements(held === undefined ? [] : ownElements(held), isIn ? ownElements(next) : []))
    }
    const shared: { removed: Element[]; added: Element[] } = { removed: [], added: [] }
    for (const [name, was] of touched) {
      const [set, key] = splitOnce(name) as [SharedSet, string]
      const is = this.#shared[set].has(key)
      if (was !== is) shared[is ? 'added' : 'removed'].push([set, key, ''])
    }
    put(shared)
    return {
      addedChains: new Map([...this.#chains].slice(chainsBefore)),
      parts,
      size,
      isWorn: this.#leftOut.size > 0 && this.#countUnusedChains() > 0,
    }
  }

  /** The same, with no more chains than are needed. */
  renewed(): Ruleset {
    return new Ruleset(this.family, this.ranges, [...this.#frontends.values(), ...this.#leftOut.values()])
  }

  /** Whether there is room for it. */
  #admit(frontend: Frontend): boolean {
    const dispatches = dispatchesOf(frontend)
    const isMissing = dispatches.some((dispatch) => !this.#chains.has(dispatchName(dispatch)))
    if (isMissing && this.#chains.size - this.#fixedChains >= maxDispatchChains) {
      this.#leftOut.set(frontend.key, frontend)
      return false
    }
    if (isMissing)
      for (const dispatch of dispatches)
        for (const [name, rules] of planDispatchChains(dispatch, this.family, this.#pods))
          if (!this.#chains.has(name)) this.#chains.set(name, rules)
    this.#frontends.set(frontend.key, frontend)
    for (const [set, key] of sharedElements(frontend)) this.#shared[set].set(key, (this.#shared[set].get(key) ?? 0) + 1)
    return true
  }

  #dismiss(frontend: Frontend): void {
    this.#frontends.delete(frontend.key)
    for (const [set, key] of sharedElements(frontend)) {
      const count = this.#shared[set].get(key)! - 1
      if (count === 0) this.#shared[set].delete(key)
      else this.#shared[set].set(key, count)
    }
  }

  #countUnusedChains(): number {
    const used = new Set<string>()
    for (const frontend of this.#frontends.values())
      for (const dispatch of dispatchesOf(frontend)) used.add(dispatchName(dispatch))
    return [...this.#chains.keys()].filter((name) => name.startsWith('c_') && !used.has(name)).length
  }
}

const dispatchesOf = (frontend: Frontend) =>
  [dispatchOf(frontend, 'inside'), dispatchOf(frontend, 'outside')].filter((dispatch) => dispatch !== undefined)

type SharedSet = (typeof sharedSetNames)[number]

const splitOnce = (text: string): [string, string] => {
  const at = text.indexOf(' ')
  return [text.slice(0, at), text.slice(at + 1)]
}

/** The elements that a frontend may have in common with others, each as often as it needs it. */
const sharedElements = (frontend: Frontend): (readonly [set: SharedSet, key: string])[] =>
  sharedSetNames.flatMap((set) => sets[set].entries(frontend).map(([key]) => [set, key] as const))

/** What to remove and to add so that the first elements become the second. */
function compareElements(old: Iterable<Element>, now: Iterable<Element>): DifferencePart {
  const left = new Map<string, Element>()
  for (const element of old) left.set(`${element[0]} ${element[1]}`, element)
  const removed: Element[] = []
  const added: Element[] = []
  for (const element of now) {
    const name = `${element[0]} ${element[1]}`
    const was = left.get(name)
    left.delete(name)
    if (was?.[2] === element[2]) continue
    if (was !== undefined) removed.push(was)
    added.push(element)
  }
  return { removed: [...removed, ...left.values()], added }
}

/** The elements that one frontend alone puts into the sets. */
function* ownElements(frontend: Frontend): Generator<Element> {
  for (const set of ownSetNames) for (const [key, value] of sets[set].entries(frontend)) yield [set, key, value]
}
