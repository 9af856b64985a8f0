/**
 * Finding the route of a request by maps. One look-up in a tree answers for hosts and paths, however many there are:
 *
 *   key of the map    host of the route + path of the route + what ends it
 *   what is asked     host of the request + path of the request + `/` + an end that no path can contain
 *
 * The longest key that what is asked begins with is the answer. So each key carries the route that comes first, in the order of
 * the routing, of all those which match whatever the key matches. Hosts that nobody named are asked for as `*.parent`, then
 * `**.parent`, then `*`. Answers are the name of a section, or `?shard:rank:section` for hosts of which patterns or
 * conditions have to be tried as well; the lowest rank wins then.
 */
import type { HostMatch, Route } from '#ingress/routing.ts'
import { literalPattern } from './pattern.ts'

/** A route with what its pattern became and where its requests go. */
export interface Candidate {
  readonly route: Route
  /** For PCRE2; of routes whose path is a pattern. */
  readonly pattern?: string
  /** The conditions of rules that hold when its method, headers and parameters match; empty when there are none. */
  readonly conditions: readonly string[]
  readonly outcome: string
}

export type MapEntry = readonly [key: string, value: string]

export interface Matching {
  /** For `map_beg`. */
  readonly paths: readonly MapEntry[]
  /** Names of hosts below which several labels are served, for `map_end`. */
  readonly suffixes: readonly MapEntry[]
  /** For `map_reg`; which of them is asked stands in the answer of the first look-up. */
  readonly shards: readonly (readonly MapEntry[])[]
  readonly conditional: readonly ConditionalRule[]
  readonly hasOneLabel: boolean
}

/** What has to be tried one after the other, because headers and methods are in no map. */
export interface ConditionalRule {
  readonly classKey: string
  readonly conditions: readonly string[]
  readonly value: string
}

/** Ends what is asked for: HAProxy refuses requests with it in their path. */
export const endMark = '\x7f'
/** Patterns that share a map are tried one after the other, about ten in a microsecond. */
const patternsPerShard = 64
const mostShards = 32
const noRank = 1_000_000

interface HostClass {
  readonly key: string
  readonly own: number[]
}

/** The key under which routes for such hosts are found. */
export function classKey(host: HostMatch): string {
  if (host.kind === 'any') return '*'
  if (host.kind === 'exact') return host.name
  return `${host.labels === 'one' ? '*' : '**'}.${host.name}`
}

/** The keys of classes, the most specific first, whose routes may also match hosts of a class. */
function* coveringKeys(host: HostMatch): Generator<string, void, undefined> {
  if (host.kind === 'any') return
  let parent = host.name
  if (host.kind === 'exact') {
    const dot = parent.indexOf('.')
    if (dot > 0) yield `*.${parent.slice(dot + 1)}`
    parent = dot > 0 ? parent.slice(dot + 1) : ''
  } else if (host.labels === 'some') {
    const dot = parent.indexOf('.')
    parent = dot > 0 ? parent.slice(dot + 1) : ''
  }
  while (parent !== '') {
    yield `**.${parent}`
    const dot = parent.indexOf('.')
    parent = dot > 0 ? parent.slice(dot + 1) : ''
  }
  yield '*'
}

export function planMatching(candidates: readonly Candidate[]): Matching {
  const classes = new Map<string, HostClass & { readonly host: HostMatch }>()
  for (const [at, { route }] of candidates.entries()) {
    const { host } = route.match
    const key = classKey(host)
    const found = classes.get(key)
    if (found === undefined) classes.set(key, { key, host, own: [at] })
    else found.own.push(at)
  }
  const needsTrying = (at: number): boolean =>
    candidates[at]!.pattern !== undefined || candidates[at]!.conditions.length > 0
  const paths: MapEntry[] = []
  const conditional: ConditionalRule[] = []
  const patterned: { readonly key: string; readonly entries: readonly MapEntry[] }[] = []
  const marked: { readonly key: string; readonly at: readonly number[] }[] = []
  for (const { key, host, own } of classes.values()) {
    const covering = [...coveringKeys(host)].flatMap((other) => classes.get(other) ?? [])
    const isSuffix = (other: string): boolean => other.startsWith('**')
    // Of several ends of names that fit only the longest is asked for.
    const asked = isSuffix(key)
      ? [...own, ...covering.filter((each) => isSuffix(each.key)).flatMap((each) => each.own)]
      : own
    const others = covering.flatMap((each) => each.own).filter((at) => !isSuffix(key) || !asked.includes(at))
    const last = Math.max(...asked)
    // What comes later and holds for more hosts is found by the next look-up.
    const merged = [...asked, ...others.filter((at) => at < last)].toSorted(ascending)
    if (!merged.some(needsTrying) && !others.some(needsTrying)) {
      for (const [path, at] of firstByPath(merged, candidates)) paths.push([key + path, candidates[at]!.outcome])
      continue
    }
    // There is no next look-up for hosts with patterns: all that may match is tried at once.
    const all = [...asked, ...others].toSorted(ascending)
    marked.push({ key, at: all })
    const entries: MapEntry[] = []
    for (const [rank, at] of all.entries()) {
      const { pattern, conditions, outcome, route } = candidates[at]!
      if (conditions.length > 0)
        conditional.push({
          classKey: key,
          conditions: [...conditions, ...pathCondition(pattern, route)],
          value: `${rank}:${outcome}`,
        })
      else if (pattern !== undefined) {
        const flag = route.match.path.kind === 'pattern' && route.match.path.ignoreCase ? '(?i)' : ''
        entries.push([`^${literalPattern(key)}${flag}(?:${pattern})`, `${rank}:${outcome}`])
      }
    }
    patterned.push({ key, entries })
  }
  const shards = spread(patterned)
  for (const { key, at } of marked) {
    const shard = shards.of.get(key) ?? ''
    const plain = at.filter((each) => !needsTrying(each))
    const found = firstByPath(plain, candidates)
    if (!found.has('/')) found.set('/', -1)
    for (const [path, first] of found) {
      const rank = first < 0 ? noRank : at.indexOf(first)
      paths.push([key + path, `?${shard}:${rank}:${first < 0 ? '' : candidates[first]!.outcome}`])
    }
  }
  return {
    paths: sorted(paths),
    suffixes: [...classes.keys()]
      .filter((key) => key.startsWith('**.'))
      .toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1))
      .map((key) => [key.slice(2), key]),
    shards: shards.maps,
    conditional,
    hasOneLabel: [...classes.keys()].some((key) => key.startsWith('*.')),
  }
}

/** The first route, of those for exact paths and prefixes, by the key of a path. */
function firstByPath(ordered: readonly number[], candidates: readonly Candidate[]): Map<string, number> {
  const prefixes = new Map<string, number>()
  const exact = new Map<string, number>()
  for (const at of ordered) {
    const { path } = candidates[at]!.route.match
    if (path.kind === 'exact' && !exact.has(path.path)) exact.set(path.path, at)
    const prefix = path.kind === 'prefix' ? (path.path.endsWith('/') ? path.path : `${path.path}/`) : undefined
    if (prefix !== undefined && !prefixes.has(prefix)) prefixes.set(prefix, at)
  }
  const covering = (path: string, first: number): number => {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1))
      first = Math.min(first, prefixes.get(path.slice(0, slash + 1)) ?? first)
    return first
  }
  const found = new Map<string, number>()
  for (const [prefix, at] of prefixes) found.set(prefix, covering(prefix, at))
  for (const [path, at] of exact) found.set(`${path}/${endMark}`, covering(`${path}/`, at))
  return found
}

/** Conditions for the path of a route that is tried by a rule of its own. */
function pathCondition(pattern: string | undefined, route: Route): readonly string[] {
  const { path } = route.match
  if (path.kind === 'pattern')
    return [`{ path -m reg '^${path.ignoreCase ? '(?i)' : ''}(?:${pattern!.replaceAll("'", '\\x27')})' }`]
  if (path.kind === 'exact') return [`{ path -m str '${path.path.replaceAll("'", '%27')}' }`]
  const prefix = path.path.replace(/\/$/, '').replaceAll("'", '%27')
  return prefix === '' ? [] : [`{ var(txn.path),concat(,,/) -m beg '${prefix}/' }`]
}

/** Deals patterns out, those of one host into one map and in their order. */
function spread(patterned: readonly { readonly key: string; readonly entries: readonly MapEntry[] }[]): {
  readonly maps: readonly (readonly MapEntry[])[]
  readonly of: ReadonlyMap<string, number>
} {
  const total = patterned.reduce((sum, { entries }) => sum + entries.length, 0)
  const count = Math.min(mostShards, Math.ceil(total / patternsPerShard))
  const maps: MapEntry[][] = Array.from({ length: count }, () => [])
  const of = new Map<string, number>()
  for (const { key, entries } of patterned) {
    if (entries.length === 0) continue
    let shard = 0
    for (let at = 0; at < key.length; at++) shard = (shard * 31 + key.charCodeAt(at)) % count
    of.set(key, shard)
    maps[shard]!.push(...entries)
  }
  return { maps, of }
}

const ascending = (a: number, b: number): number => a - b
const sorted = (entries: readonly MapEntry[]): readonly MapEntry[] =>
  entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

/** The rules that find `txn.to`, the section that answers a request. `folder` holds the maps. */
export function matchingRules(matching: Matching, folder: string): readonly string[] {
  const { shards, conditional, suffixes, hasOneLabel } = matching
  const find = (condition: string, host = 'class'): string =>
    `http-request set-var(txn.to) var(txn.${host}),concat(,txn.path,/\\x7f),map_beg(${folder}/paths.map)${condition}`
  const missing = ' if !{ var(txn.to) -m found }'
  const isAskedAgain = shards.length > 0 || conditional.length > 0
  const rules = isAskedAgain ? ['http-request set-var(txn.class) var(txn.host)', find('')] : [find('', 'host')]
  if (hasOneLabel)
    rules.push(
      `http-request set-var(txn.parent) var(txn.host),field(2,.,0)${missing}`,
      `http-request set-var(txn.class) str(*.),concat(,txn.parent)${missing}`,
      find(missing),
    )
  if (suffixes.length > 0)
    rules.push(
      `http-request set-var(txn.class) var(txn.host),map_end(${folder}/suffixes.map,-)${missing}`,
      find(missing),
    )
  rules.push(`http-request set-var(txn.class) str(*)${missing}`, find(missing))
  if (!isAskedAgain) return rules
  for (const shard of shards.keys())
    rules.push(
      `http-request set-var(txn.pattern) var(txn.class),concat(,txn.path),map_reg(${folder}/patterns-${shard}.map) if { var(txn.to) -m beg ?${shard}: }`,
    )
  for (const { classKey: key, conditions, value } of conditional)
    rules.push(
      `http-request set-var(txn.tried) str(${value}) if !{ var(txn.tried) -m found } { var(txn.to) -m beg ? } { var(txn.class) -m str ${key} } ${conditions.join(' ')}`,
    )
  const marked = '{ var(txn.to) -m beg ? }'
  rules.push(
    `http-request set-var(txn.rank) var(txn.to),field(2,:) if ${marked}`,
    `http-request set-var(txn.other) var(txn.pattern),field(1,:) if ${marked} { var(txn.pattern) -m found }`,
    `http-request set-var(txn.rank) var(txn.other) if ${marked} { var(txn.pattern) -m found } { var(txn.other),sub(txn.rank) lt 0 }`,
    `http-request set-var(txn.last) var(txn.tried),field(1,:) if ${marked} { var(txn.tried) -m found }`,
    `http-request set-var(txn.rank) var(txn.last) if ${marked} { var(txn.tried) -m found } { var(txn.last),sub(txn.rank) lt 0 }`,
    `http-request set-var(txn.to) var(txn.tried),field(2,:) if ${marked} { var(txn.tried) -m found } { var(txn.last),sub(txn.rank) eq 0 }`,
    `http-request set-var(txn.to) var(txn.pattern),field(2,:) if ${marked} { var(txn.pattern) -m found } { var(txn.other),sub(txn.rank) eq 0 }`,
    `http-request set-var(txn.to) var(txn.to),field(3,:) if ${marked}`,
  )
  return rules
}
