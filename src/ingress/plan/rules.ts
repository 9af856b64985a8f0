import type { Settings } from '../annotations/annotations.ts'
import type { Cors, Header, RateLimit, Retry, Rules, Timeouts } from '../routing.ts'
import { basicAuthentication, externalAuthentication, headersOf } from './authentication.ts'
import type { ClusterView } from './cluster.ts'

/** What rules of a route depend on beside the annotations. */
export interface RulesContext {
  readonly view: ClusterView
  readonly namespace: string
  /** The one host of the route, when there is one. */
  readonly host: string | undefined
  /** Whether its host has a certificate: a real one, or the default one. */
  readonly tls: 'own' | 'default' | undefined
  /** As the path is written in the ingress. */
  readonly path: string
}

export interface PlannedRules {
  readonly rules: Rules
  /** What cannot be done, after "because". */
  readonly problems: readonly string[]
  /** Whether one of them would have kept requests away. */
  readonly unprotected: boolean
}

const tlsPort = 443
const strictTransport: Header = { name: 'Strict-Transport-Security', value: 'max-age=31536000; includeSubDomains' }

/** The rules that annotations ask for, with the defaults of ingress-nginx. */
export function planRules(settings: Settings, context: RulesContext): PlannedRules {
  const { view, namespace, tls } = context
  const problems: string[] = []
  let unprotected = false
  const wanted = <T>(
    outcome: { readonly value: T } | { readonly problem: string } | undefined,
    protects: boolean,
  ): T | undefined => {
    if (outcome === undefined || 'value' in outcome) return outcome?.value
    problems.push(outcome.problem)
    unprotected ||= protects
    return undefined
  }
  const basic = wanted(basicAuthentication(view, namespace, settings), true)
  const external = wanted(externalAuthentication(view, namespace, context.host, settings), true)
  const custom = settings['custom-headers']
  const headers = custom === undefined ? [] : (wanted(headersOf(view, namespace, custom), false) ?? [])
  const requiresTls =
    settings['force-ssl-redirect'] === true || (tls !== undefined && settings['ssl-redirect'] !== false)
  // Only who has a certificate of his own can promise that he always will.
  const responseHeaders = requiresTls && tls === 'own' ? [...headers, strictTransport] : headers
  const rewrite = rewriteOf(settings, context.path)
  const prefix = settings['x-forwarded-prefix']
  const allowed = settings['allowlist-source-range'] ?? settings['whitelist-source-range']
  const denied = settings['denylist-source-range']
  const rateLimit = rateLimitOf(settings)
  return {
    problems,
    unprotected,
    rules: {
      ...(requiresTls ? { requireTls: { status: 308, port: tlsPort } } : {}),
      ...(allowed === undefined ? {} : { allowedSources: allowed }),
      ...(denied === undefined ? {} : { deniedSources: denied }),
      ...(rateLimit === undefined ? {} : { rateLimit }),
      largestBody: settings['proxy-body-size'] ?? 1024 * 1024,
      ...(basic === undefined ? {} : { basicAuthentication: basic }),
      ...(external === undefined ? {} : { externalAuthentication: external }),
      ...(settings['enable-cors'] === true ? { cors: corsOf(settings) } : {}),
      ...(rewrite === undefined ? {} : { rewrite: { kind: 'template', template: rewrite } }),
      ...(settings['upstream-vhost'] === undefined ? {} : { backendHost: settings['upstream-vhost'] }),
      ...(rewrite === undefined || prefix === undefined
        ? {}
        : { requestHeaders: { set: [{ name: 'X-Forwarded-Prefix', value: prefix }] } }),
      ...(responseHeaders.length === 0 ? {} : { responseHeaders: { set: responseHeaders } }),
      timeouts: timeoutsOf(settings),
      retry: retryOf(settings),
      buffersRequests: settings['proxy-request-buffering'] ?? true,
    },
  }
}

/** What replaces the path; nothing where it is the path already. */
export function rewriteOf(settings: Settings, path: string): string | undefined {
  const target = settings['rewrite-target']
  return target === path ? undefined : target
}

function timeoutsOf(settings: Settings): Timeouts {
  return {
    connect: settings['proxy-connect-timeout'] ?? 5_000,
    read: settings['proxy-read-timeout'] ?? 60_000,
    send: settings['proxy-send-timeout'] ?? 60_000,
  }
}

const retryReasons = {
  error: 'connect',
  timeout: 'timeout',
  invalid_header: 'invalid',
  http_500: '500',
  http_502: '502',
  http_503: '503',
  http_504: '504',
  http_403: '403',
  http_404: '404',
  http_429: '429',
} as const

function retryOf(settings: Settings): Retry {
  const said = settings['proxy-next-upstream'] ?? new Set(['error', 'timeout'])
  const on = Object.entries(retryReasons).flatMap(([word, reason]) => (said.has(word) ? [reason] : []))
  const isOff = said.has('off') || on.length === 0
  return {
    tries: isOff ? 1 : (settings['proxy-next-upstream-tries'] ?? 3),
    timeout: settings['proxy-next-upstream-timeout'] ?? 0,
    on: new Set(isOff ? [] : on),
    also: said.has('non_idempotent') ? 'all' : 'safe',
  }
}

function rateLimitOf(settings: Settings): RateLimit | undefined {
  const { 'limit-rps': perSecond = 0, 'limit-rpm': perMinute = 0, 'limit-connections': connections = 0 } = settings
  if (perSecond === 0 && perMinute === 0 && connections === 0) return undefined
  return {
    ...(perSecond === 0 ? {} : { requestsPerSecond: perSecond }),
    ...(perMinute === 0 ? {} : { requestsPerMinute: perMinute }),
    ...(connections === 0 ? {} : { connections }),
    burstMultiplier: settings['limit-burst-multiplier'] ?? 5,
    unlimitedSources: settings['limit-allowlist'] ?? settings['limit-whitelist'] ?? [],
    status: 503,
  }
}

const corsMethods = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS']
const corsHeaders = [
  'DNT',
  'Keep-Alive',
  'User-Agent',
  'X-Requested-With',
  'If-Modified-Since',
  'Cache-Control',
  'Content-Type',
  'Range',
  'Authorization',
]

function corsOf(settings: Settings): Cors {
  return {
    origins: settings['cors-allow-origin'] ?? ['*'],
    methods: settings['cors-allow-methods'] ?? corsMethods,
    headers: settings['cors-allow-headers'] ?? corsHeaders,
    exposedHeaders: settings['cors-expose-headers'] ?? [],
    credentials: settings['cors-allow-credentials'] ?? true,
    maxAgeSeconds: settings['cors-max-age'] ?? 1_728_000,
  }
}
