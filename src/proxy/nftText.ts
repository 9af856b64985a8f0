/** The words for nft: a ruleset or a difference as text, and what a listing of the kernel means for services. */
import { safeTextBytes } from '#lib/host/nft.ts'
import { renderElements } from '#lib/host/nftTable.ts'
import type { TableListing, WantedTable } from '#lib/host/nftTable.ts'

import { affinityOf, wordsOf } from './chains.ts'
import type { Chains } from './chains.ts'
import type { Family, Frontend } from './frontend.ts'
import type { Difference, Element, Ruleset } from './ruleset.ts'
import { numbersOf, setNames, sets } from './sets.ts'
import type { Entry, SetName } from './sets.ts'

export const tableName = 'k8ts-services'

/** A client remembered for affinity: by the map's key, with what is left of its time. */
export interface RememberedClient {
  readonly key: string
  readonly number: number
  readonly timeoutSeconds: number
  readonly expiresSeconds: number
}

/**
 * The text that replaces the whole table in one transaction, whatever is there, in pieces of whole lines. All of it is within
 * one pair of braces: nft takes no part of it for the whole.
 */
export function* renderTable(
  rules: Ruleset,
  generation: number,
  remembered: readonly RememberedClient[] = [],
): Generator<string> {
  const { ip, address } = wordsOf(rules.family)
  const table = `${ip} ${tableName}`
  yield `add table ${table}\ndelete table ${table}\ntable ${table} {\n`
  for (const name of setNames) {
    const type = sets[name].type.replaceAll('ADDRESS', address)
    yield `\t${type.includes(':') ? 'map' : 'set'} ${name} {\n\t\ttype ${type}\n`
    const count = yield* renderList(rules.entries(name), renderEntry)
    yield type.includes('interval') ? '\t}\n' : `\t\tsize ${roomFor(count)}\n\t}\n`
  }
  yield `\tmap affinity {\n\t\t${affinityOf(rules.family).type}\n\t\tsize 65536\n\t\tflags dynamic,timeout\n\t\ttimeout ${defaultAffinity}s\n`
  yield* renderList(
    remembered,
    ({ key, number, timeoutSeconds, expiresSeconds }) =>
      `${key} timeout ${timeoutSeconds}s expires ${expiresSeconds}s : ${number}`,
  )
  yield `\t}\n\tset generation {\n\t\ttype mark\n\t\telements = { ${generation} }\n\t}\n`
  for (const [name, lines] of rules.chains)
    yield `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`
  yield '}\n'
}

const defaultAffinity = 10_800
/**
 * How many elements a set of so many may have before the table is made anew. A set of which that is known is a table of fixed
 * size in the kernel, which does not have to be made larger again and again while it fills.
 */
const roomFor = (count: number): number => 2 ** Math.ceil(Math.log2(Math.max(1_024, 2 * count)))
/** So many elements stand on a line. */
const elementsOnLine = 200

const renderEntry = ([key, value]: readonly [string, string]): string => (value === '' ? key : `${key} : ${value}`)

/** Returns how many there are. */
function* renderList<T>(entries: Iterable<T>, render: (entry: T) => string): Generator<string, number> {
  let line = ''
  let all = 0
  let count = 0
  let isFirst = true
  for (const entry of entries) {
    line += count === 0 ? render(entry) : `, ${render(entry)}`
    all++
    if (++count < elementsOnLine) continue
    yield isFirst ? `\t\telements = { ${line}` : `,\n\t\t\t${line}`
    isFirst = false
    line = ''
    count = 0
  }
  if (count > 0) yield isFirst ? `\t\telements = { ${line}` : `,\n\t\t\t${line}`
  if (all > 0) yield ' }\n'
  return all
}

/** The text of one transaction, and the generation that the table has after it. */
export interface Step {
  readonly text: string
  readonly generation: number
}

/**
 * The texts that apply a difference one after the other. The kernel refuses each unless the table is of the generation that the
 * one before has left, `from` at first. Each is short enough to arrive as a whole, if what it changes at once is no more than that.
 */
export function* renderDifference(family: Family, difference: Difference, from: number): Generator<Step> {
  const table = `${wordsOf(family).ip} ${tableName}`
  let generation = from
  let lines = renderChains(table, difference.addedChains)
  let removed: Element[] = []
  let added: Element[] = []
  let size = lines.join('\n').length
  const step = (): Step => {
    const text = [
      `delete element ${table} generation { ${generation} }`,
      `add element ${table} generation { ${++generation} }`,
      ...lines,
      ...renderElements('delete', table, bySet(removed)),
      ...renderElements('add', table, bySet(added)),
      '',
    ].join('\n')
    lines = []
    removed = []
    added = []
    size = 0
    return { text, generation }
  }
  for (const part of difference.parts) {
    const partSize = [...part.removed, ...part.added].reduce(
      (sum, [, key, value]) => sum + key.length + value.length + 5,
      400,
    )
    if (size > 0 && size + partSize > safeTextBytes) yield step()
    size += partSize
    for (const element of part.removed) removed.push(element)
    for (const element of part.added) added.push(element)
  }
  if (size > 0) yield step()
}

function renderChains(table: string, chains: Chains): string[] {
  const lines: string[] = []
  // Declared first, so that they may lead to each other in any order.
  for (const name of chains.keys()) lines.push(`add chain ${table} ${name}`)
  for (const [name, rules] of chains) for (const rule of rules) lines.push(`add rule ${table} ${name} ${rule}`)
  return lines
}

/** Elements by set, in their order. */
function bySet(elements: readonly Element[]): ReadonlyMap<SetName, readonly Entry[]> {
  const entries = new Map<SetName, Entry[]>()
  for (const [set, key, value] of elements) {
    const ofSet = entries.get(set) ?? []
    if (ofSet.length === 0) entries.set(set, ofSet)
    ofSet.push([key, value])
  }
  return entries
}

/**
 * The remembered clients of a listing whose connections still go to one of these frontends, with affinity; of those that are
 * remembered by hashes, whose backend one of them has.
 */
export function readRemembered(listing: TableListing, frontends: Iterable<Frontend>): readonly RememberedClient[] {
  const byPlace = new Map<string, number>()
  const byNumber = new Map<number, number>()
  for (const frontend of frontends) {
    if (frontend.affinitySeconds === undefined) continue
    const { family, address = '', transport, port, affinitySeconds } = frontend
    if (family === 4) byPlace.set(`${address} . ${transport} . ${port}`, affinitySeconds)
    else
      for (const number of numbersOf(frontend))
        byNumber.set(number, Math.max(byNumber.get(number) ?? 0, affinitySeconds))
  }
  const remembered: RememberedClient[] = []
  for (const [text, value] of listing.elements.get('affinity') ?? []) {
    const [key = '', ...times] = text.split(/ (?=timeout|expires)/)
    const [, address, transport, port] = key.split(' . ')
    const number = Number(value)
    const most =
      port === undefined
        ? byNumber.get(number)
        : (byPlace.get(`${address} . ${transport} . ${port}`) ?? byPlace.get(` . ${transport} . ${port}`))
    const secondsOf = (word: string): number | undefined => {
      const found = times.find((time) => time.startsWith(`${word} `))
      return found === undefined ? undefined : readSeconds(found.slice(word.length + 1))
    }
    const left = secondsOf('expires')
    if (most === undefined || left === undefined || !Number.isInteger(number)) continue
    const timeoutSeconds = port === undefined ? Math.min(secondsOf('timeout') ?? defaultAffinity, most) : most
    const expiresSeconds = Math.min(left, timeoutSeconds)
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

/** What a ruleset wants of its table. */
export const wantedOf = (rules: Ruleset): WantedTable => ({
  sets: new Map(),
  elements: setNames.map((name) => [name, rules.entries(name)] as const),
  chains: rules.chains,
})
