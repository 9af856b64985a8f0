import { createHash } from 'node:crypto'
import { shown } from '../annotations/readSettings.ts'
import type { RequestUrl } from '../annotations/readers.ts'
import type { Settings } from '../annotations/annotations.ts'
import type { Action, CookieAffinity, ErrorPages, Forward, Override, Pool, Redirect } from '../routing.ts'
import { ownObject } from './authentication.ts'
import { authorityOf, certificateOf, type CertificateChoice } from './certificates.ts'
import type { ClusterView, Problems } from './cluster.ts'
import type { Entry } from './hosts.ts'
import { unavailablePage } from './pages.ts'
import { isIdle, portText, type PoolMaker, type PoolOptions } from './pools.ts'

/** What actions are made from and with. */
export interface ActionContext {
  readonly view: ClusterView
  readonly pools: Pick<PoolMaker, 'make'>
  readonly certificates: CertificateChoice
  readonly problems: Problems
  /** Whether paths of the host are patterns. */
  readonly patterns: boolean
  readonly requiresTls: boolean
}

/** What is done with the requests of a path. */
export function planAction(entry: Entry, context: ActionContext): Action {
  const { settings } = entry.from
  const redirect = redirectOf(settings)
  if (redirect !== undefined) return redirect
  const affinity = affinityOf(entry, context)
  const main = poolFor(entry, affinity, context)
  if (main === undefined) return unavailablePage
  const { canary } = entry
  const other =
    canary === undefined
      ? undefined
      : poolFor(
          canary,
          settings['affinity-canary-behavior'] === 'legacy' ? affinityOf(canary, context) : affinity,
          context,
        )
  if (canary === undefined || other === undefined) {
    return { kind: 'forward', overrides: [], shares: [{ pool: main, weight: 1 }], keepsPool: false }
  }
  return shareWith(
    main,
    other,
    canary.from.settings,
    affinity !== undefined && settings['affinity-canary-behavior'] !== 'legacy',
  )
}

function shareWith(main: string, canary: string, settings: Settings, keepsPool: boolean): Forward {
  const total = settings['canary-weight-total'] ?? 100
  const weight = Math.min(settings['canary-weight'] ?? 0, total)
  const overrides: Override[] = []
  const header = settings['canary-by-header']
  const cookie = settings['canary-by-cookie']
  const override = (on: 'header' | 'cookie', name: string, value: string, pool: string): void =>
    void overrides.push({ on, match: { name, kind: 'exact', value }, pool })
  if (header !== undefined) {
    const value = settings['canary-by-header-value']
    const pattern = settings['canary-by-header-pattern']
    if (value !== undefined) override('header', header, value, canary)
    // nginx looks for it anywhere in the value.
    else if (pattern !== undefined)
      overrides.push({
        on: 'header',
        match: { name: header, kind: 'pattern', value: `.*(?:${pattern}).*` },
        pool: canary,
      })
    else {
      override('header', header, 'always', canary)
      override('header', header, 'never', main)
    }
  }
  if (cookie !== undefined) {
    override('cookie', cookie, 'always', canary)
    override('cookie', cookie, 'never', main)
  }
  const shares = [
    { pool: main, weight: total - weight },
    { pool: canary, weight },
  ]
  return { kind: 'forward', overrides, shares, keepsPool }
}

/** Of both the temporary one counts, as in ingress-nginx. */
function redirectOf(settings: Settings): Redirect | undefined {
  const temporary = settings['temporal-redirect']
  if (temporary !== undefined) return redirectTo(temporary, settings['temporal-redirect-code'] ?? 302)
  const permanent = settings['permanent-redirect']
  return permanent === undefined ? undefined : redirectTo(permanent, settings['permanent-redirect-code'] ?? 301)
}

const redirectStatuses = new Set([301, 302, 303, 307, 308])

function redirectTo({ text, keepsPath }: RequestUrl, code: number): Redirect {
  const status = redirectStatuses.has(code) ? code : 302
  const [, scheme = '', host = '', port, path = ''] =
    /^([^:]*):\/\/(\[[^\]]*\]|[^/:?]*)(?::(\d+))?(.*)$/.exec(text) ?? []
  if (!keepsPath && scheme !== '$scheme' && host !== '$host') return { kind: 'redirect', status, location: text }
  return {
    kind: 'redirect',
    status,
    ...(scheme === '$scheme' ? {} : { scheme: scheme.toLowerCase() === 'http' ? 'http' : 'https' }),
    ...(host === '$host' ? {} : { host: host.toLowerCase() }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(keepsPath ? {} : { path: path === '' ? '/' : path }),
  }
}

function affinityOf(
  { from: { settings }, path, exact }: Entry,
  { patterns, requiresTls }: ActionContext,
): CookieAffinity | undefined {
  if (settings.affinity === undefined) return undefined
  const maxAge = settings['session-cookie-max-age'] ?? settings['session-cookie-expires']
  return {
    name: settings['session-cookie-name'] ?? 'INGRESSCOOKIE',
    // Of a pattern nobody can say below which path its requests are.
    path:
      settings['session-cookie-path'] ??
      (patterns && !exact ? '/' : path.replace(/[^A-Za-z0-9._~!&()*+=:@%/-].*$/, '') || '/'),
    ...(settings['session-cookie-domain'] === undefined ? {} : { domain: settings['session-cookie-domain'] }),
    ...(maxAge === undefined || maxAge === 0 ? {} : { maxAgeSeconds: maxAge }),
    secure: settings['session-cookie-secure'] ?? requiresTls,
    ...(settings['session-cookie-samesite'] === undefined ? {} : { sameSite: settings['session-cookie-samesite'] }),
    ...(settings['session-cookie-samesite'] === 'None' && settings['session-cookie-conditional-samesite-none'] === true
      ? { sparesOldBrowsers: true }
      : {}),
    changeOnFailure: settings['session-cookie-change-on-failure'] ?? false,
  }
}

/** The name of the pool that answers for a path; undefined when there can be none. */
function poolFor(entry: Entry, affinity: CookieAffinity | undefined, context: ActionContext): string | undefined {
  const { view, pools, problems } = context
  const { from, backend } = entry
  const { namespace = '' } = from.ingress.metadata
  const { settings } = from
  if (backend.service === undefined) {
    problems.add(
      from.key,
      'UnsupportedBackend',
      `Path ${shown(entry.path)} asks for a resource; only services can be backends`,
    )
    return undefined
  }
  const options = optionsOf(entry, affinity, context)
  if (options === undefined) return undefined
  const name = poolName(
    `${namespace}/${backend.service.name}/${portText(backend.service)}`,
    from.key,
    options,
    settings,
  )
  const made = pools.make(view, {
    name,
    namespace,
    backend: backend.service,
    options,
    straight: settings['service-upstream'] !== true,
    decides: settings['default-backend'] !== undefined,
  })
  if (made.problem !== undefined)
    problems.add(from.key, 'BackendUnavailable', `Path ${shown(entry.path)}: ${made.problem}`)
  return isIdle(made.pool) ? (standIn(entry, context) ?? name) : name
}

/** The pool of the annotation `default-backend`, which answers while a service has nobody. */
function standIn({ from }: Entry, context: ActionContext): string | undefined {
  const pool = defaultBackend(from, context)
  return pool === undefined || pool.servers.length === 0 ? undefined : pool.name
}

/** Pages of that backend in the place of answers with the statuses of `custom-http-errors`. */
export function planErrorPages({ from, backend }: Entry, context: ActionContext): ErrorPages | undefined {
  const statuses = from.settings['custom-http-errors']
  if (statuses === undefined || backend.service === undefined) return undefined
  if (from.settings['default-backend'] === undefined) {
    context.problems.add(
      from.key,
      'InvalidAnnotation',
      'Annotation custom-http-errors has no effect without default-backend, which gives the pages',
    )
    return undefined
  }
  const pool = defaultBackend(from, context)
  if (pool === undefined) return undefined
  const { namespace = '', name } = from.ingress.metadata
  const headers = [
    { name: 'X-Namespace', value: namespace },
    { name: 'X-Ingress-Name', value: name },
    { name: 'X-Service-Name', value: backend.service.name },
    { name: 'X-Service-Port', value: portText(backend.service) },
  ]
  return { statuses, pool: pool.name, headers }
}

function defaultBackend(
  from: Entry['from'],
  { view, pools, problems }: Pick<ActionContext, 'view' | 'pools' | 'problems'>,
): Pool | undefined {
  const reference = from.settings['default-backend']
  if (reference === undefined) return undefined
  const { namespace = '' } = from.ingress.metadata
  const service = view.service(`${namespace}/${reference.name}`)
  const port = service?.spec.ports?.[0]?.port
  if (port === undefined || (reference.namespace ?? namespace) !== namespace) {
    problems.add(
      from.key,
      'BackendUnavailable',
      `The service ${reference.name} of annotation default-backend is not there in namespace ${namespace}`,
    )
    return undefined
  }
  const name = `${namespace}/${reference.name}/${port}`
  const made = pools.make(view, {
    name,
    namespace,
    backend: { name: reference.name, port: { number: port } },
    options: plainOptions,
    straight: true,
    decides: true,
  })
  return made.pool
}

const plainOptions: PoolOptions = { protocol: 'http', balance: { kind: 'round-robin' } }
const plainText = JSON.stringify(plainOptions)

/** Ingresses that ask for the same share a pool; what is asked for in another way is another. */
function poolName(base: string, ingress: string, options: PoolOptions, settings: Settings): string {
  const text = JSON.stringify(options)
  if (text === plainText && settings['service-upstream'] !== true) return base
  const hash = createHash('sha256')
    .update(`${text} ${settings['service-upstream'] === true}`)
    .digest('hex')
    .slice(0, 8)
  return `${base}@${ingress}/${hash}`
}

function optionsOf(
  entry: Entry,
  affinity: CookieAffinity | undefined,
  context: ActionContext,
): PoolOptions | undefined {
  const { settings } = entry.from
  const protocol = settings['backend-protocol'] ?? 'http'
  const tls = protocol === 'https' || protocol === 'grpcs' ? tlsOf(entry, context) : undefined
  if (tls === 'refused') return undefined
  const by = settings['upstream-hash-by']
  const balanced = settings['load-balance'] ?? 'round_robin'
  return {
    protocol,
    ...(tls === undefined ? {} : { tls }),
    balance:
      by !== undefined ? { kind: 'hash', by } : { kind: balanced === 'round_robin' ? 'round-robin' : 'least-loaded' },
    ...(affinity === undefined ? {} : { affinity }),
  }
}

/** How backends are spoken to with TLS; `refused` when they could not be checked as they must be. */
function tlsOf({ from }: Entry, { view, certificates, problems }: ActionContext): Pool['tls'] | 'refused' {
  const { settings } = from
  const { namespace = '' } = from.ingress.metadata
  const serverName = settings['proxy-ssl-server-name'] === true ? settings['proxy-ssl-name'] : undefined
  const name = serverName === undefined ? {} : { serverName }
  const refuse = (problem: string): 'refused' => {
    problems.add(
      from.key,
      'InvalidAnnotation',
      `Requests get 503 because backends cannot be checked as proxy-ssl-secret and proxy-ssl-verify ask: ${problem}`,
    )
    return 'refused'
  }
  const reference = settings['proxy-ssl-secret']
  if (reference === undefined)
    return settings['proxy-ssl-verify'] === true ? refuse('proxy-ssl-verify needs proxy-ssl-secret') : name
  const secret = ownObject(namespace, reference, 'Secret', (key) => view.secret(key))
  if ('problem' in secret) return refuse(secret.problem)
  const authority = authorityOf(secret.value)
  if (settings['proxy-ssl-verify'] === true && authority === undefined)
    return refuse(`Secret ${reference.name} has no ca.crt with certificates in PEM`)
  const certificate = certificateOf(secret.value)
  const key = `${namespace}/${reference.name}`
  if (typeof certificate !== 'string') certificates.chosen.set(key, certificate.served)
  else if (secret.value.data?.['tls.crt'] !== undefined) return refuse(`of Secret ${reference.name}: ${certificate}`)
  return {
    ...name,
    ...(settings['proxy-ssl-verify'] === true ? { authority: authority! } : {}),
    ...(typeof certificate === 'string' ? {} : { certificate: key }),
  }
}
