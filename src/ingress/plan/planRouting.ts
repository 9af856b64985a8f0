/** From ingresses to a routing. Pure: what it needs of the cluster is handed in. */
import { shown } from '../annotations/readSettings.ts'
import type { Certificate, Pool, Route, ServerName } from '../routing.ts'
import { planAction, planErrorPages } from './actions.ts'
import type { ActionContext } from './actions.ts'
import { CertificateChoice, defaultCertificateName } from './certificates.ts'
import { clientCertificates } from './clientCertificates.ts'
import { Problems, type ClusterView, type RoutingPlan } from './cluster.ts'
import { HostPlans, type HostPlan } from './hostPlans.ts'
import {
  collectHosts,
  hasPatterns,
  hostMatch,
  hostsInOrder,
  inOrder,
  pathMatch,
  pathsInOrder,
  type Entry,
  type Host,
} from './hosts.ts'
import { notFoundPage, unavailablePage } from './pages.ts'
import type { PoolMaker } from './pools.ts'
import { planRules } from './rules.ts'

/**
 * What all that is ours comes to. `pools` and `hosts` remember those of the last time; with others the outcome is the same, and only
 * takes longer.
 */
export function planRouting(view: ClusterView, pools: PoolMaker, hostPlans = new HostPlans()): RoutingPlan {
  const problems = new Problems()
  const certificates = new Map<string, Certificate>([[defaultCertificateName, view.defaultCertificate]])
  const used = new Map<string, Pool>()
  const names = new Set<string>()
  const { ingresses } = view
  const watched: ClusterView = {
    ingresses,
    service: (key) => view.service(key),
    slices: (key) => view.slices(key),
    secret: (key) => view.secret(key),
    configMap: (key) => view.configMap(key),
    addresses(name) {
      names.add(name)
      return view.addresses(name)
    },
    defaultCertificate: view.defaultCertificate,
    now: view.now,
  }
  pools.begin()
  hostPlans.begin()
  const all = inOrder(ingresses)
  for (const { key, problems: said } of all) problems.addAll(key, said)
  const hosts = collectHosts(all, problems)
  const aliases = collectAliases(hosts, problems)
  const routes: Route[] = []
  const serverNames: ServerName[] = []
  let again = Infinity
  for (const host of hostsInOrder([...hosts.values(), ...aliases])) {
    const { plan, pools: needed } = hostPlans.plan(host, watched, pools, planHost)
    routes.push(...plan.routes)
    if (plan.serverName !== undefined) serverNames.push(plan.serverName)
    for (const { pool } of needed) used.set(pool.name, pool)
    for (const [name, certificate] of plan.certificates) certificates.set(name, certificate)
    for (const [key, said] of plan.problems) problems.addAll(key, said)
    again = Math.min(again, plan.again)
  }
  routes.push(...otherNames(hosts, aliases, problems))
  return {
    routing: {
      routes: inOrderOfHosts(routes),
      pools: used,
      certificates,
      serverNames,
      defaultCertificate: defaultCertificateName,
      fallback: notFoundPage,
    },
    problems: problems.byIngress,
    ...(again === Infinity ? {} : { again }),
    names,
  }
}

/** What one host comes to. */
function planHost(host: Host, view: ClusterView, pools: Pick<PoolMaker, 'make'>): HostPlan {
  const problems = new Problems()
  const certificates = new CertificateChoice(view, problems)
  const tls = certificateFor(host, certificates)
  const patterns = hasPatterns(host)
  const clients = clientCertificates(host, view, problems)
  const serverName = serverNameFor(host, tls, clients)
  const context = { view, pools, certificates, problems, patterns, clients }
  const routes = [...redirectsOf(host)]
  for (const entry of [...pathsInOrder(host, patterns), ...fallbackOf(host)]) {
    const route = routeOf(entry, host, tls, context)
    if (route !== undefined) routes.push(route)
  }
  if (host.name !== '' && !answersAll(host)) routes.push(lastRoute(host.name))
  return {
    routes,
    ...(serverName === undefined ? {} : { serverName }),
    certificates: certificates.chosen,
    problems: problems.byIngress,
    again: certificates.again,
  }
}

/** The plan after nothing but endpoints of these services has changed; undefined when all must be planned again. */
export function replanServers(
  plan: RoutingPlan,
  view: ClusterView,
  pools: PoolMaker,
  services: Iterable<string>,
): RoutingPlan | undefined {
  const changed = pools.remake(view, services)
  if (changed === undefined) return undefined
  if (changed.size === 0) return plan
  const all = new Map(plan.routing.pools)
  for (const [name, pool] of changed) if (all.has(name)) all.set(name, pool)
  return { ...plan, routing: { ...plan.routing, pools: all } }
}

interface HostContext extends Omit<ActionContext, 'requiresTls'> {
  readonly clients: ReturnType<typeof clientCertificates>
}

/** How TLS clients are met that ask for a host. */
function serverNameFor(
  { name }: Host,
  tls: string | undefined,
  clients: HostContext['clients'],
): ServerName | undefined {
  if (name === '') return undefined
  const host = hostMatch(name)
  if (clients === undefined || clients === 'refused') return tls === undefined ? undefined : { host, certificate: tls }
  const { authority, revoked } = clients
  const asked = { authority, ...(revoked === undefined ? {} : { revoked }) }
  return { host, certificate: tls ?? defaultCertificateName, clients: asked }
}

function routeOf(entry: Entry, host: Host, tls: string | undefined, context: HostContext): Route | undefined {
  const { from } = entry
  const { problems, view, patterns, clients } = context
  const path = entry === host.fallback ? ({ kind: 'prefix', path: '/' } as const) : pathMatch(entry, patterns)
  if ('problem' in path) {
    problems.add(from.key, 'InvalidPath', `Path ${shown(entry.path)} cannot be served: ${path.problem}`)
    return undefined
  }
  const planned = planRules(from.settings, {
    view,
    namespace: from.ingress.metadata.namespace ?? '',
    host: host.name === '' || host.name.startsWith('*.') ? undefined : host.name,
    tls: tls === undefined ? undefined : tls === defaultCertificateName ? 'default' : 'own',
    path: entry.path,
  })
  const unprotected = planned.unprotected || from.unprotected || clients === 'refused'
  const rules = typeof clients === 'object' ? { ...planned.rules, clientCertificate: clients } : planned.rules
  for (const problem of planned.problems)
    problems.add(
      from.key,
      'InvalidAnnotation',
      `${unprotected ? 'Requests get 503 because' : 'An annotation has no effect because'} ${problem}`,
    )
  if (from.unprotected)
    problems.add(
      from.key,
      'NotServed',
      'Requests get 503 because an annotation that keeps requests away could not be understood',
    )
  const actionContext = { ...context, requiresTls: planned.rules.requireTls !== undefined }
  const errorPages = unprotected ? undefined : planErrorPages(entry, actionContext)
  return {
    name: host.isAlias === true ? `${entry.name}/${host.name}` : entry.name,
    owner: `Ingress ${from.key}`,
    match: { host: hostMatch(host.name), path },
    rules: unprotected ? {} : errorPages === undefined ? rules : { ...rules, errorPages },
    action: unprotected ? unavailablePage : planAction(entry, actionContext),
  }
}

/** The default backend, unless a path says the same. */
function fallbackOf(host: Host): readonly Entry[] {
  return host.fallback === undefined || hasRoot(host) ? [] : [host.fallback]
}

const hasRoot = ({ entries }: Host): boolean => entries.has('prefix /')

const answersAll = (host: Host): boolean => host.fallback !== undefined || hasRoot(host)

/** A host that somebody serves is nobody else's, also where no path of it matches. */
function lastRoute(name: string): Route {
  return {
    name: `${name}/not-found`,
    owner: `Host ${name}`,
    match: { host: hostMatch(name), path: { kind: 'prefix', path: '/' } },
    rules: {},
    action: notFoundPage,
  }
}

function certificateFor(host: Host, certificates: CertificateChoice): string | undefined {
  if (host.name === '') return undefined
  for (const { ingress } of host.of) {
    const name = certificates.forHost(ingress, host.name)
    if (name !== undefined) return name
  }
  return undefined
}

/** The start page that an ingress asks for. */
function redirectsOf({ name, of }: Host): readonly Route[] {
  const asking = of.find(({ settings }) => settings['app-root'] !== undefined && settings['app-root'] !== '/')
  if (asking === undefined) return []
  return [
    {
      name: `${asking.key}/${name === '' ? '*' : name}/app-root`,
      owner: `Ingress ${asking.key}`,
      match: { host: hostMatch(name), path: { kind: 'exact', path: '/' } },
      rules: {},
      action: { kind: 'redirect', status: 302, path: asking.settings['app-root']! },
    },
  ]
}

/** Further hosts with the routes of another, unless they have their own. */
function collectAliases(hosts: ReadonlyMap<string, Host>, problems: Problems): readonly Host[] {
  const aliases = new Map<string, Host>()
  for (const host of hosts.values()) {
    if (host.name === '') continue
    for (const { key, settings } of host.of) {
      for (const alias of settings['server-alias'] ?? []) {
        if (alias === host.name) continue
        if (!hosts.has(alias) && !aliases.has(alias)) aliases.set(alias, { ...host, name: alias, isAlias: true })
        else if (aliases.get(alias)?.entries !== host.entries)
          problems.add(key, 'ConflictingHost', `The alias ${alias} is a host of another ingress`)
      }
    }
  }
  return [...aliases.values()]
}

/** Hosts with or without `www.` that lead to the other. */
function otherNames(hosts: ReadonlyMap<string, Host>, aliases: readonly Host[], problems: Problems): readonly Route[] {
  const taken = new Set([...hosts.keys(), ...aliases.map(({ name }) => name)])
  const routes: Route[] = []
  for (const { name, of } of hosts.values()) {
    if (name === '' || name.startsWith('*.')) continue
    const asking = of.find(({ settings }) => settings['from-to-www-redirect'] === true)
    if (asking === undefined) continue
    const from = name.startsWith('www.') ? name.slice('www.'.length) : `www.${name}`
    if (taken.has(from)) {
      problems.add(
        asking.key,
        'ConflictingHost',
        `Annotation from-to-www-redirect has no effect: ${from} is a host of its own`,
      )
      continue
    }
    taken.add(from)
    routes.push({
      name: `${asking.key}/${from}/www`,
      owner: `Ingress ${asking.key}`,
      match: { host: { kind: 'exact', name: from }, path: { kind: 'prefix', path: '/' } },
      rules: {},
      action: { kind: 'redirect', status: 308, host: name },
    })
  }
  return routes
}

/** Names go before wildcards, and those before every host; else as they are. */
function inOrderOfHosts(routes: readonly Route[]): readonly Route[] {
  const rank = ({ match: { host } }: Route): number => (host.kind === 'exact' ? 0 : host.kind === 'wildcard' ? 1 : 2)
  return routes.toSorted((one, other) => rank(one) - rank(other))
}
