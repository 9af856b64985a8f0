/**
 * HAProxy cannot be told of a new section while it runs. But most sections have the same rules and differ in their servers alone, so
 * a process begins with some more of those that it has most: a route that comes takes one of them. What a route leaves behind
 * stays, without servers, for when the route comes back. It never becomes another pool's: a request that is still under way in it
 * could be tried again with servers that it was not meant for.
 */
import type { Compiled, ServedPool } from './compile.ts'
import { sectionName } from './configuration.ts'
import type { Matching } from './matching.ts'
import { nameFor } from './words.ts'

const fewestSpares = 16
/** A process with more sections that nothing leads to than these, and than half of what it needs, is begun anew. */
const mostLeftovers = 100

/**
 * With sections that nothing leads to yet. No other process has their names, which are told of servers that come for as long as they
 * have requests: there a section of the same name could be another pool's.
 */
export function withSpares(compiled: Compiled, generation: number): Compiled {
  const shapes = new Map<string, string[]>()
  for (const name of compiled.pools.keys()) {
    const shape = shapeOf(compiled, name)
    const known = shapes.get(shape)
    if (known === undefined) shapes.set(shape, [name])
    else known.push(name)
  }
  const most = [...shapes.values()].reduce<readonly string[]>((a, b) => (b.length > a.length ? b : a), [])
  const [example] = most
  if (example === undefined) return compiled
  const rules = compiled.sections.get(`backend ${example}`)!
  const { options } = compiled.pools.get(example)!
  const sections = new Map(compiled.sections)
  const pools = new Map(compiled.pools)
  const spares = new Set<string>()
  for (let at = 0; at < Math.max(fewestSpares, most.length / 10); at++) {
    const name = nameFor(kindOf(example), ['spare', generation, at, rules, options])
    sections.set(`backend ${name}`, rules)
    pools.set(name, { pool: '', servers: [], options })
    spares.add(name)
  }
  return { ...compiled, sections, pools, spares }
}

/**
 * `after` as the process that serves `before` can serve it, with the sections that this one has. Undefined when there is none for one
 * that is needed, or there would be too many of no use.
 */
export function withKeptSections(before: Compiled, after: Compiled): Compiled | undefined {
  if (before.sections === after.sections) return after
  const standIns = new Map(before.standIns)
  const named = new Set(namedInRules(after))
  const taken = new Set(standIns.values())
  const free = [...(before.spares ?? [])].filter((name) => !taken.has(name))
  const used = after.sections.size
  for (const head of after.sections.keys()) {
    const name = sectionName(head)
    if (before.sections.has(head)) continue
    if (named.has(name) || !after.pools.has(name)) return undefined
    if (standIns.has(name)) continue
    const shape = shapeOf(after, name)
    const at = free.findIndex((spare) => shapeOf(before, spare) === shape)
    if (at < 0) return undefined
    standIns.set(name, free.splice(at, 1)[0]!)
  }
  if (before.sections.size - free.length - used > Math.max(mostLeftovers, used / 2)) return undefined
  const pools = new Map<string, ServedPool>()
  for (const [name, { options }] of before.pools) pools.set(name, { pool: '', servers: [], options })
  for (const [name, served] of after.pools) pools.set(standIns.get(name) ?? name, served)
  return {
    ...after,
    sections: new Map(before.sections),
    pools,
    matching: renamed(after.matching, standIns),
    files: new Map([...before.files, ...after.files]),
    ...(before.spares === undefined ? {} : { spares: before.spares }),
    standIns,
  }
}

/** What two sections have in common that differ in their servers at most. */
const shapeOf = ({ sections, pools }: Compiled, name: string): string =>
  [kindOf(name), pools.get(name)!.options, ...sections.get(`backend ${name}`)!].join('\n')

/** What rules of front ends know of a section by its name. */
const kindOf = (name: string): string => name.slice(0, name.lastIndexOf('-'))

/** Sections that stand in rules, which cannot be changed in a running process, rather than in maps. */
function* namedInRules({ choices, fallback, matching }: Compiled): Generator<string, void, undefined> {
  yield fallback
  for (const { value } of matching.conditional) yield value.slice(value.indexOf(':') + 1)
  for (const rule of choices) {
    const name = / str\(([^)]*)\)/.exec(rule)?.[1]
    if (name !== undefined) yield name
  }
}

function renamed(matching: Matching, standIns: ReadonlyMap<string, string>): Matching {
  if (standIns.size === 0) return matching
  const rename = ([key, value]: readonly [string, string]): readonly [string, string] => {
    const begin = value.lastIndexOf(':') + 1
    const name = standIns.get(value.slice(begin))
    return [key, name === undefined ? value : value.slice(0, begin) + name]
  }
  return { ...matching, paths: matching.paths.map(rename), shards: matching.shards.map((map) => map.map(rename)) }
}
