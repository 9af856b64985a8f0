/**
 * A routing as HAProxy serves it: pure, so that every text is pinned by tests. Everything that is done alike with requests is one
 * section (`backend`); maps say which section a request goes to. What is only looked up while HAProxy runs (maps, servers,
 * certificates) is kept apart from the text, because it can be changed without a new process.
 */
import { createHash } from 'node:crypto'
import { affinityValue } from '#ingress/node/cookies.ts'
import { unknownHash, usersLeft } from '#ingress/node/basicAuthentication.ts'
import { encodedPath } from '#ingress/node/path.ts'
import { isSameData } from '#ingress/node/sameData.ts'
import type { Action, Certificate, Forward, Pool, Route, Routing, Rules, Server, ValueMatch } from '#ingress/routing.ts'
import type { AgentRule } from './authenticationRules.ts'
import { listCertificates, pemOf } from './certificateList.ts'
import type { ListedCertificate } from './certificateList.ts'
import { planMatching } from './matching.ts'
import type { Candidate, MapEntry, Matching } from './matching.ts'
import { literalPattern, translatePattern } from './pattern.ts'
import {
  admissionRules,
  forwardLines,
  isStream,
  pageRule,
  redirectLines,
  respondLines,
  serverOptions,
} from './section.ts'
import type { SectionContext, SectionSource } from './section.ts'
import { nameFor, nameOfHost, plainName, quoted, socketAddress, UnusableText } from './words.ts'

export interface CompileOptions {
  /** Where all files are while HAProxy runs. */
  readonly folder: string
  /** Whether a certificate and its key can be read and belong together. */
  readonly isUsable: (certificate: Certificate) => boolean
}

/** Servers of a section as HAProxy knows them. */
export interface ServerEntry {
  /** What the affinity cookie says, too. */
  readonly name: string
  readonly address: string
  /** Decides which keys of a hash are a server's; unique in the section. */
  readonly id: number
}

export interface ServedPool {
  /** The name of the pool in the routing; empty where nothing leads to the section. */
  readonly pool: string
  readonly servers: readonly ServerEntry[]
  /** Stands behind each of them. */
  readonly options: string
}

/** The section of the data plane behind. */
export const behindSection = 'behind'
/** How names of sections begin that limit bodies; `limited-whole` when bodies are read whole first as far as there is room. */
export const limitedSection = 'limited'

export interface Compiled {
  /** By the whole first line: `backend to-1f...`. */
  readonly sections: ReadonlyMap<string, readonly string[]>
  /** Servers by the name of their section. */
  readonly pools: ReadonlyMap<string, ServedPool>
  readonly matching: Matching
  /** Rules of both front ends that choose between pools. */
  readonly choices: readonly string[]
  /** Live servers of affinity cookies, with what stands for their pool. */
  readonly cookies: readonly MapEntry[]
  /** The section that answers what no route matches. */
  readonly fallback: string
  /** Files that are read only when a process starts, by name. */
  readonly files: ReadonlyMap<string, string>
  /** By the name of the file. */
  readonly certificates: ReadonlyMap<string, ListedCertificate>
  readonly defaultCertificate: string | undefined
  readonly agentRules: ReadonlyMap<string, AgentRule>
  /** Whether there are requests that only the data plane behind can serve. */
  readonly usesPlaneBehind: boolean
  /** The longest silence that a route allows, in milliseconds. */
  readonly longestSilence: number
  /** Whether many large streams may share a connection to a server. */
  readonly hasStreams: boolean
  readonly left: ReadonlyMap<string, readonly string[]>
  /** Of a process: sections that were begun with for routes that may come. */
  readonly spares?: ReadonlySet<string>
  /** Of a process: which of them stands for which other section. */
  readonly standIns?: ReadonlyMap<string, string>
}

/**
 * Throws when a route names a pool that is not there. `parts` remembers those of earlier routings; without them the outcome is
 * the same, and only takes longer.
 */
export function compile(routing: Routing, options: CompileOptions, parts = new CompiledParts()): Compiled {
  return new Compilation(routing, options, parts).run()
}

/** Whether two pools differ in their servers at most. */
const isSamePool = (one: Pool | undefined, other: Pool | undefined): boolean =>
  one === other ||
  (one !== undefined && other !== undefined && isSameData({ ...one, servers: [] }, { ...other, servers: [] }))

/**
 * The same with the servers of another routing, when nothing else of that one differs: what happens most often needs no new
 * compilation. Undefined when something does.
 */
export function withServers(compiled: Compiled, before: Routing, after: Routing): Compiled | undefined {
  const { pools: had, ...rest } = before
  const { pools: wanted, ...others } = after
  const keys = Object.keys(rest) as (keyof typeof rest)[]
  if (!keys.every((key) => isSameData(rest[key], others[key]))) return undefined
  if (had.size !== wanted.size) return undefined
  const changed = new Map<string, readonly ServerEntry[]>()
  for (const [name, pool] of wanted) {
    const old = had.get(name)
    if (old === pool) continue
    if (!isSamePool(old, pool)) return undefined
    if (isSameData(old?.servers, pool.servers)) continue
    if (!hasUsableServers(pool)) return undefined
    changed.set(name, activeServers(pool))
  }
  if (changed.size === 0) return compiled
  const pools = new Map(compiled.pools)
  for (const [section, served] of compiled.pools) {
    const servers = changed.get(served.pool) ?? served.servers
    if (servers !== served.servers) pools.set(section, { ...served, servers })
  }
  return { ...compiled, pools, cookies: cookieEntries(wanted) }
}

/** Live servers of pools with an affinity cookie. */
function cookieEntries(pools: ReadonlyMap<string, Pool>): readonly MapEntry[] {
  return [...pools.values()].flatMap((pool) =>
    pool.affinity === undefined || !hasUsableServers(pool)
      ? []
      : activeServers(pool).map(({ name }): MapEntry => [name, nameFor('pool', pool.name)]),
  )
}

/** What pools came to: those that stay are the same objects in each routing, and naming thousands of servers takes long. */
const entriesOf = new WeakMap<Pool, readonly ServerEntry[]>()

/** Those that get new requests: draining ones only when there are no others. Throws UnusableText. */
function activeServers(pool: Pool): readonly ServerEntry[] {
  const known = entriesOf.get(pool)
  if (known !== undefined) return known
  const { name, servers } = pool
  const staying = servers.filter(({ draining }) => !draining)
  const entries = serverEntries(name, staying.length > 0 ? staying : servers)
  entriesOf.set(pool, entries)
  return entries
}

/** Whether all of a pool's servers can be written down. */
function hasUsableServers(pool: Pool): boolean {
  try {
    activeServers(pool)
    return true
  } catch (error) {
    if (error instanceof UnusableText) return false
    throw error
  }
}

/** What routes came to. One that stays is not made again: of thousands one changes at a time. */
export class CompiledParts {
  readonly #parts = new WeakMap<Route | Action, Part>()

  of(key: Route | Action, routing: Routing, options: CompileOptions): Part {
    let part = this.#parts.get(key)
    if (part?.isOf(routing) !== true) this.#parts.set(key, (part = new Part(key, routing, options)))
    return part
  }
}

/** Puts together what the parts say. */
class Compilation {
  readonly #routing: Routing
  readonly #options: CompileOptions
  readonly #parts: CompiledParts

  constructor(routing: Routing, options: CompileOptions, parts: CompiledParts) {
    this.#routing = routing
    this.#options = options
    this.#parts = parts
  }

  run(): Compiled {
    const { routes, fallback, pools } = this.#routing
    const of = (key: Route | Action): Part => this.#parts.of(key, this.#routing, this.#options)
    const [ofRoutes, ofFallback] = [routes.map(of), of(fallback)]
    const all = [...ofRoutes, ofFallback]
    const served = new Map<string, ServedPool>()
    for (const each of all)
      for (const [section, { pool, options }] of each.pools)
        if (!served.has(section)) served.set(section, { pool, servers: activeServers(pools.get(pool)!), options })
    const files = union(all.map((each) => each.files))
    const { folder, isUsable } = this.#options
    return {
      sections: union(all.map(({ sections }) => sections)),
      pools: served,
      matching: planMatching(ofRoutes.map(({ candidate }) => candidate!)),
      choices: [...union(all.map(({ choices }) => choices)).values()].flat(),
      cookies: cookieEntries(pools),
      fallback: ofFallback.outcome!,
      files,
      ...listCertificates(this.#routing, isUsable, fileWriter(folder, files)),
      agentRules: union(all.map(({ agentRules }) => agentRules)),
      usesPlaneBehind: all.some(({ usesPlaneBehind }) => usesPlaneBehind),
      longestSilence: Math.max(...all.map(({ longestSilence }) => longestSilence)),
      hasStreams: [...pools.values()].some(({ protocol }) => protocol.startsWith('grpc')),
      left: union(all.map(({ left }) => left)),
    }
  }
}

/** Notes files that rules name, and says where they will be. */
const fileWriter =
  (folder: string, files: Map<string, string>) =>
  (kind: string, content: string): string => {
    const name = nameFor(kind, content)
    files.set(name, content)
    return `${folder}/${name}`
  }

function union<K, V>(maps: readonly ReadonlyMap<K, V>[]): Map<K, V> {
  const all = new Map<K, V>()
  for (const map of maps) for (const [key, value] of map) all.set(key, value)
  return all
}

/** What a route comes to, or the action that answers what no route matches, and what that depends on beside itself. */
class Part {
  /** Until it is made. */
  #routing: Routing | undefined
  readonly #options: CompileOptions
  readonly sections = new Map<string, readonly string[]>()
  /** By section. */
  readonly pools = new Map<string, Omit<ServedPool, 'servers'>>()
  readonly files = new Map<string, string>()
  readonly agentRules = new Map<string, AgentRule>()
  readonly left = new Map<string, string[]>()
  readonly choices = new Map<string, readonly string[]>()
  /** Of a route. */
  readonly candidate?: Candidate
  /** Of an action: its section. */
  readonly outcome?: string
  usesPlaneBehind = false
  longestSilence = 60_000
  readonly #lookedAt = {
    pools: new Map<string, Pool | undefined>(),
    certificates: new Map<string, Certificate | undefined>(),
  }

  constructor(of: Route | Action, routing: Routing, options: CompileOptions) {
    this.#routing = routing
    this.#options = options
    if ('match' in of) this.candidate = this.#candidate(of)
    else
      this.outcome = this.#orUnavailable('', () =>
        this.#outcome(of, {}, { owner: '', path: { kind: 'prefix', text: '/' } }, this.#context('')),
      )
    this.#routing = undefined
  }

  /** Whether it would come to the same in this routing. */
  isOf(routing: Routing): boolean {
    const { pools, certificates } = this.#lookedAt
    for (const [name, pool] of pools) {
      const now = routing.pools.get(name)
      if (now === pool) continue
      if (pool === undefined || now === undefined || !isSamePool(pool, now)) return false
      if (!hasUsableServers(pool) || !hasUsableServers(now)) return false
      pools.set(name, now)
    }
    for (const [name, certificate] of certificates)
      if (!isSameData(certificate, routing.certificates.get(name))) return false
    return true
  }

  #pool(name: string): Pool | undefined {
    const pool = this.#routing!.pools.get(name)
    this.#lookedAt.pools.set(name, pool)
    return pool
  }

  #context(route: string): SectionContext {
    const { folder } = this.#options
    return {
      folder,
      file: fileWriter(folder, this.files),
      section: (name, lines) => void this.sections.set(name, lines),
      certificate: (name) => {
        const certificate = this.#routing!.certificates.get(name)
        this.#lookedAt.certificates.set(name, certificate)
        if (certificate === undefined || !this.#options.isUsable(certificate)) return undefined
        const file = nameFor('client', certificate)
        this.files.set(file, pemOf(certificate))
        return `${folder}/${file}`
      },
      agentRule: (rule) => {
        const name = nameFor('rule', [[...(rule.users ?? [])], rule.external, rule.clients])
        this.agentRules.set(name, rule)
        return name
      },
      leave: (problem) => {
        const known = this.left.get(route)
        if (known === undefined) this.left.set(route, [problem])
        else if (!known.includes(problem)) known.push(problem)
      },
    }
  }

  /** A route that cannot be served as it must be is not served at all; another one must not get its requests. */
  #orUnavailable(route: string, build: () => string): string {
    const context = this.#context(route)
    try {
      return build()
    } catch (error) {
      if (!(error instanceof UnusableText)) throw error
      context.leave(`${error.message}; its requests get 503`)
      return this.#section([pageRule(context, 503, '')])
    }
  }

  #candidate(route: Route): Candidate {
    const { match } = route
    const context = this.#context(route.name)
    const path = match.path.kind === 'pattern' ? match.path : { ...match.path, path: encodedPath(match.path.path) }
    const host = match.host.kind === 'any' ? match.host : { ...match.host, name: match.host.name.toLowerCase() }
    const known: Route = { ...route, match: { ...match, host, path } }
    try {
      if (host.kind !== 'any') nameOfHost(host.name, `the host "${host.name}"`)
      const pattern = path.kind === 'pattern' ? translatePattern(path.pattern, `the path "${path.pattern}"`) : undefined
      const conditions = this.#conditions(known, context)
      const text = path.kind === 'pattern' ? `${path.ignoreCase ? '(?i)' : ''}(?:${pattern})` : path.path
      const source: SectionSource = { owner: route.owner, path: { kind: path.kind, text } }
      const outcome = this.#orUnavailable(route.name, () => this.#outcome(route.action, route.rules, source, context))
      return { route: known, conditions, outcome, ...(pattern === undefined ? {} : { pattern }) }
    } catch (error) {
      if (!(error instanceof UnusableText)) throw error
      context.leave(`${error.message}; it is not served`)
      // What cannot be asked for matches nothing.
      return {
        route: { ...known, match: { host: { kind: 'exact', name: '-' }, path: { kind: 'exact', path: '/' } } },
        conditions: [],
        outcome: '-',
      }
    }
  }

  #conditions({ match }: Route, context: SectionContext): readonly string[] {
    const { method, headers = [], parameters = [] } = match
    return [
      ...(method === undefined ? [] : [`{ method -m str -- ${quoted(method, 'the method')} }`]),
      ...headers.map((each) =>
        valueCondition(context, `req.fhdr(${plainName(each.name, 'the name of a header')})`, each),
      ),
      ...parameters.map((each) => parameterCondition(context, plainName(each.name, 'the name of a parameter'), each)),
    ]
  }

  /** The name of the section, or of the choice between several, that requests go to. */
  #outcome(action: Action, rules: Rules, source: SectionSource, context: SectionContext): string {
    if (rules.errorPages !== undefined) return this.#behind(rules, context)
    switch (action.kind) {
      case 'redirect':
        return this.#section([...this.#admission(context, rules, source), restorePath, ...redirectLines(action)])
      case 'respond':
        return this.#section([...this.#admission(context, rules, source), ...respondLines(context, action)])
      case 'forward':
        return this.#forward(action, rules, source, context)
    }
  }

  /** HAProxy cannot ask another server once one has answered. */
  #behind(rules: Rules, context: SectionContext): string {
    this.usesPlaneBehind = true
    this.longestSilence = Math.max(this.longestSilence, rules.timeouts?.read ?? 0, rules.timeouts?.send ?? 0)
    const { basicAuthentication: basic } = rules
    for (const user of basic === undefined ? [] : usersLeft(basic)) context.leave(unknownHash(user))
    return behindSection
  }

  #admission(context: SectionContext, rules: Rules, source: SectionSource): readonly string[] {
    this.longestSilence = Math.max(this.longestSilence, rules.timeouts?.read ?? 0, rules.timeouts?.send ?? 0)
    return admissionRules(context, rules, source)
  }

  #section(lines: readonly string[], pool?: { readonly name: string; readonly options: string }, kind = 'to'): string {
    const name = nameFor(kind, [lines, pool?.name, pool?.options])
    this.sections.set(`backend ${name}`, lines)
    if (pool !== undefined) this.pools.set(name, { pool: pool.name, options: pool.options })
    return name
  }

  #forward(action: Forward, rules: Rules, source: SectionSource, context: SectionContext): string {
    const { overrides, shares, keepsPool } = action
    const sections = new Map<string, string>()
    const to = (name: string): string => {
      const known = sections.get(name)
      if (known !== undefined) return known
      const pool = this.#pool(name)
      if (pool === undefined) throw new Error(`Cannot find pool ${name} of ${source.owner} among those of the routing`)
      activeServers(pool)
      const lines = [...this.#admission(context, rules, source), ...forwardLines(context, rules, source, pool)]
      const isLimited = (rules.largestBody ?? 0) > 0
      this.usesPlaneBehind ||= isLimited
      const isWhole = rules.buffersRequests === true && !isStream(pool)
      const section = this.#section(
        lines,
        { name, options: serverOptions(context, pool) },
        !isLimited ? 'to' : isWhole ? `${limitedSection}-whole` : limitedSection,
      )
      sections.set(name, section)
      return section
    }
    const weighted = shares.filter(({ weight }) => weight > 0)
    if (overrides.length === 0 && weighted.length === 1 && (!keepsPool || shares.length === 1))
      return to(weighted[0]!.pool)
    const none = (): string => this.#section([...this.#admission(context, rules, source), pageRule(context, 503, '')])
    if (overrides.length === 0 && weighted.length === 0 && !keepsPool) return none()
    return this.#choice(action, weighted, to, none, context)
  }

  #choice(
    { overrides, shares, keepsPool }: Forward,
    weighted: Forward['shares'],
    to: (pool: string) => string,
    none: () => string,
    context: SectionContext,
  ): string {
    const steps: { readonly section: string; readonly condition: string }[] = overrides.map(({ on, match, pool }) => ({
      section: to(pool),
      condition: valueCondition(
        context,
        on === 'header'
          ? `req.fhdr(${plainName(match.name, 'the name of a header')})`
          : `req.cook(${plainName(match.name, 'the name of a cookie')})`,
        match,
      ),
    }))
    if (keepsPool)
      for (const { pool } of shares) {
        const name = this.#pool(pool)?.affinity?.name
        if (name === undefined) continue
        const cookie = plainName(name, 'the name of the cookie')
        steps.push({
          section: to(pool),
          condition: `{ req.cook(${cookie}),map_str(${context.folder}/cookies.map) -m str ${nameFor('pool', pool)} }`,
        })
      }
    // The lot is drawn among whole numbers.
    const scale = weighted.every(({ weight }) => Number.isInteger(weight)) ? 1 : 1_000
    const total = weighted.reduce((sum, { weight }) => sum + Math.round(weight * scale), 0)
    let drawn = 0
    for (const { pool, weight } of weighted.slice(0, -1)) {
      drawn += Math.round(weight * scale)
      steps.push({ section: to(pool), condition: `{ var(txn.lot) -m int lt ${drawn} }` })
    }
    const last = weighted.at(-1)
    const end = last === undefined ? none() : to(last.pool)
    const id = nameFor('!choice', [steps, end, total])
    const isIt = `{ var(txn.to) -m str ${id} }`
    this.choices.set(id, [
      ...(weighted.length > 1 ? [`http-request set-var(txn.lot) rand(${total}) if ${isIt}`] : []),
      ...steps.map(({ section, condition }) => `http-request set-var(txn.to) str(${section}) if ${isIt} ${condition}`),
      `http-request set-var(txn.to) str(${end}) if ${isIt}`,
    ])
    return id
  }
}

/** A rule before those that use the path: what a client sent, not what was matched. */
const restorePath = 'http-request set-pathq %[var(txn.raw)] if { var(txn.raw) -m found }'

function parameterCondition(context: SectionContext, name: string, match: ValueMatch): string {
  // It may be there without a value.
  if (match.kind === 'present') return `{ query -m reg '(^|&)${literalPattern(name)}(=|&|$)' }`
  return valueCondition(context, `url_param(${name}),url_dec(1)`, match)
}

function valueCondition(context: SectionContext, fetch: string, { kind, value }: ValueMatch): string {
  if (kind === 'present') return `{ ${fetch} -m found }`
  if (kind === 'exact') return `{ ${fetch} -m str -- ${quoted(value, 'a value to compare with')} }`
  const pattern = translatePattern(value, `the pattern "${value}"`)
  return `{ ${fetch} -m reg -f ${context.file('pattern', `^(?:${pattern})$\n`)} }`
}

function serverEntries(pool: string, servers: readonly Server[]): readonly ServerEntry[] {
  const ids = new Set<number>()
  return servers.map(({ id, address, port }) => {
    const name = affinityValue(pool, id)
    let number = createHash('sha256').update(id).digest().readUInt32BE(0) >>> 1 || 1
    while (ids.has(number)) number = (number % 0x7fff_ffff) + 1
    ids.add(number)
    return { name, address: socketAddress(address, port), id: number }
  })
}
