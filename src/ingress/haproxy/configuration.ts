/** The text that a HAProxy process starts with, and the maps and files it reads. */
import { arrivalHeader, certificateArrivalHeader } from '#ingress/node/headers.ts'
import { isSameData } from '#ingress/node/sameData.ts'
import type { ListenAddresses } from '#ingress/routing.ts'
import { agentConfiguration } from './authenticationRules.ts'
import { bindOptions } from './clientCertificateRules.ts'
import { behindSection, limitedSection } from './compile.ts'
import type { Compiled, ServedPool, ServerEntry } from './compile.ts'
import type { ListedCertificate } from './certificateList.ts'
import { matchingRules } from './matching.ts'
import type { MapEntry } from './matching.ts'
import { behindSocket } from './planeBehind.ts'
import { largestBuffer } from './section.ts'
import { page, socketAddress } from './words.ts'

export interface ConfigurationOptions {
  readonly folder: string
  readonly listen: ListenAddresses
  /** Distinguishes one process after the other. */
  readonly generation: number
  readonly threads: number
  /** In milliseconds. */
  readonly headersTimeout: number
  /** Who workers become; absent where the process is nobody who could choose. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** How long requests may go on in a process that was replaced. */
export const longestDrainMs = 3_600_000

const errors = [400, 403, 408, 413, 429, 500, 502, 503, 504] as const

/** All files of a process, by name; `haproxy.cfg` is the first that it reads. */
export function configurationFiles(compiled: Compiled, options: ConfigurationOptions): ReadonlyMap<string, string> {
  const files = new Map(compiled.files)
  for (const [name, entries] of mapFiles(compiled)) files.set(name, renderMap(entries))
  for (const status of errors) {
    const body = page(status === 503 ? 502 : status)
    // What fails before a server has answered is 503 for HAProxy and 502 for everybody else; a pool without servers has a rule.
    const title = /<title>(.*)<\/title>/.exec(body)![1]!
    files.set(
      `error-${status}.http`,
      `HTTP/1.1 ${title}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
  }
  for (const [name, { pem }] of compiled.certificates) files.set(name, pem)
  files.set('certificates.list', certificateList(compiled, options.folder))
  for (const status of [400, 405]) files.set(`page-${status}.html`, page(status))
  if (compiled.agentRules.size > 0) files.set('agent.conf', agentConfiguration)
  if (compiled.defaultCertificate !== undefined) files.set('default.pem', compiled.defaultCertificate)
  files.set('haproxy.cfg', configuration(compiled, options))
  return files
}

/** Every map by the name of its file. */
export function mapFiles({ matching, cookies }: Compiled): ReadonlyMap<string, readonly MapEntry[]> {
  return new Map<string, readonly MapEntry[]>([
    ['paths.map', matching.paths],
    ['suffixes.map', matching.suffixes],
    ['cookies.map', cookies],
    ...matching.shards.map((entries, at) => [`patterns-${at}.map`, entries] as const),
  ])
}

export const renderMap = (entries: readonly MapEntry[]): string =>
  entries.map(([key, value]) => `${key} ${value}\n`).join('')

/** A line of the list of certificates. */
export const certificateLine = (folder: string, name: string, { hosts, options }: ListedCertificate): string =>
  `${folder}/${name} ${options === undefined ? '' : `${options} `}${hosts.join(' ')}`

const certificateList = ({ certificates }: Compiled, folder: string): string =>
  [...certificates].map(([name, listed]) => `${certificateLine(folder, name, listed)}\n`).join('')

/** Whether clients are asked for certificates. */
const asksClients = ({ certificates }: Compiled): boolean =>
  [...certificates.values()].some(({ options }) => options !== undefined)

/** The configuration. */
export function configuration(compiled: Compiled, options: ConfigurationOptions): string {
  const lines = [preamble(compiled, options)]
  for (const [head, rules] of [...compiled.sections].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(head, ...rules.map((rule) => `  ${rule}`))
    const pool = compiled.pools.get(sectionName(head))
    if (pool !== undefined) lines.push(...pool.servers.map((server) => `  ${serverLine(server, pool)}`))
    lines.push('')
  }
  return lines.join('\n')
}

/** The name of a section by its first line. */
export const sectionName = (head: string): string => head.replace(/^backend /, '')

/** Whether two differ in nothing but what can be changed in a running process. */
export function isSameConfiguration(before: Compiled, after: Compiled, options: ConfigurationOptions): boolean {
  if (before.sections.size !== after.sections.size) return false
  for (const [head, rules] of after.sections) {
    if (!isSameData(before.sections.get(head), rules)) return false
    const name = sectionName(head)
    const [had, wanted] = [before.pools.get(name), after.pools.get(name)]
    if ((had === undefined) !== (wanted === undefined) || had?.options !== wanted?.options) return false
  }
  return preamble(before, options) === preamble(after, options)
}

/** Everything before the sections. */
function preamble(compiled: Compiled, options: ConfigurationOptions): string {
  const { folder, listen, generation, threads } = options
  const lines = [
    'global',
    '  master-worker',
    ...(options.user === undefined ? [] : [`  uid ${options.user.uid}`, `  gid ${options.user.gid}`]),
    `  nbthread ${threads}`,
    `  hard-stop-after ${longestDrainMs}ms`,
    '  fd-hard-limit 65536',
    '  expose-experimental-directives',
    `  stats socket ${folder}/worker-${generation}.sock mode 600 level admin expose-fd listeners`,
    '  stats timeout 1m',
    // Streams of one HTTP/2 connection wait for each other as soon as the buffer of one is full; larger ones cost every request.
    ...(compiled.hasStreams
      ? [`  tune.bufsize ${largestBuffer}`]
      : asksClients(compiled)
        ? ['  tune.bufsize 32768']
        : []),
    // Headers with certificates are added when the buffer is full of the body already.
    ...(asksClients(compiled) ? ['  tune.maxrewrite 16384'] : []),
    '  ssl-default-bind-options ssl-min-ver TLSv1.2',
    '  ssl-server-verify none',
    ...(asksClients(compiled) ? ['  tune.ssl.cachesize 0'] : []),
    '',
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    `  timeout client ${compiled.longestSilence}ms`,
    '  timeout server 60s',
    '  timeout tunnel 1h',
    `  timeout http-request ${options.headersTimeout}ms`,
    '  timeout http-keep-alive 75s',
    '  timeout queue 5s',
    '  option idle-close-on-response',
    '  option abortonclose',
    '  option http-no-delay',
    ...errors.map((status) => `  errorfile ${status} ${folder}/error-${status}.http`),
    '',
  ]
  const front = (
    name: 'http' | 'https',
    ports: readonly { readonly address: string; readonly port: number }[],
  ): void => {
    if (ports.length === 0) return
    const tls =
      name === 'http'
        ? ''
        : ` ssl crt ${folder}/default.pem crt-list ${folder}/certificates.list alpn h2,http/1.1${asksClients(compiled) ? bindOptions : ''}`
    lines.push(`frontend ${name}`)
    for (const { address, port } of ports)
      lines.push(`  bind ${socketAddress(address, port)}${address.includes(':') ? ' v6only' : ''}${tls}`)
    for (const rule of frontRules(compiled, options, name, ports)) lines.push(`  ${rule}`)
    lines.push('')
  }
  front('http', listen.http)
  if (compiled.defaultCertificate !== undefined) front('https', listen.https)
  if (compiled.agentRules.size > 0)
    lines.push(
      'backend agent',
      '  mode tcp',
      '  timeout connect 1s',
      '  timeout server 1h',
      `  server agent unix@${folder}/agent.sock`,
      '',
    )
  if (compiled.usesPlaneBehind)
    lines.push(
      `backend ${behindSection}`,
      '  timeout connect 5s',
      `  timeout server ${compiled.longestSilence}ms`,
      `  timeout tunnel ${compiled.longestSilence}ms`,
      ...behindRules(asksClients(compiled)).map((rule) => `  ${rule}`),
      `  server node unix@${folder}/${behindSocket} pool-purge-delay 5s pool-max-conn -1`,
      '',
    )
  return lines.join('\n')
}

const serverLine = ({ name, address, id }: ServerEntry, { options }: ServedPool): string =>
  `server ${name} ${address} id ${id} ${options}`

/**
 * HAProxy cannot count what it passes on. A body of unknown length that ends within one buffer is counted there; others go to the
 * plane behind, those that are not read whole first at once.
 */
const countedRules = (longestWait: number): readonly string[] => [
  `http-request wait-for-body time ${longestWait}ms if !has_end !has_length { var(txn.to) -m beg ${limitedSection}-whole }`,
  `http-request set-var(txn.to) str(${behindSection}) if !has_end !has_length { var(txn.to) -m beg ${limitedSection} }`,
]

/** Gives the plane behind what the client sent, and what is known of its connection. */
const behindRules = (asksForCertificates: boolean): readonly string[] => [
  'retries 3',
  'http-request set-pathq %[var(txn.raw)] if { var(txn.raw) -m found }',
  `http-request set-header ${arrivalHeader} '%[src] %[req.fhdr(x-scheme)] %[req.fhdr(x-forwarded-port)]'`,
  'http-request set-header X-Forwarded-For %[req.fhdr(x-original-forwarded-for)]',
  `http-request del-header ${certificateArrivalHeader}`,
  ...(asksForCertificates
    ? [
        `http-request set-header ${arrivalHeader} '%[req.fhdr(${arrivalHeader})] %[ssl_fc_sni,lower,rtrim(.)]' if { ssl_fc_sni -m reg '^[A-Za-z0-9._-]+$' }`,
        `http-request set-header ${certificateArrivalHeader} '%[ssl_c_verify] %[ssl_c_der,base64] %[ssl_c_chain_der,base64]' if { ssl_c_used }`,
      ]
    : []),
]

/** What of a request is said anew, and what clients must not say (`Proxy`: CVE-2016-5385). */
const told = [
  'proxy',
  'x-real-ip',
  'x-scheme',
  ...['for', 'host', 'port', 'proto', 'scheme'].map((part) => `x-forwarded-${part}`),
] as const

/** Eight hexadecimal digits. */
const randomDigits = '%[rand,bytes(4,4),hex,lower]'

/** Worked out once for a connection: writing an address out and drawing lots cost more than any other rule. */
const ofConnection: readonly string[] = [
  'tcp-request connection set-var-fmt(sess.source) %[src]',
  `tcp-request connection set-var-fmt(sess.id) ${randomDigits.repeat(2)}`,
]

/** What servers behind ingress-nginx know of clients. Each rule costs about the fortieth part of a request. */
const headerRules = (scheme: 'http' | 'https', port: string): readonly string[] => [
  'http-request set-header X-Original-Forwarded-For %[req.fhdr(x-forwarded-for)] if { req.fhdr(x-forwarded-for) -m found }',
  // With them go those with other characters than letters, digits and hyphens. Names are in lower case here.
  `http-request del-header '^(?:(?:${told.join('|')})$|[a-z0-9-]*+[^a-z0-9-])' -m reg`,
  `http-request set-header X-Request-ID %[var(sess.id)]${randomDigits.repeat(2)} if !{ req.fhdr(x-request-id) -m len gt 0 }`,
  'http-request add-header X-Real-IP %[var(sess.source)]',
  'http-request add-header X-Forwarded-For %[var(sess.source)]',
  'http-request add-header X-Forwarded-Host %[req.fhdr(host,1)]',
  `http-request add-header X-Forwarded-Port ${port}`,
  ...['X-Forwarded-Proto', 'X-Forwarded-Scheme', 'X-Scheme'].map((name) => `http-request add-header ${name} ${scheme}`),
]

/** Whether routes are chosen by what clients said in headers that these rules change. */
function looksAtToldHeaders({ matching, choices }: Compiled): boolean {
  const changed = /^(?:proxy|x-(?:real-ip|scheme|request-id|forwarded-.*|original-forwarded-for))$|[^a-z0-9-]/
  const conditions = [...matching.conditional.flatMap((rule) => rule.conditions), ...choices].join(' ')
  return [...conditions.matchAll(/req\.fhdr\(([^)]*)\)/g)].some(([, name]) => changed.test(name!.toLowerCase()))
}

/**
 * Hosts and paths that are found in the map as they are: a name in lower case without a port or a final dot, and a path without
 * escapes, backslashes, empty elements and elements that begin with a dot. Anything else is made so first.
 */
const usualBase = "'^[a-z0-9._-]*+(?<!\\.)(?:/(?![/.])[^%\\\\/]*+)++$'"

/** What is done with every request, until it is known where it goes. */
function frontRules(
  compiled: Compiled,
  options: ConfigurationOptions,
  scheme: 'http' | 'https',
  ports: readonly { readonly port: number }[],
): readonly string[] {
  const { folder } = options
  const onlyPort = ports.every(({ port }) => port === ports[0]!.port) ? String(ports[0]!.port) : '%[dst_port]'
  const odd = '{ path -m sub % // /. \\\\ }'
  // As backends may read it that decode slashes or cut off what follows a semicolon.
  const hidden = "'(?:%2[Ff]|%5[Cc]|\\\\)\\.{1,2}(?:/|%2[Ff]|%5[Cc]|\\\\|;|$)|/\\.{1,2}(?:%2[Ff]|%5[Cc]|\\\\|;)'"
  const refuse = (condition: string, status = 400): string =>
    `http-request return status ${status} content-type 'text/html; charset=utf-8' file ${folder}/page-${status}.html hdr Connection close if ${condition}`
  // Of most requests this is all.
  const usual = [
    'acl has_end internal.htx.has_eom',
    'acl has_length req.hdr(content-length) -m found',
    `http-request set-var(txn.to) base,concat(/\\x7f),map_beg(${folder}/paths.map) if { base -m reg ${usualBase} }`,
    // Those who ask clients for certificates compare it with the name of the handshake.
    ...(asksClients(compiled) ? ['http-request set-var(txn.host) req.fhdr(host,1) if { var(txn.to) -m found }'] : []),
    `http-request allow if { var(txn.to) -m beg to- ${limitedSection}- } has_end !{ method CONNECT TRACE }`,
    `http-request allow if { var(txn.to) -m beg ${limitedSection}- } has_length !{ method CONNECT TRACE }`,
    'http-request allow if { var(txn.to) -m beg to- } !{ method CONNECT TRACE }',
    'http-request unset-var(txn.to)',
  ]
  const others = [
    refuse('{ method CONNECT TRACE }', 405),
    'http-request set-var(txn.host) req.hdr(host),host_only,rtrim(.),lower',
    refuse('!{ var(txn.host) -m found } !HTTP_1.0'),
    refuse("{ var(txn.host) -m reg '[^a-z0-9._:\\[\\]-]' }"),
    `http-request set-var(txn.odd) bool(true) if ${odd}`,
    'acl is_odd var(txn.odd) -m bool',
    'http-request set-var(txn.raw) pathq if is_odd',
    refuse("is_odd { path -m reg '%(?![0-9a-fA-F]{2})|%00' }"),
    'http-request normalize-uri percent-decode-unreserved strict if is_odd',
    'http-request normalize-uri percent-to-uppercase strict if is_odd',
    refuse(`is_odd { path -m reg ${hidden} }`),
    'http-request normalize-uri path-merge-slashes if is_odd',
    "acl has_dots path -m reg '/\\.{1,2}(/|$)'",
    'http-request unset-var(txn.raw) if is_odd has_dots',
    'http-request normalize-uri path-strip-dot if is_odd has_dots',
    // Without a condition, which 2.6 would take for the option that it may have.
    'http-request normalize-uri path-strip-dotdot',
    refuse('is_odd { path -m reg ^/\\\\.\\\\.(/|$) }'),
    'http-request set-var(txn.path) path',
    ...matchingRules(compiled.matching, folder),
    ...compiled.choices,
    ...(compiled.usesPlaneBehind ? countedRules(options.headersTimeout) : []),
  ]
  const headers = headerRules(scheme, onlyPort)
  return [
    ...ofConnection,
    ...(looksAtToldHeaders(compiled)
      ? [...usual.slice(0, 2), ...others, ...headers]
      : [...headers, ...usual, ...others]),
    'use_backend %[var(txn.to)]',
    `default_backend ${compiled.fallback}`,
  ]
}
