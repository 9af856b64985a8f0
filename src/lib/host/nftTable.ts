/**
 * Tables of the packet filter that are kept as wanted: whole at first and after a failure, differences from then on. A table is
 * some sets and maps of fixed types with elements that change, and chains. What it holds is told as text, as nft prints it:
 * marks as decimal numbers, blocks as `10.0.0.0/8`, other intervals as `10.0.0.1-10.0.0.6`.
 */
import type { Nft } from './nft.ts'

/** What one table is to hold. */
export interface TableContent {
  /** `ip`, `ip6`: the family of the table. */
  readonly family: string
  readonly name: string
  /** Sets and maps with their declarations, such as `type ipv4_addr : mark; flags interval;`. */
  readonly sets: ReadonlyMap<string, string>
  /** Rules by chain; the first may be a hook: `type filter hook forward priority 0; policy accept;`. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** By set: key to value, which is empty where the set is no map. Sets that the kernel fills itself are not here. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** What came of applying contents. */
export interface Applied {
  readonly kind: 'nothing' | 'difference' | 'whole'
  /** How many elements were added or removed; absent for whole tables. */
  readonly size?: number
}

/** Removing an element of an interval set costs the kernel a walk over it; beyond this many a new table is cheaper. */
const mostRemoved = 2_000

/** The set with one number in it, which is another after each change. */
const generationSet = 'generation'

/** Several tables that change together, in one transaction. */
export class NftTables {
  readonly #nft: Nft
  /** What the kernel holds; absent when that is not known. */
  #contents: readonly TableContent[] | undefined
  #generation = 0
  /** Chains as the kernel printed them when it was last asked, by table: others' changes of them are seen only so. */
  #chainTexts = new Map<string, ReadonlyMap<string, string>>()

  constructor(nft: Nft) {
    this.#nft = nft
  }

  /**
   * Brings all tables to their contents. The kernel refuses a difference when a table has gone or another process has replaced
   * it; then, as after any failure, the next call replaces the tables whole.
   */
  async apply(contents: readonly TableContent[], signal?: AbortSignal): Promise<Applied> {
    const before = this.#contents
    this.#contents = undefined
    const differences = before === undefined ? undefined : differencesOf(before, contents)
    if (differences === undefined) {
      await this.#replace(contents, signal)
      this.#contents = contents
      return { kind: 'whole' }
    }
    const size = differences.reduce((sum, each) => sum + each.size, 0)
    if (size > 0) {
      const next = this.#generation + 1
      const text = contents
        .map((content, at) => renderDifference(content, differences[at]!, this.#generation, next))
        .join('')
      await this.#nft.apply(text, signal)
      this.#generation = next
    }
    this.#contents = contents
    return size === 0 ? { kind: 'nothing' } : { kind: 'difference', size }
  }

  /**
   * Asks the kernel whether the tables still are what was applied. If not, says what is wrong; the next `apply` replaces them.
   * Tells what it read of a table that is.
   */
  async verify(
    signal?: AbortSignal,
    onListing?: (content: TableContent, listing: TableListing) => void,
  ): Promise<string | undefined> {
    const contents = this.#contents
    if (contents === undefined) return undefined
    const texts = new Map<string, ReadonlyMap<string, string>>()
    for (const content of contents) {
      const id = tableId(content)
      const text = await this.#nft.describe(content, signal)
      // Something was applied in the meantime: what was read is of no use.
      if (this.#contents !== contents) return undefined
      const listing = text === undefined ? undefined : readTable(text)
      const problem =
        listing === undefined
          ? 'the table has gone'
          : findDeviation(listing, content, this.#generation, this.#chainTexts.get(id) ?? new Map())
      if (problem !== undefined) {
        this.#contents = undefined
        this.#chainTexts.clear()
        return `${id}: ${problem}`
      }
      texts.set(id, listing!.chains)
      onListing?.(content, listing!)
    }
    this.#chainTexts = texts
    return undefined
  }

  async #replace(contents: readonly TableContent[], signal: AbortSignal | undefined): Promise<void> {
    let old = 0
    for (const content of contents) {
      const text = await this.#nft.describe(content, signal)
      const found = text === undefined ? undefined : readTable(text).elements.get(generationSet)
      old = Math.max(old, Number([...(found?.keys() ?? [])][0] ?? 0) || 0)
    }
    // Never that of the tables before: whoever made those must not be able to go on as if nothing had happened.
    const generation = (Math.max(this.#generation, old) + 1) % 2 ** 31
    this.#chainTexts.clear()
    await this.#nft.apply(contents.map((content) => renderTable(content, generation)).join(''), signal)
    this.#generation = generation
  }
}

const tableId = ({ family, name }: Pick<TableContent, 'family' | 'name'>): string => `${family} ${name}`

/** The text that replaces the whole table in one transaction, whatever is there. */
export function renderTable(content: TableContent, generation: number): string {
  const table = tableId(content)
  const lines = [`add table ${table}`, `delete table ${table}`, `add table ${table}`]
  for (const [name, type] of content.sets)
    lines.push(`add ${/ : /.test(type) ? 'map' : 'set'} ${table} ${name} { ${type} }`)
  lines.push(`add set ${table} ${generationSet} { type mark; elements = { ${generation} }; }`)
  // Declared first, so that they may lead to each other in any order.
  for (const [name, rules] of content.chains)
    lines.push(`add chain ${table} ${name}${isHook(rules[0]) ? ` { ${rules[0]} }` : ''}`)
  for (const [name, rules] of content.chains)
    for (const rule of rules) if (!isHook(rule)) lines.push(`add rule ${table} ${name} ${rule}`)
  lines.push(...renderElements('add', table, content.elements))
  return `${lines.join('\n')}\n`
}

const isHook = (rule: string | undefined): boolean => rule?.startsWith('type ') === true

type Elements = ReadonlyMap<string, ReadonlyMap<string, string>>

interface Difference {
  readonly added: Elements
  readonly removed: Elements
  readonly size: number
}

/** The text that applies a difference, which the kernel refuses unless the table is of generation `from`. */
function renderDifference(content: TableContent, { added, removed }: Difference, from: number, to: number): string {
  const table = tableId(content)
  const lines = [
    `delete element ${table} ${generationSet} { ${from} }`,
    `add element ${table} ${generationSet} { ${to} }`,
    ...renderElements('delete', table, removed),
    ...renderElements('add', table, added),
  ]
  return `${lines.join('\n')}\n`
}

/** Commands that add or remove elements of sets. */
export function renderElements(
  verb: 'add' | 'delete',
  table: string,
  elements: Iterable<readonly [set: string, entries: Iterable<readonly [key: string, value: string]>]>,
): string[] {
  const lines: string[] = []
  for (const [set, entries] of elements) {
    const texts = [...entries].map(([key, value]) => (verb === 'delete' || value === '' ? key : `${key} : ${value}`))
    for (let at = 0; at < texts.length; at += 200)
      lines.push(`${verb} element ${table} ${set} { ${texts.slice(at, at + 200).join(', ')} }`)
  }
  return lines
}

/** How contents differ, table by table; nothing when only whole tables will do. */
function differencesOf(before: readonly TableContent[], next: readonly TableContent[]): Difference[] | undefined {
  const frame = (contents: readonly TableContent[]): string =>
    JSON.stringify(contents.map((each) => [tableId(each), [...each.sets], [...each.chains]]))
  if (frame(before) !== frame(next)) return undefined
  const differences = next.map((content, at) => differenceOf(before[at]!.elements, content.elements))
  const removed = differences.reduce(
    (sum, each) => sum + [...each.removed.values()].reduce((of, entries) => of + entries.size, 0),
    0,
  )
  return removed > mostRemoved ? undefined : differences
}

function differenceOf(before: Elements, next: Elements): Difference {
  const added = new Map<string, Map<string, string>>()
  const removed = new Map<string, Map<string, string>>()
  let size = 0
  const put = (into: Map<string, Map<string, string>>, set: string, key: string, value: string): void => {
    let entries = into.get(set)
    if (entries === undefined) into.set(set, (entries = new Map()))
    entries.set(key, value)
    size++
  }
  for (const [set, entries] of next) {
    const old = before.get(set)
    if (old === entries) continue
    for (const [key, value] of entries) {
      const was = old?.get(key)
      if (was === value) continue
      if (was !== undefined) put(removed, set, key, was)
      put(added, set, key, value)
    }
  }
  for (const [set, old] of before) {
    const entries = next.get(set)
    if (old === entries) continue
    for (const [key, value] of old) if (entries?.has(key) !== true) put(removed, set, key, value)
  }
  return { added, removed, size }
}

/** What the kernel says that a table holds. */
export interface TableListing {
  readonly elements: Elements
  /** By set whose elements count: how many packets each has counted. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** The text of each chain as nft prints it, without the values of counters. */
  readonly chains: ReadonlyMap<string, string>
}

/** Reads what `nft list table` prints, with marks as decimal numbers. */
export function readTable(text: string): TableListing {
  const elements = new Map<string, ReadonlyMap<string, string>>()
  const counts = new Map<string, ReadonlyMap<string, number>>()
  const chains = new Map<string, string>()
  for (const [, kind, name, body] of text.matchAll(/^\t(map|set|chain) (\S+) \{\n([\s\S]*?)^\t\}$/gm)) {
    if (kind === 'chain') {
      chains.set(name!, body!.replaceAll(/counter packets \d+ bytes \d+/g, 'counter'))
      continue
    }
    const entries = new Map<string, string>()
    const counted = new Map<string, number>()
    for (const entry of (/elements = \{([^}]*)\}/.exec(body!)?.[1] ?? '').split(',')) {
      if (entry.trim() === '') continue
      let packets: number | undefined
      const [key, value = ''] = entry
        .trim()
        .replace(/ counter packets (\d+) bytes \d+/, (_, digits: string) => {
          packets = Number(digits)
          return ''
        })
        .replaceAll(/0x[0-9a-f]{8}/g, (digits) => String(Number(digits)))
        .split(' : ')
      entries.set(key!, value)
      if (packets !== undefined) counted.set(key!, packets)
    }
    elements.set(name!, entries)
    if (counted.size > 0) counts.set(name!, counted)
  }
  return { elements, counts, chains }
}

/** What a table should hold; sets without elements may stand in either place. */
export interface WantedTable extends Pick<TableContent, 'sets' | 'chains'> {
  readonly elements: Iterable<readonly [set: string, entries: Iterable<readonly [key: string, value: string]>]>
}

/**
 * Says how a listing differs from what is wanted; nothing when it does not. `chainTexts` are chains as they were listed when they
 * were known to be right: nft prints rules in words of its own, so only their number and a change of them can be seen.
 */
export function findDeviation(
  listing: TableListing,
  { sets, elements, chains }: WantedTable,
  generation: number,
  chainTexts: ReadonlyMap<string, string>,
): string | undefined {
  for (const name of sets.keys()) if (!listing.elements.has(name)) return `there is no set "${name}"`
  for (const [set, entries] of [...elements, [generationSet, [[String(generation), '']]] as const]) {
    const found = listing.elements.get(set)
    if (found === undefined) return `there is no set "${set}"`
    let count = 0
    for (const [key, value] of entries) {
      const other = found.get(key)
      if (other === undefined) return `set "${set}" lacks "${key}"`
      if (other !== value) return `set "${set}" leads "${key}" to "${other}" and not to "${value}"`
      count++
    }
    if (found.size !== count) return `set "${set}" has ${found.size} elements and not ${count}`
  }
  for (const [name, rules] of chains) {
    const text = listing.chains.get(name)
    if (text === undefined) return `there is no chain "${name}"`
    // The hook is a line as the rules are.
    if (text.trimEnd().split('\n').length !== Math.max(rules.length, 1)) return `chain "${name}" has other rules`
    if ((chainTexts.get(name) ?? text) !== text) return `chain "${name}" was changed`
  }
  for (const name of listing.chains.keys()) if (!chains.has(name)) return `there is a chain "${name}"`
  return undefined
}
