/** The words for nft: a ruleset or a difference as text, and what a listing of the kernel means for services. */
import { safeTextBytes } from '#lib/host/nft.ts'
import type { TableListing } from '#lib/host/nftTable.ts'

import { affinityOf, wordsOf } from './chains.ts'
import type { Chains } from './chains.ts'
import type { Family, Frontend } from './frontend.ts'
import type { Difference, Element, Ruleset } from './ruleset.ts'
import { numbersOf, setNames, sets } from './sets.ts'

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
    yield* renderList(rules.entries(name), renderEntry)
    yield '\t}\n'
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
/** So many elements stand on a line. */
const elementsOnLine = 200

const renderEntry = ([key, value]: readonly [string, string]): string => (value === '' ? key : `${key} : ${value}`)

function* renderList<T>(entries: Iterable<T>, render: (entry: T) => string): Generator<string> {
  let line = ''
  let count = 0
  let isFirst = true
  for (const entry of entries) {
    line += count === 0 ? render(entry) : `, ${render(entry)}`
    if (++count < elementsOnLine) continue
    yield isFirst ? `\t\telements = { ${line}` : `,\n\t\t\t${line}`
    isFirst = false
    line = ''
    count = 0
  }
  if (count > 0) yield isFirst ? `\t\telements = { ${line}` : `,\n\t\t\t${line}`
  if (count > 0 || !isFirst) yield ' }\n'
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
      ...renderElements('delete', table, removed),
      ...renderElements('add', table, added),
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

function renderElements(verb: 'add' | 'delete', table: string, elements: readonly Element[]): string[] {
  const bySet = new Map<string, string[]>()
  for (const [set, key, value] of elements) {
    const texts = bySet.get(set) ?? []
    if (texts.length === 0) bySet.set(set, texts)
    texts.push(verb === 'delete' || value === '' ? key : `${key} : ${value}`)
  }
  return [...bySet].map(([set, texts]) => `${verb} element ${table} ${set} { ${texts.join(', ')} }`)
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

/**
 * Says how a listing differs from what a ruleset wants; nothing when it does not. `chainTexts` are chains as they were listed
 * when they were known to be right: nft prints rules in words of its own, so only a change of them can be seen.
 */
export function findDifference(
  listing: TableListing,
  rules: Ruleset,
  generation: number,
  chainTexts: ReadonlyMap<string, string>,
): string | undefined {
  for (const set of [...setNames, 'generation'] as const) {
    const found = listing.elements.get(set)
    if (found === undefined) return `there is no set "${set}"`
    let count = 0
    for (const [key, value] of set === 'generation' ? [[String(generation), ''] as const] : rules.entries(set)) {
      const other = found.get(key)
      if (other === undefined) return `set "${set}" lacks "${key}"`
      if (other !== value) return `set "${set}" leads "${key}" to "${other}" and not to "${value}"`
      count++
    }
    if (found.size !== count) return `set "${set}" has ${found.size} elements and not ${count}`
  }
  for (const name of rules.chains.keys()) {
    const text = listing.chains.get(name)
    if (text === undefined) return `there is no chain "${name}"`
    if ((chainTexts.get(name) ?? text) !== text) return `chain "${name}" was changed`
  }
  for (const name of listing.chains.keys()) if (!rules.chains.has(name)) return `there is a chain "${name}"`
  return undefined
}
