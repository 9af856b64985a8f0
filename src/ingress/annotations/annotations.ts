/**
 * The annotations of ingresses that are understood, as ingress-nginx names them. `readSettings.ts` reads them all; what their
 * values do to the routing is decided in `../plan`. docs/ingress.md tells people of each row (a test compares).
 */
import type { Reader } from './readers.ts'
import {
  backendProtocol,
  hashBy,
  hostAndPort,
  hostName,
  hostNames,
  method,
  methods,
  objectReference,
  oneOf,
  onOrOff,
  origins,
  pageUrl,
  path,
  pathTemplate,
  pattern,
  plainText,
  problemStatuses,
  ranges,
  redirectUrl,
  retryConditions,
  seconds,
  serverUrl,
  signInUrl,
  size,
  tokenName,
  tokenNames,
  wholeNumber,
  yesOrNo,
} from './readers.ts'

export const annotationPrefix = 'nginx.ingress.kubernetes.io/'

/** One annotation that is understood. */
export interface AnnotationRow<V = unknown> {
  readonly reads: Reader<V>
  /** What of the routing it sets. */
  readonly sets: string
  /** Whether it keeps requests away: what asks for it in vain is not served at all rather than unprotected. */
  readonly protects?: true
}

const row = <V>(reads: Reader<V>, sets: string): AnnotationRow<V> => ({ reads, sets })
const guard = <V>(reads: Reader<V>, sets: string): AnnotationRow<V> => ({ reads, sets, protects: true })

const week = 7 * 24 * 3_600
const longest = 1_000 * week

/** By name without the prefix. */
export const annotations = {
  // Paths
  'rewrite-target': row(pathTemplate, 'rules.rewrite; all paths of the host become patterns'),
  'use-regex': row(yesOrNo, 'match.path: all paths of the host become patterns'),
  'app-root': row(path, 'a redirect of /'),
  'x-forwarded-prefix': row(path, 'rules.requestHeaders, together with rewrite-target'),
  'preserve-trailing-slash': row(yesOrNo, 'nothing: redirects keep the path as it is'),
  // Sticky clients
  affinity: row(oneOf('cookie'), 'pool.affinity'),
  'affinity-mode': row(oneOf('balanced', 'persistent'), 'nothing: clients always stay as long as their server does'),
  'affinity-canary-behavior': row(oneOf('sticky', 'legacy'), 'action.keepsPool'),
  'session-cookie-name': row(tokenName, 'pool.affinity.name'),
  'session-cookie-path': row(path, 'pool.affinity.path'),
  'session-cookie-domain': row(hostName, 'pool.affinity.domain'),
  'session-cookie-expires': row(wholeNumber(0, longest), 'pool.affinity.maxAgeSeconds'),
  'session-cookie-max-age': row(wholeNumber(0, longest), 'pool.affinity.maxAgeSeconds'),
  'session-cookie-secure': row(yesOrNo, 'pool.affinity.secure'),
  'session-cookie-samesite': row(oneOf('None', 'Lax', 'Strict'), 'pool.affinity.sameSite'),
  'session-cookie-conditional-samesite-none': row(yesOrNo, 'pool.affinity.sparesOldBrowsers'),
  'session-cookie-change-on-failure': row(yesOrNo, 'pool.affinity.changeOnFailure'),
  // Canaries
  canary: row(yesOrNo, 'action of the same path of another ingress'),
  'canary-by-header': row(tokenName, 'action.overrides'),
  'canary-by-header-value': row(plainText, 'action.overrides'),
  'canary-by-header-pattern': row(pattern, 'action.overrides'),
  'canary-by-cookie': row(tokenName, 'action.overrides'),
  'canary-weight': row(wholeNumber(0, 1_000_000), 'action.shares'),
  'canary-weight-total': row(wholeNumber(1, 1_000_000), 'action.shares'),
  // Redirects
  'ssl-redirect': row(yesOrNo, 'rules.requireTls'),
  'force-ssl-redirect': row(yesOrNo, 'rules.requireTls'),
  'permanent-redirect': row(redirectUrl, 'action: a redirect'),
  'permanent-redirect-code': row(wholeNumber(301, 308), 'action.status'),
  'temporal-redirect': row(redirectUrl, 'action: a redirect'),
  'temporal-redirect-code': row(wholeNumber(301, 307), 'action.status'),
  'from-to-www-redirect': row(yesOrNo, 'a redirect of the host with or without www.'),
  'server-alias': row(hostNames, 'the same routes for other hosts'),
  // Who may pass
  'auth-type': guard(oneOf('basic'), 'rules.basicAuthentication'),
  'auth-secret': guard(objectReference, 'rules.basicAuthentication.users'),
  'auth-secret-type': guard(oneOf('auth-file', 'auth-map'), 'rules.basicAuthentication.users'),
  'auth-realm': row(plainText, 'rules.basicAuthentication.realm'),
  'auth-url': guard(serverUrl, 'rules.externalAuthentication.url'),
  'auth-method': guard(method, 'rules.externalAuthentication.method'),
  'auth-signin': guard(signInUrl, 'rules.externalAuthentication.signIn'),
  'auth-signin-redirect-param': row(tokenName, 'rules.externalAuthentication.signInParameter'),
  'auth-response-headers': row(tokenNames, 'rules.externalAuthentication.responseHeaders'),
  'auth-request-redirect': row(plainText, 'rules.externalAuthentication.requestHeaders'),
  'auth-proxy-set-headers': guard(objectReference, 'rules.externalAuthentication.requestHeaders'),
  'whitelist-source-range': guard(ranges, 'rules.allowedSources'),
  'allowlist-source-range': guard(ranges, 'rules.allowedSources'),
  'denylist-source-range': guard(ranges, 'rules.deniedSources'),
  'auth-tls-secret': guard(objectReference, 'rules.clientCertificate of all routes of the host'),
  'auth-tls-verify-client': guard(oneOf('on', 'off', 'optional', 'optional_no_ca'), 'rules.clientCertificate.demand'),
  'auth-tls-verify-depth': guard(wholeNumber(0, 100), 'rules.clientCertificate.depth'),
  'auth-tls-match-cn': guard(pattern, 'rules.clientCertificate.subject'),
  'auth-tls-error-page': row(pageUrl, 'rules.clientCertificate.errorPage'),
  'auth-tls-pass-certificate-to-upstream': row(yesOrNo, 'rules.clientCertificate.passesCertificate'),
  'limit-rps': guard(wholeNumber(0, 1_000_000), 'rules.rateLimit.requestsPerSecond'),
  'limit-rpm': guard(wholeNumber(0, 1_000_000), 'rules.rateLimit.requestsPerMinute'),
  'limit-connections': guard(wholeNumber(0, 1_000_000), 'rules.rateLimit.connections'),
  'limit-burst-multiplier': row(wholeNumber(1, 1_000), 'rules.rateLimit.burstMultiplier'),
  'limit-whitelist': row(ranges, 'rules.rateLimit.unlimitedSources'),
  'limit-allowlist': row(ranges, 'rules.rateLimit.unlimitedSources'),
  // Other origins
  'enable-cors': row(yesOrNo, 'rules.cors'),
  'cors-allow-origin': row(origins, 'rules.cors.origins'),
  'cors-allow-methods': row(methods, 'rules.cors.methods'),
  'cors-allow-headers': row(tokenNames, 'rules.cors.headers'),
  'cors-expose-headers': row(tokenNames, 'rules.cors.exposedHeaders'),
  'cors-allow-credentials': row(yesOrNo, 'rules.cors.credentials'),
  'cors-max-age': row(wholeNumber(0, longest), 'rules.cors.maxAgeSeconds'),
  // Bounds
  'proxy-connect-timeout': row(seconds, 'rules.timeouts.connect'),
  'proxy-read-timeout': row(seconds, 'rules.timeouts.read'),
  'proxy-send-timeout': row(seconds, 'rules.timeouts.send'),
  'proxy-next-upstream': row(retryConditions, 'rules.retry.on'),
  'proxy-next-upstream-tries': row(wholeNumber(0, 1_000), 'rules.retry.tries'),
  'proxy-next-upstream-timeout': row(seconds, 'rules.retry.timeout'),
  'proxy-body-size': row(size, 'rules.largestBody'),
  'proxy-request-buffering': row(onOrOff, 'rules.buffersRequests'),
  // Servers
  'backend-protocol': row(backendProtocol, 'pool.protocol'),
  'proxy-ssl-secret': guard(objectReference, 'pool.tls'),
  'proxy-ssl-verify': guard(onOrOff, 'pool.tls.authority'),
  'proxy-ssl-name': row(hostName, 'pool.tls.serverName'),
  'proxy-ssl-server-name': row(onOrOff, 'pool.tls.serverName'),
  'upstream-vhost': row(hostAndPort, 'rules.backendHost'),
  'upstream-hash-by': row(hashBy, 'pool.balance'),
  'load-balance': row(oneOf('round_robin', 'least_conn', 'ewma'), 'pool.balance'),
  'service-upstream': row(yesOrNo, 'pool.servers: the address of the service alone'),
  'default-backend': row(objectReference, 'action.shares while the service has no endpoints; rules.errorPages.pool'),
  'custom-http-errors': row(problemStatuses, 'rules.errorPages, together with default-backend'),
  'custom-headers': row(objectReference, 'rules.responseHeaders'),
} as const

type Read<R> = R extends AnnotationRow<infer V> ? V : never

/** What the annotations of one ingress say; the others are as usual. */
export type Settings = { readonly [N in keyof typeof annotations]?: Read<(typeof annotations)[N]> }

/** Annotations of ingress-nginx that are not understood, and what to know of them. Other ones are simply unknown. */
export const refusedAnnotations: Readonly<Record<string, { readonly why: string; readonly protects?: true }>> = {
  'configuration-snippet': { why: 'snippets are refused: they would be instructions to the data plane of everybody' },
  'server-snippet': { why: 'snippets are refused: they would be instructions to the data plane of everybody' },
  'stream-snippet': { why: 'snippets are refused: they would be instructions to the data plane of everybody' },
  'auth-snippet': { why: 'snippets are refused: they would be instructions to the data plane of everybody' },
  'modsecurity-snippet': { why: 'snippets are refused: they would be instructions to the data plane of everybody' },
  'connection-proxy-header': { why: 'connections to backends are always kept for further requests' },
}
