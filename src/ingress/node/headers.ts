/** Headers between clients and backends: lists of alternating names and values, in which nothing is lost. */
import type { Header, HeaderChanges } from '#ingress/routing.ts'

export type RawHeaders = readonly string[]

/** These are about one connection and end here (RFC 9110, 7.6.1). */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** What a proxy before us says of the connection that a request came on (`ListenAddresses.behind`). */
export const arrivalHeader = 'x-ingress-arrival'
/** What such a proxy says of the client's certificate: OpenSSL's number for what is wrong with it, and DER in base64. */
export const certificateArrivalHeader = 'x-ingress-certificate'

/** Clients must not be able to say these; they are said anew, or not at all (`proxy`: CVE-2016-5385). */
const ofProxy: ReadonlySet<string> = new Set([
  'host',
  'expect',
  'content-length',
  'proxy',
  'forwarded',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-scheme',
  'x-original-forwarded-for',
  'x-original-url',
  'x-original-method',
  arrivalHeader,
  certificateArrivalHeader,
])

/** What a backend is told about the client. */
export interface Client {
  readonly address: string
  readonly scheme: 'http' | 'https'
  /** The port that it came to. */
  readonly port: number
  /** As the client said; may be empty. */
  readonly authority: string
}

/** The headers of a request for a backend, without those of its body. `id` is used when the client gave the request none. */
export function requestHeaders(sent: RawHeaders, client: Client, host: string, id: () => string): string[] {
  const named = namedByConnection(sent)
  const headers = ['Host', host]
  let forwardedFor = ''
  let hasId = false
  for (let i = 0; i < sent.length; i += 2) {
    const name = sent[i]!.toLowerCase()
    if (name === 'x-forwarded-for') forwardedFor += forwardedFor === '' ? sent[i + 1]! : `, ${sent[i + 1]!}`
    if (ofConnection.has(name) || ofProxy.has(name) || named?.has(name) === true) continue
    // Others than these may be read as another header (`X_Real_IP`); nginx drops them too.
    if (!/^[a-z0-9-]+$/.test(name)) continue
    if (name === 'x-request-id') hasId = true
    headers.push(sent[i]!, sent[i + 1]!)
  }
  if (!hasId) headers.push('X-Request-ID', id())
  headers.push('X-Real-IP', client.address, 'X-Forwarded-For', client.address)
  headers.push('X-Forwarded-Host', client.authority, 'X-Forwarded-Port', String(client.port))
  headers.push('X-Forwarded-Proto', client.scheme, 'X-Forwarded-Scheme', client.scheme, 'X-Scheme', client.scheme)
  if (forwardedFor !== '') headers.push('X-Original-Forwarded-For', forwardedFor)
  return headers
}

/** The headers of an answer for a client. */
export function answerHeaders(received: RawHeaders): string[] {
  const named = namedByConnection(received)
  const headers: string[] = []
  for (let i = 0; i < received.length; i += 2) {
    const name = received[i]!.toLowerCase()
    if (ofConnection.has(name) || named?.has(name) === true) continue
    headers.push(received[i]!, received[i + 1]!)
  }
  return headers
}

/** `Connection: close, X-Hop` makes X-Hop one of the connection, too. */
function namedByConnection(headers: RawHeaders): Set<string> | undefined {
  let named: Set<string> | undefined
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length !== 10 || headers[i]!.toLowerCase() !== 'connection') continue
    for (const part of headers[i + 1]!.split(',')) {
      const name = part.trim().toLowerCase()
      // A client must not take away by this what it may not say either.
      if (name !== 'keep-alive' && name !== 'close' && name !== 'upgrade') (named ??= new Set()).add(name)
    }
  }
  return named
}

/** Removes, then sets, then adds. */
export function changeHeaders(headers: string[], changes: HeaderChanges | undefined): string[] {
  if (changes === undefined) return headers
  const { remove = [], set = [], add = [] } = changes
  const gone = new Set([...remove, ...set.map(({ name }) => name)].map((name) => name.toLowerCase()))
  const changed = gone.size === 0 ? headers : withoutHeaders(headers, gone)
  for (const { name, value } of [...set, ...add]) changed.push(name, value)
  return changed
}

/** Puts headers in the place of those with the same names. */
export function setHeaders(headers: string[], set: readonly Header[]): string[] {
  return set.length === 0 ? headers : changeHeaders(headers, { set })
}

/** Names in lower case. */
export function withoutHeaders(headers: RawHeaders, names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!)
  }
  return kept
}

/** The values of a header, `, ` between them; nothing when there is none. Cookies are joined with `; `. */
export function headerValue(headers: RawHeaders, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length !== name.length || headers[i]!.toLowerCase() !== name) continue
    value = value === undefined ? headers[i + 1]! : `${value}${name === 'cookie' ? '; ' : ', '}${headers[i + 1]!}`
  }
  return value
}

/** As an object for node's HTTP/2, which takes several values of a name as a list. */
export function headerObject(headers: RawHeaders): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    const known = object[name]
    if (known === undefined) object[name] = headers[i + 1]!
    else if (typeof known === 'string') object[name] = [known, headers[i + 1]!]
    else known.push(headers[i + 1]!)
  }
  return object
}
