/** One section of the configuration for everything that is done alike: rules, and the servers of a pool or an answer. */
import { parseCidr, formatCidr } from '#lib/net/cidr.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import { longestBrowserName, oldBrowserPatterns } from '#ingress/node/oldBrowsers.ts'
import type {
  CookieAffinity,
  Cors,
  HeaderChanges,
  Pool,
  RateLimit,
  Redirect,
  Respond,
  Retry,
  Rules,
  Timeouts,
} from '#ingress/routing.ts'
import { authenticationRules } from './authenticationRules.ts'
import type { AgentRule } from './authenticationRules.ts'
import { clientCertificateRules } from './clientCertificateRules.ts'
import { pathRules } from './pathRules.ts'
import {
  headerName,
  nameFor,
  nameOfHost,
  page,
  plainName,
  quoted,
  quotedFormat,
  refuseControls,
  UnusableText,
} from './words.ts'

/** What sections share: files that rules read, and what could not be said. */
export interface SectionContext {
  /** Where files will be; names below it are made by `file`. */
  readonly folder: string
  /** Writes a file and returns its path. The same content is the same file. */
  file(kind: string, content: string): string
  /** Adds a section that others refer to. */
  section(name: string, lines: readonly string[]): void
  /** The file with the certificate of that name; undefined when there is none that can be used. */
  certificate(name: string): string | undefined
  /** Tells the agent of a rule and returns its name. */
  agentRule(rule: AgentRule): string
  leave(problem: string): void
}

/** In bytes; that of processes with streams. */
export const largestBuffer = 65_536

/** Whose rules they are and what the path of the route is. */
export interface SectionSource {
  readonly owner: string
  readonly path: { readonly kind: 'exact' | 'prefix' | 'pattern'; readonly text: string }
}

/** An answer with a status, as a rule. `where` is the condition, with a space before it. */
export function answerRule(
  context: SectionContext,
  status: number,
  body: string,
  contentType: string,
  where: string,
): string {
  const isEmpty = body === '' || status === 204 || status === 304
  const content = isEmpty
    ? ''
    : ` content-type ${quoted(contentType, 'the content type')} file ${context.file('body', body)}`
  return `http-request return status ${status}${content}${where}`
}

export const pageRule = (context: SectionContext, status: number, where: string): string =>
  answerRule(context, status, page(status), 'text/html; charset=utf-8', where)

/** The rules that hold before anything is answered or passed on, in their order. */
export function admissionRules(context: SectionContext, rules: Rules, source: SectionSource): readonly string[] {
  const lines: string[] = []
  if (rules.rateLimit !== undefined) lines.push(...rateLimitRules(context, rules.rateLimit, source.owner))
  if (rules.requireTls !== undefined) {
    const { status, port } = rules.requireTls
    lines.push(
      `http-request redirect code ${redirectStatus(status)} location https://%[req.hdr(host),regsub(:[0-9]*$,)]${portSuffix('https', port)}%[pathq] if !{ ssl_fc }`,
    )
  }
  if (rules.clientCertificate !== undefined) lines.push(...clientCertificateRules(context, rules.clientCertificate))
  const { largestBody = 0 } = rules
  // A request that is there as a whole fits into a buffer, and to see that costs less than to look for its length.
  const isLonger = largestBody < largestBuffer ? '' : ' !{ internal.htx.has_eom }'
  if (largestBody > 0)
    lines.push(pageRule(context, 413, ` if${isLonger} { req.body_size gt ${Math.trunc(largestBody)} }`))
  if (rules.cors !== undefined) lines.push(...corsRules(context, rules.cors))
  if (rules.deniedSources !== undefined && rules.deniedSources.length > 0)
    lines.push(pageRule(context, 403, ` if { src -f ${sourcesFile(context, rules.deniedSources)} }`))
  if (rules.allowedSources !== undefined)
    lines.push(
      pageRule(
        context,
        403,
        rules.allowedSources.length === 0 ? '' : ` if !{ src -f ${sourcesFile(context, rules.allowedSources)} }`,
      ),
    )
  lines.push(...authenticationRules(context, rules))
  const isFilter = (line: string): boolean => line.startsWith('filter ')
  return [...new Set(lines.filter(isFilter)), ...lines.filter((line) => !isFilter(line))]
}

/** Blocks of addresses as a file; who cannot be read would let the wrong clients in. */
function sourcesFile(context: SectionContext, sources: readonly string[]): string {
  const blocks = sources.map((text) => {
    const block = parseCidr(text)
    if (block !== undefined) return formatCidr(block)
    const address = canonicalIp(text)
    if (address === undefined) throw new UnusableText(`"${text}" is not an address or a block of addresses`)
    return address
  })
  return context.file('sources', `${blocks.join('\n')}\n`)
}

/**
 * As many requests as may come in `burstMultiplier` times the period are let through at once; only those that were let through
 * count. The counters belong to the owner, so that its routes share them.
 */
function rateLimitRules(context: SectionContext, limit: RateLimit, owner: string): readonly string[] {
  const { requestsPerSecond, requestsPerMinute, burstMultiplier, connections, unlimitedSources, status } = limit
  const table = nameFor('limit', [owner, limit])
  const burst = Math.max(burstMultiplier, 1)
  const rates = [
    { counter: 'gpc0', rate: requestsPerSecond, period: 1_000 },
    { counter: 'gpc1', rate: requestsPerMinute, period: 60_000 },
  ].flatMap(({ counter, rate, period }) =>
    rate === undefined ? [] : [{ counter, most: Math.ceil(rate * burst), period: Math.round(period * burst) }],
  )
  const stored = [
    ...rates.map(({ counter, period }) => `${counter}_rate(${period}ms)`),
    ...(connections === undefined ? [] : ['conn_cur']),
  ]
  if (stored.length === 0) return []
  const longest = Math.max(60_000, ...rates.map(({ period }) => 2 * period))
  context.section(`backend ${table}`, [`stick-table type ipv6 size 100k expire ${longest}ms store ${stored.join(',')}`])
  const limited = unlimitedSources.length === 0 ? '' : ` !{ src -f ${sourcesFile(context, unlimitedSources)} }`
  const track = `http-request track-sc0 src table ${table}${limited === '' ? '' : ` if${limited}`}`
  return [
    track,
    ...rates.map(({ counter, most }) => pageRule(context, status, ` if { sc0_${counter}_rate(${table}) gt ${most} }`)),
    ...(connections === undefined
      ? []
      : [pageRule(context, status, ` if { sc0_conn_cur(${table}) gt ${connections} }`)]),
    ...rates.map(({ counter }) => `http-request sc-inc-${counter}(0)`),
  ]
}

function corsRules(context: SectionContext, cors: Cors): readonly string[] {
  const { origins, methods, headers, exposedHeaders, credentials, maxAgeSeconds } = cors
  const isAny = origins.includes('*')
  const lines = ['http-request set-var(txn.origin) req.hdr(origin)']
  const format = (text: string): string => quotedFormat(text, 'a list of the cross-origin rules')
  if (!isAny) {
    const patterns = origins.map((origin) => {
      refuseControls(origin, 'an origin')
      const expression = origin.replaceAll(/[^A-Za-z0-9/_*-]/g, (character) => `\\${character}`).replaceAll(' ', 'x20')
      return `^${expression.replace('*\\.', '[A-Za-z0-9_-]+\\.').replaceAll('*', '\\*').replace('[A-Za-z0-9_-]+', '[A-Za-z0-9_-]+')}$`
    })
    const file = context.file('origins', `${patterns.join('\n')}\n`)
    lines.push(`http-request set-var(txn.cors) bool(true) if { var(txn.origin) -m reg -f ${file} }`)
  } else lines.push('http-request set-var(txn.cors) bool(true)')
  const on = ' if { var(txn.cors) -m bool }'
  const and = (condition: string): string => `${on} ${condition}`
  const after = (name: string, value: string, where: string): string =>
    `http-after-response set-header ${name} ${value}${where}`
  const known = '{ var(txn.origin) -m found }'
  const preflight = '{ var(txn.preflight) -m bool }'
  lines.push(
    `http-request set-var(txn.preflight) bool(true)${and('{ method OPTIONS }')}`,
    `http-request return status 204 if ${preflight}`,
  )
  if (isAny && !credentials) lines.push(after('Access-Control-Allow-Origin', "'*'", on))
  else {
    lines.push(
      after('Access-Control-Allow-Origin', '%[var(txn.origin)]', and(known)),
      `http-after-response add-header Vary Origin${and(known)}`,
    )
    if (isAny) lines.push(after('Access-Control-Allow-Origin', "'*'", and(`!${known}`)))
  }
  if (credentials) lines.push(after('Access-Control-Allow-Credentials', 'true', on))
  if (exposedHeaders.length > 0)
    lines.push(after('Access-Control-Expose-Headers', format(exposedHeaders.join(', ')), on))
  lines.push(
    after('Access-Control-Allow-Methods', format(methods.join(', ')), ` if ${preflight}`),
    after('Access-Control-Allow-Headers', format(headers.join(',')), ` if ${preflight}`),
    after('Access-Control-Max-Age', String(Math.trunc(maxAgeSeconds)), ` if ${preflight}`),
  )
  return lines
}

/** Removed, then set, then added. */
export function headerRules(
  action: 'http-request' | 'http-after-response',
  changes: HeaderChanges | undefined,
): readonly string[] {
  const { remove = [], set = [], add = [] } = changes ?? {}
  const name = (text: string): string => headerName(text, `"${text}"`)
  return [
    ...remove.map((each) => `${action} del-header ${name(each)}`),
    ...set.map(
      (each) => `${action} set-header ${name(each.name)} ${quotedFormat(each.value, `the value of ${each.name}`)}`,
    ),
    ...add.map(
      (each) => `${action} add-header ${name(each.name)} ${quotedFormat(each.value, `the value of ${each.name}`)}`,
    ),
  ]
}

export function redirectLines(redirect: Redirect): readonly string[] {
  const code = redirectStatus(redirect.status)
  if (redirect.location !== undefined) {
    if (redirect.location.includes(' ')) throw new UnusableText(`the location "${redirect.location}" has a space`)
    return [`http-request redirect code ${code} location ${quotedFormat(redirect.location, 'the location')}`]
  }
  const { scheme, host, port, path } = redirect
  const keepsPort = scheme === undefined && host === undefined && port === undefined
  const name =
    host === undefined
      ? keepsPort
        ? '%[req.hdr(host)]'
        : '%[req.hdr(host),regsub(:[0-9]*$,)]'
      : nameOfHost(host, 'the host of the redirect')
  const target = path === undefined ? '%[pathq]' : quotedFormat(path, 'the path of the redirect')
  const rule = (as: string, suffix: string, where: string): string =>
    `http-request redirect code ${code} location ${as}://${name}${suffix}${target}${where}`
  if (scheme !== undefined) return [rule(scheme, portSuffix(scheme, port), '')]
  return (['http', 'https'] as const).map((each) =>
    rule(each, portSuffix(each, port), each === 'https' ? ' if { ssl_fc }' : ' if !{ ssl_fc }'),
  )
}

function redirectStatus(status: number): number {
  if (![301, 302, 303, 307, 308].includes(status)) throw new UnusableText(`${status} is not the status of a redirect`)
  return status
}

const portSuffix = (scheme: 'http' | 'https', port: number | undefined): string =>
  port === undefined || port === (scheme === 'https' ? 443 : 80) ? '' : `:${Math.trunc(port)}`

export function respondLines(context: SectionContext, respond: Respond): readonly string[] {
  return [answerRule(context, respond.status, respond.body, respond.contentType ?? 'text/plain; charset=utf-8', '')]
}

/** Whether its servers are spoken to in streams both ways. */
export const isStream = ({ protocol }: Pool): boolean => protocol === 'grpc' || protocol === 'grpcs'

/** Everything of a section that passes requests on, but its servers. */
export function forwardLines(
  context: SectionContext,
  rules: Rules,
  source: SectionSource,
  pool: Pool,
): readonly string[] {
  return [
    ...balanceLines(pool),
    ...timeoutLines(rules.timeouts),
    ...retryLines(rules.retry ?? defaultRetry),
    ...(rules.buffersRequests === true && !isStream(pool) ? ['option http-buffer-request'] : []),
    pageRule(context, 503, ' if { nbsrv lt 1 } !{ stopping }'),
    ...(pool.affinity === undefined ? [] : affinityLines(context, pool.affinity)),
    ...pathRules(context, rules.rewrite, source),
    ...(rules.backendHost === undefined
      ? []
      : [`http-request set-header Host ${quotedFormat(rules.backendHost, 'the Host for backends')}`]),
    ...headerRules('http-request', rules.requestHeaders),
    ...headerRules('http-after-response', rules.responseHeaders),
  ]
}

function balanceLines({ balance }: Pool): readonly string[] {
  if (balance.kind === 'round-robin') return ['balance roundrobin']
  if (balance.kind === 'least-loaded') return ['balance leastconn']
  const { by } = balance
  const method =
    by === 'source'
      ? 'source'
      : by === 'path'
        ? 'uri path-only'
        : by === 'host'
          ? 'hdr(host)'
          : `hdr(${plainName(by.header, 'the header to balance by')})`
  return [`balance ${method}`, 'hash-type consistent']
}

function timeoutLines(timeouts: Timeouts | undefined): readonly string[] {
  const { connect, read, send } = timeouts ?? {}
  const lines: string[] = []
  if (connect !== undefined) lines.push(`timeout connect ${Math.trunc(connect)}ms`)
  if (read !== undefined || send !== undefined) {
    // HAProxy knows one bound for both directions.
    const silence = Math.trunc(Math.max(read ?? 0, send ?? 0))
    lines.push(`timeout server ${silence}ms`, `timeout tunnel ${silence}ms`)
  }
  return lines
}

/** As ingress-nginx has it without annotations. */
const defaultRetry: Retry = { tries: 3, timeout: 0, on: new Set(['connect', 'timeout']), also: 'safe' }
/** As many as there are, within reason. */
const mostTries = 8

function retryLines({ tries, on, also }: Retry): readonly string[] {
  const words = [...on].flatMap((reason): readonly string[] =>
    reason === 'connect'
      ? ['conn-failure', 'empty-response']
      : reason === 'timeout'
        ? ['response-timeout']
        : reason === 'invalid'
          ? ['junk-response']
          : [reason],
  )
  const retries = (tries === 0 ? mostTries : tries) - 1
  if (words.length === 0 || retries < 1) return ['retries 0']
  return [
    `retries ${retries}`,
    'option redispatch 1',
    `retry-on ${words.toSorted().join(' ')}`,
    // What may change something is repeated only while no server has seen it.
    ...(also === 'all' ? [] : ['http-request disable-l7-retry if { method POST PATCH LOCK }']),
  ]
}

/**
 * Servers are named as the cookie names them, so the rule finds the one of the cookie. A cookie is given when the client came
 * without it, or with one that names no server that serves; after a failure only when that was asked for.
 */
function affinityLines(context: SectionContext, affinity: CookieAffinity): readonly string[] {
  const { path, domain, maxAgeSeconds, secure, sameSite, sparesOldBrowsers, changeOnFailure } = affinity
  const name = plainName(affinity.name, 'the name of the cookie')
  for (const [what, text] of [
    ['path', path],
    ['domain', domain ?? ''],
  ] as const)
    if (text.includes(';')) throw new UnusableText(`the ${what} of the cookie has a semicolon`)
  const attributes = [
    ...(maxAgeSeconds === undefined
      ? []
      : [`Expires=%[date(${Math.trunc(maxAgeSeconds)}),http_date]`, `Max-Age=${Math.trunc(maxAgeSeconds)}`]),
    ...(domain === undefined ? [] : [`Domain=${formatText(domain, 'the domain of the cookie')}`]),
    `Path=${formatText(path, 'the path of the cookie')}`,
    ...(secure ? ['Secure'] : []),
    'HttpOnly',
  ]
  const kept = changeOnFailure ? '' : ' !{ var(txn.known) -m found }'
  const site = sameSite === undefined ? [] : [`SameSite=${sameSite}`]
  const give = (last: readonly string[], where: string): string =>
    `http-after-response add-header Set-Cookie '${[`${name}=%[var(txn.served)]`, ...attributes, ...last].join('; ')}' if { var(txn.served) -m found } !{ var(txn.server),strcmp(txn.served) eq 0 }${kept}${where}`
  return [
    `http-request set-var(txn.server) req.cook(${name})`,
    ...(changeOnFailure
      ? []
      : [`http-request set-var(txn.known) var(txn.server),map_str(${context.folder}/cookies.map)`]),
    "use-server '%[var(txn.server)]' if { var(txn.server) -m found }",
    'http-response set-var(txn.served) srv_name',
    ...(sparesOldBrowsers === true
      ? [
          `http-request set-var(txn.old) bool(true) if { req.fhdr(user-agent),bytes(0,${longestBrowserName}) -m reg -f ${context.file('browsers', `${oldBrowserPatterns.join('\n')}\n`)} }`,
          give([], ' { var(txn.old) -m bool }'),
          give(site, ' !{ var(txn.old) -m bool }'),
        ]
      : [give(site, '')]),
  ]
}

/** Text within single quotes and a format. */
function formatText(text: string, what: string): string {
  refuseControls(text, what)
  if (text.includes("'")) throw new UnusableText(`${what} has a quote`)
  return text.replaceAll('%', '%%')
}

/** What stands behind each server's address. */
export function serverOptions(context: SectionContext, pool: Pool): string {
  const isTls = pool.protocol === 'https' || pool.protocol === 'grpcs'
  const words = ['pool-purge-delay 5s', 'pool-max-conn -1']
  if (!isTls) return [...words, ...(isStream(pool) ? ['proto h2'] : [])].join(' ')
  const { serverName, authority, certificate } = pool.tls ?? {}
  words.push('ssl')
  if (isStream(pool)) words.push('alpn h2')
  if (authority === undefined) words.push('verify none')
  else words.push('verify required', `ca-file ${context.file('authority', authority)}`)
  if (serverName !== undefined) {
    const name = nameOfHost(serverName, 'the name of the backend')
    words.push(`sni str(${name})`, ...(authority === undefined ? [] : [`verifyhost ${name}`]))
  }
  if (certificate !== undefined) {
    const file = context.certificate(certificate)
    if (file === undefined) throw new UnusableText(`the certificate "${certificate}" for backends cannot be used`)
    words.push(`crt ${file}`)
  }
  return words.join(' ')
}
