/** Asking another server whether a request may pass, as nginx's auth_request does. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { ExternalAuthentication, Header } from '#ingress/routing.ts'
import { headerValue, setHeaders, withoutHeaders } from './headers.ts'
import type { RawHeaders } from './headers.ts'

/** What is told of the request in question. */
export interface Petition {
  readonly method: string
  /** `https://shop.example/cart?page=2`. */
  readonly url: string
  readonly address: string
  /** As for a backend. */
  readonly headers: RawHeaders
}

export type Verdict =
  | {
      readonly kind: 'pass'
      readonly headers: readonly Header[]
      readonly absent: ReadonlySet<string>
      readonly cookies: readonly string[]
    }
  | { readonly kind: 'refuse'; readonly status: 401 | 403; readonly headers: readonly Header[] }
  | { readonly kind: 'redirect'; readonly location: string }
  /** It did not answer, or not so that it could be understood. */
  | { readonly kind: 'broken' }

const milliseconds = 10_000
const notPassedOn: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
])

/** Asks servers of external authentication; keeps connections to them. */
export class ExternalAuthenticator implements Disposable {
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent }
  readonly #lookup: LookupFunction | undefined

  /** `lookup` finds the addresses of names; the machine's own way when absent. */
  constructor(lookup?: LookupFunction) {
    const options = { keepAlive: true, maxFreeSockets: 16, timeout: 4_000 }
    this.#agents = { http: new HttpAgent(options), https: new HttpsAgent(options) }
    this.#lookup = lookup
  }

  async ask(authentication: ExternalAuthentication, petition: Petition): Promise<Verdict> {
    let url: URL
    try {
      url = new URL(authentication.url)
    } catch {
      return { kind: 'broken' }
    }
    const answer = await this.#answer(url, authentication, petition)
    if (answer === undefined) return { kind: 'broken' }
    return judge(authentication, petition, answer.status, answer.headers)
  }

  [Symbol.dispose](): void {
    this.#agents.http.destroy()
    this.#agents.https.destroy()
  }

  #answer(
    url: URL,
    authentication: ExternalAuthentication,
    petition: Petition,
  ): Promise<{ readonly status: number; readonly headers: RawHeaders } | undefined> {
    const usual = setHeaders(withoutHeaders(petition.headers, notPassedOn), [
      { name: 'Host', value: url.host },
      { name: 'X-Original-URL', value: petition.url },
      { name: 'X-Original-Method', value: petition.method },
      { name: 'X-Auth-Request-Redirect', value: petition.url.replace(/^https?:\/\/[^/]*/, '') },
      { name: 'X-Sent-From', value: 'ingress' },
    ])
    // These may say otherwise.
    const headers = setHeaders(usual, authentication.requestHeaders)
    return new Promise((resolve) => {
      const secure = url.protocol === 'https:'
      const ask = (secure ? httpsRequest : httpRequest)(url, {
        method: authentication.method ?? 'GET',
        headers: (authentication.method ?? 'GET') === 'GET' ? headers : [...headers, 'Content-Length', '0'],
        agent: secure ? this.#agents.https : this.#agents.http,
        timeout: milliseconds,
        // As nginx does unless told otherwise; the servers are the cluster's own and have names of their own.
        ...(secure ? { rejectUnauthorized: false } : {}),
        ...(this.#lookup === undefined ? {} : { lookup: this.#lookup }),
      })
      ask.once('response', (message: IncomingMessage) => {
        message.on('error', () => undefined)
        message.resume()
        resolve({ status: message.statusCode!, headers: message.rawHeaders })
      })
      ask.once('timeout', () => ask.destroy())
      ask.once('error', () => resolve(undefined))
      ask.once('close', () => resolve(undefined))
      ask.end()
    })
  }
}

/** What an answer of such a server means. */
export function judge(
  authentication: ExternalAuthentication,
  petition: Pick<Petition, 'url'>,
  status: number,
  headers: RawHeaders,
): Verdict {
  if (status >= 200 && status < 300) {
    const found: Header[] = []
    const absent = new Set<string>()
    for (const name of authentication.responseHeaders) {
      const value = headerValue(headers, name.toLowerCase())
      if (value === undefined) absent.add(name.toLowerCase())
      else found.push({ name, value })
    }
    const cookies = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]!.toLowerCase() === 'set-cookie')
    return { kind: 'pass', headers: found, absent, cookies }
  }
  if (status === 401 && authentication.signIn !== undefined)
    return {
      kind: 'redirect',
      location: signInAddress(authentication.signIn, authentication.signInParameter, petition.url),
    }
  if (status !== 401 && status !== 403) return { kind: 'broken' }
  const asked = headerValue(headers, 'www-authenticate')
  return { kind: 'refuse', status, headers: asked === undefined ? [] : [{ name: 'WWW-Authenticate', value: asked }] }
}

/** Where a client signs in and says where it came from; an address that says so already stays as it is. */
function signInAddress(signIn: string, parameter: string, url: string): string {
  const mark = signIn.indexOf('?')
  if (mark < 0) return `${signIn}?${parameter}=${encodeURIComponent(url)}`
  if (new URLSearchParams(signIn.slice(mark + 1)).has(parameter)) return signIn
  return `${signIn}&${parameter}=${encodeURIComponent(url)}`
}
