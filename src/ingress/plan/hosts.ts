import type { HTTPIngressPath, Ingress } from '#api/networking/v1/ingress.ts'
import { keyOf } from '#client/index.ts'
import { patternProblem } from '#lib/linearRegExp.ts'
import { readSettings, shown, type ReadSettings } from '../annotations/readSettings.ts'
import { isHostName } from '../annotations/readers.ts'
import type { IngressBackend } from '#api/networking/v1/ingress.ts'
import type { HostMatch, PathMatch } from '../routing.ts'
import type { Problems } from './cluster.ts'
import { rewriteOf } from './rules.ts'

/** An ingress with what its annotations say. */
export interface ReadIngress extends ReadSettings {
  readonly ingress: Ingress
  readonly key: string
  /** In the order of these ingresses have the right to a path: the oldest first. */
  readonly age: string
}

/** A path of a host, or what answers when no path of it does. */
export interface Entry {
  readonly from: ReadIngress
  /** `namespace/name/rule/path`, or `namespace/name/host/default`. */
  readonly name: string
  readonly path: string
  readonly exact: boolean
  /** Matched as text rather than by elements, as ingress-nginx does for ImplementationSpecific. */
  readonly asText: boolean
  readonly backend: IngressBackend
  /** Where another ingress asks for a part of its requests. */
  canary?: Entry
}

/** All that ingresses say of one host; they may be several. */
export interface Host {
  /** In lower case, empty for every host. */
  readonly name: string
  readonly entries: Map<string, Entry>
  /** What answers where no path matches. */
  fallback?: Entry
  /** The ingresses whose rules name the host, oldest first. */
  readonly of: ReadIngress[]
  /** Whether it has the routes of another host. */
  readonly isAlias?: true
}

const readIngresses = new WeakMap<Ingress, ReadIngress>()

function read(ingress: Ingress): ReadIngress {
  let known = readIngresses.get(ingress)
  if (known === undefined) {
    const { metadata } = ingress
    const key = keyOf(metadata)
    const age = `${metadata.creationTimestamp ?? ''} ${key}`
    known = { ingress, key, age, ...readSettings(metadata.annotations) }
    readIngresses.set(ingress, known)
  }
  return known
}

/** Ingresses in the order in which they have the right to a path: the oldest first. */
export function inOrder(ingresses: readonly Ingress[]): readonly ReadIngress[] {
  return ingresses.map(read).toSorted((one, other) => (one.age < other.age ? -1 : 1))
}

/** Puts the rules of all ingresses together by their hosts. */
export function collectHosts(all: readonly ReadIngress[], problems: Problems): Map<string, Host> {
  const hosts = new Map<string, Host>()
  const hostOf = (name: string): Host => {
    let host = hosts.get(name)
    if (host === undefined) hosts.set(name, (host = { name, entries: new Map(), of: [] }))
    return host
  }
  for (const each of all) if (each.settings.canary !== true) addIngress(each, hostOf, problems)
  for (const each of all) if (each.settings.canary === true) addCanary(each, hosts, problems)
  return hosts
}

function addIngress(from: ReadIngress, hostOf: (name: string) => Host, problems: Problems): void {
  const { spec } = from.ingress
  const { rules = [], defaultBackend } = spec
  if (rules.length === 0 && defaultBackend !== undefined) addFallback(from, hostOf(''), defaultBackend, problems)
  for (const [ruleIndex, { host = '', http }] of rules.entries()) {
    const name = host.toLowerCase()
    if (name !== '' && !isHostName(name.replace(/^\*\./, ''))) {
      problems.add(
        from.key,
        'InvalidHost',
        `Host ${shown(host)} cannot be served: it must be a name such as shop.example.com or *.example.com`,
      )
      continue
    }
    const target = hostOf(name)
    if (!target.of.includes(from)) target.of.push(from)
    for (const [pathIndex, path] of (http?.paths ?? []).entries()) {
      const entry = entryOf(from, `${from.key}/${ruleIndex}/${pathIndex}`, path)
      const problem = textProblem(entry.path)
      if (problem !== undefined) {
        problems.add(from.key, 'InvalidPath', `Path ${shown(entry.path)} cannot be served: ${problem}`)
        continue
      }
      const known = target.entries.get(idOf(entry))
      if (known === undefined) target.entries.set(idOf(entry), entry)
      else problems.add(from.key, 'ConflictingPath', conflictText(host, entry, known))
    }
    if (defaultBackend !== undefined) addFallback(from, target, defaultBackend, problems)
  }
}

function addFallback(from: ReadIngress, host: Host, backend: IngressBackend, problems: Problems): void {
  const entry: Entry = {
    from,
    name: `${from.key}/${host.name === '' ? '*' : host.name}/default`,
    path: '/',
    exact: false,
    asText: false,
    backend,
  }
  if (host.fallback === undefined) host.fallback = entry
  else if (host.fallback.from !== from)
    problems.add(
      from.key,
      'ConflictingDefaultBackend',
      `The default backend of ${hostText(host.name)} is that of the older ingress ${host.fallback.from.key}`,
    )
}

function addCanary(from: ReadIngress, hosts: ReadonlyMap<string, Host>, problems: Problems): void {
  for (const [ruleIndex, { host = '', http }] of (from.ingress.spec.rules ?? []).entries()) {
    for (const [pathIndex, path] of (http?.paths ?? []).entries()) {
      const entry = entryOf(from, `${from.key}/${ruleIndex}/${pathIndex}`, path)
      const main = hosts.get(host.toLowerCase())?.entries.get(idOf(entry))
      const where = `path ${shown(entry.path)} of ${hostText(host)}`
      if (main === undefined) {
        problems.add(
          from.key,
          'CanaryWithoutMain',
          `There is no ingress without canary for ${where}, so this one takes no requests`,
        )
      } else if (main.canary !== undefined) {
        problems.add(
          from.key,
          'ConflictingCanary',
          `The canary of ${where} is the older ingress ${main.canary.from.key}`,
        )
      } else main.canary = entry
    }
  }
  if (from.ingress.spec.defaultBackend !== undefined && (from.ingress.spec.rules ?? []).length === 0) {
    problems.add(
      from.key,
      'CanaryWithoutMain',
      'A canary needs rules: it takes a part of the requests for the paths of another ingress',
    )
  }
}

function entryOf(from: ReadIngress, name: string, { path, pathType, backend }: HTTPIngressPath): Entry {
  const text = path === undefined || path === '' ? '/' : path
  return { from, name, path: text, exact: pathType === 'Exact', asText: pathType === 'ImplementationSpecific', backend }
}

/** Two paths with one id match the same requests. */
const idOf = ({ exact, path }: Entry): string =>
  `${exact ? 'exact' : 'prefix'} ${exact ? path : withoutFinalSlash(path)}`

const withoutFinalSlash = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)

const hostText = (host: string): string => (host === '' ? 'every host' : `host ${host}`)

const conflictText = (host: string, { path }: Entry, { from }: Entry): string =>
  `Path ${shown(path)} of ${hostText(host)} is served by the older ingress ${from.key}`

/** Printable, and without what could end a word of somebody's configuration. */
function textProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'it must begin with /'
  if (path.length > 1_000) return 'it must have at most 1000 characters'
  return /^[!#-&(-_a-~]*$/.test(path)
    ? undefined
    : 'it must consist of printable ASCII characters without spaces and quotes'
}

/** Whether nginx would take all paths of the host for patterns: one that is rewritten is enough. */
export function hasPatterns({ entries }: Host): boolean {
  return [...entries.values()].some(
    ({ from: { settings }, path }) => settings['use-regex'] === true || rewriteOf(settings, path) !== undefined,
  )
}

/** What a path matches, or why it cannot. */
export function pathMatch(entry: Entry, patterns: boolean): PathMatch | { readonly problem: string } {
  const { path, exact, asText } = entry
  if (patterns) {
    const problem = path.length > 500 ? 'it has more than 500 characters' : patternProblem(path)
    return problem === undefined
      ? { kind: 'pattern', pattern: path, ignoreCase: true }
      : { problem: `it must be a regular expression in RE2's syntax, as annotations of its host ask for: ${problem}` }
  }
  if (exact) return { kind: 'exact', path }
  if (asText && path !== '/')
    return { kind: 'pattern', pattern: path.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), ignoreCase: false }
  return { kind: 'prefix', path: withoutFinalSlash(path) }
}

/** Paths in the order in which nginx tries them. */
export function pathsInOrder({ entries }: Host, patterns: boolean): readonly Entry[] {
  const rank = ({ exact }: Entry): number => (exact && !patterns ? 0 : 1)
  return [...entries.values()].toSorted(
    (one, other) =>
      rank(one) - rank(other) ||
      other.path.length - one.path.length ||
      Number(other.exact) - Number(one.exact) ||
      (one.path < other.path ? -1 : 1),
  )
}

/** Hosts in the order in which they are tried: names, then wildcards, then every host. */
export function hostsInOrder(hosts: Iterable<Host>): readonly Host[] {
  const rank = ({ name }: Host): number => (name === '' ? 2 : name.startsWith('*.') ? 1 : 0)
  return [...hosts].toSorted(
    (one, other) =>
      rank(one) - rank(other) ||
      (rank(one) === 1 ? other.name.length - one.name.length : 0) ||
      (one.name < other.name ? -1 : 1),
  )
}

export function hostMatch(name: string): HostMatch {
  if (name === '') return { kind: 'any' }
  return name.startsWith('*.') ? { kind: 'wildcard', name: name.slice(2), labels: 'one' } : { kind: 'exact', name }
}
