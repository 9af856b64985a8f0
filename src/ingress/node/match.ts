/**
 * Finding the route of a request among thousands: the first one, in their order, of which everything holds. Names of hosts and
 * paths are looked up, only patterns are tried one after the other.
 */
import { linearRegExp } from '#lib/linearRegExp.ts'
import type { LinearRegExp } from '#lib/linearRegExp.ts'
import type { HostMatch, PathMatch, Route, ValueMatch } from '#ingress/routing.ts'
import { encodedPath } from './path.ts'

/** What of a request decides its route. */
export interface Question {
  /** In lower case, without a port; empty when it did not say. */
  readonly host: string
  /** `matched` of its target. */
  readonly path: string
  readonly method: string
  /** The value of a header by its name in lower case; of several, all with `, ` between. */
  header(name: string): string | undefined
  parameter(name: string): string | undefined
}

export interface Found<R> {
  readonly route: R
  /** What the groups of the route's path pattern matched, the whole first; none for other paths. */
  readonly groups: readonly string[]
}

interface Entry<R> {
  readonly route: R
  readonly pattern?: LinearRegExp
  readonly holds: (question: Question) => boolean
}

export class RouteTable<R extends Route> {
  readonly #entries: readonly Entry<R>[]
  readonly #exact = new Map<string, PathIndex>()
  readonly #oneLabel = new Map<string, PathIndex>()
  readonly #someLabels = new Map<string, PathIndex>()
  readonly #any = new PathIndex()

  /** Throws when a pattern cannot be compiled; the message says whose it is. */
  constructor(routes: readonly R[]) {
    this.#entries = routes.map((route, at) => {
      this.#indexOf(route.match.host).add(route.match.path, at)
      return { route, ...compilePath(route), holds: compileConditions(route) }
    })
  }

  /** The route of a request. */
  find(question: Question): Found<R> | undefined {
    const looked: number[] = []
    const lists: (readonly number[])[] = [looked]
    for (const index of this.#indexesOf(question.host)) {
      index.lookUp(question.path, looked)
      if (index.patterns.length > 0) lists.push(index.patterns)
    }
    looked.sort(ascending)
    const at = lists.map(() => 0)
    for (;;) {
      let next = Infinity
      let from = -1
      for (let list = 0; list < lists.length; list++) {
        const candidate = lists[list]![at[list]!]
        if (candidate !== undefined && candidate < next) {
          next = candidate
          from = list
        }
      }
      if (from < 0) return undefined
      at[from]!++
      const entry = this.#entries[next]!
      const groups = entry.pattern === undefined ? noGroups : entry.pattern.match(question.path)
      if (groups !== undefined && entry.holds(question)) return { route: entry.route, groups }
    }
  }

  #indexOf(host: HostMatch): PathIndex {
    if (host.kind === 'any') return this.#any
    const map = host.kind === 'exact' ? this.#exact : host.labels === 'one' ? this.#oneLabel : this.#someLabels
    let index = map.get(host.name)
    if (index === undefined) map.set(host.name, (index = new PathIndex()))
    return index
  }

  *#indexesOf(host: string): Generator<PathIndex, void, undefined> {
    const exact = this.#exact.get(host)
    if (exact !== undefined) yield exact
    let dot = host.indexOf('.')
    const one = dot > 0 ? this.#oneLabel.get(host.slice(dot + 1)) : undefined
    if (one !== undefined) yield one
    if (this.#someLabels.size > 0) {
      for (; dot > 0; dot = host.indexOf('.', dot + 1)) {
        const some = this.#someLabels.get(host.slice(dot + 1))
        if (some !== undefined) yield some
      }
    }
    yield this.#any
  }
}

const noGroups: readonly string[] = []

/** The routes of one host by their paths; routes are their places in the order. */
class PathIndex {
  /** In order. */
  readonly patterns: number[] = []
  readonly #exact = new Map<string, number[]>()
  readonly #prefixes = new Map<string, number[]>()
  /** The length of the longest prefix: what follows need not be looked at, however long a path is. */
  #longest = 0

  add(path: PathMatch, at: number): void {
    if (path.kind === 'pattern') this.patterns.push(at)
    else if (path.kind === 'exact') push(this.#exact, encodedPath(path.path), at)
    else {
      const prefix = withoutFinalSlash(encodedPath(path.path))
      this.#longest = Math.max(this.#longest, prefix.length)
      push(this.#prefixes, prefix, at)
    }
  }

  /** Adds the routes whose exact path or prefix a path has. */
  lookUp(path: string, found: number[]): void {
    const exact = this.#exact.get(path)
    if (exact !== undefined) found.push(...exact)
    if (this.#prefixes.size === 0) return
    for (let end = 0; end >= 0 && end <= this.#longest; end = path.indexOf('/', end + 1)) {
      const routes = this.#prefixes.get(path.slice(0, end))
      if (routes !== undefined) found.push(...routes)
    }
    const whole = path.length <= this.#longest && !path.endsWith('/') ? this.#prefixes.get(path) : undefined
    if (whole !== undefined) found.push(...whole)
  }
}

/** The root becomes empty, which every path begins with. */
function withoutFinalSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function push(map: Map<string, number[]>, key: string, at: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [at])
  else list.push(at)
}

function compilePath({ name, owner, match: { path } }: Route): { readonly pattern?: LinearRegExp } {
  if (path.kind !== 'pattern') return {}
  return { pattern: compilePattern(`^(?:${path.pattern})`, path.ignoreCase, `path of route ${name} of ${owner}`) }
}

function compileConditions({ name, owner, match }: Route): (question: Question) => boolean {
  const { method, headers = [], parameters = [] } = match
  if (method === undefined && headers.length === 0 && parameters.length === 0) return () => true
  const whose = `route ${name} of ${owner}`
  const byHeader = headers.map((each) => ({ name: each.name.toLowerCase(), test: compileValue(each, whose) }))
  const byParameter = parameters.map((each) => ({ name: each.name, test: compileValue(each, whose) }))
  return (question) =>
    (method === undefined || question.method === method) &&
    byHeader.every((each) => each.test(question.header(each.name))) &&
    byParameter.every((each) => each.test(question.parameter(each.name)))
}

/** The test that a header, cookie or parameter must pass. Throws when its pattern cannot be compiled. */
export function compileValue(match: ValueMatch, whose: string): (value: string | undefined) => boolean {
  if (match.kind === 'present') return (value) => value !== undefined
  if (match.kind === 'exact') return (value) => value === match.value
  const pattern = compilePattern(`^(?:${match.value})$`, false, `"${match.name}" of ${whose}`)
  return (value) => value !== undefined && pattern.test(value)
}

function compilePattern(pattern: string, ignoreCase: boolean, what: string): LinearRegExp {
  const compiled = linearRegExp(ignoreCase ? `(?i)${pattern}` : pattern)
  if ('problem' in compiled) throw new Error(`Cannot use the pattern for ${what}: ${compiled.problem}`)
  return compiled
}

function ascending(a: number, b: number): number {
  return a - b
}
