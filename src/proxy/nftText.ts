/** The words for nft: a plan or a difference as text, and the kernel's listing back as elements. */
import { wordsOf } from './chains.ts'
import type { Chains } from './chains.ts'
import { mapTypes, planElements, setNames } from './ruleset.ts'
import type { Difference, Elements, Plan } from './ruleset.ts'
import type { Family } from './serviceTable.ts'

export const tableName = 'k8ts-services'

/** A connection remembered for affinity: the client, address, transport and port as the map's key, with what is left of its time. */
export interface RememberedClient {
  readonly key: string
  readonly number: number
  readonly timeoutSeconds: number
  readonly expiresSeconds: number
}

/** The text that replaces the whole table in one transaction, whatever is there. */
export function renderTable(plan: Plan, generation: number, remembered: readonly RememberedClient[] = []): string {
  const { ip, address } = wordsOf(plan.family)
  const table = `${ip} ${tableName}`
  const lines = [`add table ${table}`, `delete table ${table}`, `add table ${table}`]
  for (const name of setNames) {
    const type = mapTypes[name].replaceAll('ADDRESS', address)
    lines.push(`add ${type.includes(':') ? 'map' : 'set'} ${table} ${name} { type ${type}; }`)
  }
  lines.push(
    `add map ${table} affinity { type ${address} . ${address} . inet_proto . inet_service : mark; size 65536; flags dynamic,timeout; timeout ${defaultAffinity}s; }`,
    `add set ${table} generation { type mark; elements = { ${generation} }; }`,
    ...renderChains(table, plan.chains),
    ...renderElements('add', table, planElements(plan)),
  )
  const clients = remembered.map(
    ({ key, number, timeoutSeconds, expiresSeconds }) =>
      `${key} timeout ${timeoutSeconds}s expires ${expiresSeconds}s : ${number}`,
  )
  for (const part of inParts(clients)) lines.push(`add element ${table} affinity { ${part.join(', ')} }`)
  return `${lines.join('\n')}\n`
}

const defaultAffinity = 10_800

/** The text that applies a difference, which the kernel refuses unless the table is of generation `from`. */
export function renderDifference(family: Family, difference: Difference, from: number, to: number): string {
  const table = `${wordsOf(family).ip} ${tableName}`
  const lines = [
    `delete element ${table} generation { ${from} }`,
    `add element ${table} generation { ${to} }`,
    ...renderChains(table, difference.addedChains),
    ...renderElements('delete', table, difference.removed),
    ...renderElements('add', table, difference.added),
    // All are emptied before the first is deleted: they lead to each other.
    ...difference.removedChains.map((name) => `flush chain ${table} ${name}`),
    ...difference.removedChains.map((name) => `delete chain ${table} ${name}`),
  ]
  return `${lines.join('\n')}\n`
}

function renderChains(table: string, chains: Chains): string[] {
  const lines: string[] = []
  // Declared first, so that they may lead to each other in any order.
  for (const [name, rules] of chains) {
    const hook = rules[0]?.startsWith('type ') ? ` { ${rules[0]} }` : ''
    lines.push(`add chain ${table} ${name}${hook}`)
  }
  for (const [name, rules] of chains)
    for (const rule of rules) if (!rule.startsWith('type ')) lines.push(`add rule ${table} ${name} ${rule}`)
  return lines
}

function renderElements(verb: 'add' | 'delete', table: string, elements: Elements): string[] {
  const lines: string[] = []
  for (const [set, entries] of elements) {
    const texts = [...entries].map(([key, value]) => (verb === 'delete' || value === '' ? key : `${key} : ${value}`))
    for (const part of inParts(texts)) lines.push(`${verb} element ${table} ${set} { ${part.join(', ')} }`)
  }
  return lines
}

function* inParts(texts: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < texts.length; at += 200) yield texts.slice(at, at + 200)
}

/** What the kernel says that a table holds. */
export interface Listing {
  /** By set, also those that are not ours. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** The text of each chain, as nft prints it. */
  readonly chains: ReadonlyMap<string, string>
}

/** Reads what `nft list table` prints, with marks as decimal numbers as this file writes them. */
export function readListing(text: string): Listing {
  const elements = new Map<string, ReadonlyMap<string, string>>()
  const chains = new Map<string, string>()
  for (const [, kind, name, body] of text.matchAll(/^\t(map|set|chain) (\S+) \{\n([\s\S]*?)^\t\}$/gm)) {
    if (kind === 'chain') {
      chains.set(name!, body!)
      continue
    }
    const entries = new Map<string, string>()
    const list = /elements = \{([^}]*)\}/.exec(body!)?.[1] ?? ''
    for (const entry of list.split(',')) {
      if (entry.trim() === '') continue
      const [key, value = ''] = entry
        .trim()
        .replaceAll(/0x[0-9a-f]{8}/g, (digits) => String(Number(digits)))
        .split(' : ')
      entries.set(key!, value)
    }
    elements.set(name!, entries)
  }
  return { elements, chains }
}

/** The remembered clients of a listing whose connections still go to a frontend with affinity. */
export function readRemembered(listing: Listing, plan: Plan): readonly RememberedClient[] {
  const wanted = new Map<string, number>()
  for (const frontend of plan.frontends.values()) {
    if (frontend.affinitySeconds === undefined) continue
    const { address = '', transport, port, affinitySeconds } = frontend
    wanted.set(`${address} . ${transport} . ${port}`, affinitySeconds)
  }
  const remembered: RememberedClient[] = []
  for (const [text, value] of listing.elements.get('affinity') ?? []) {
    const [key = '', ...times] = text.split(/ (?=timeout|expires)/)
    const [, address, transport, port] = key.split(' . ')
    const timeoutSeconds = wanted.get(`${address} . ${transport} . ${port}`) ?? wanted.get(` . ${transport} . ${port}`)
    const expires = times.find((time) => time.startsWith('expires '))
    const number = Number(value)
    if (timeoutSeconds === undefined || expires === undefined || !Number.isInteger(number)) continue
    const expiresSeconds = Math.min(readSeconds(expires.slice('expires '.length)), timeoutSeconds)
    if (expiresSeconds >= 1) remembered.push({ key, number, timeoutSeconds, expiresSeconds })
  }
  return remembered
}

/** Whole seconds of a time such as `1d2h3m4s500ms`. */
function readSeconds(text: string): number {
  const units: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1, ms: 0 }
  let seconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|d|h|m|s)/g)) seconds += Number(amount) * (units[unit!] ?? 0)
  return seconds
}

/**
 * Says how a listing differs from what a plan wants; nothing when it does not. `chainTexts` are chains as they were listed when
 * they were known to be right: nft prints rules in words of its own, so only a change of them can be seen.
 */
export function findDifference(
  listing: Listing,
  plan: Plan,
  generation: number,
  chainTexts: ReadonlyMap<string, string>,
): string | undefined {
  const wanted = new Map<string, ReadonlyMap<string, string>>([
    ...planElements(plan),
    ['generation', new Map([[String(generation), '']])],
  ])
  for (const [set, entries] of wanted) {
    const found = listing.elements.get(set)
    if (found === undefined) return `there is no set "${set}"`
    for (const [key, value] of entries) {
      const other = found.get(key)
      if (other === undefined) return `set "${set}" lacks "${key}"`
      if (other !== value) return `set "${set}" leads "${key}" to "${other}" and not to "${value}"`
    }
    if (found.size !== entries.size) return `set "${set}" has ${found.size} elements and not ${entries.size}`
  }
  for (const name of plan.chains.keys()) {
    const text = listing.chains.get(name)
    if (text === undefined) return `there is no chain "${name}"`
    if ((chainTexts.get(name) ?? text) !== text) return `chain "${name}" was changed`
  }
  for (const name of listing.chains.keys()) if (!plan.chains.has(name)) return `there is a chain "${name}"`
  return undefined
}
