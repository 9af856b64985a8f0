/**
 * ingress: HTTP from outside to the pods behind services. This file is the routing model: what a data plane serves, whoever asked
 * for it. Ingresses and their annotations are turned into it by pure functions; data planes (HAProxy, Node) only know this
 * model, so all of them pass one suite. It says nothing that only an Ingress could say: routes have matches and an order as
 * HTTPRoutes of the Gateway API have them.
 */

/** All that is served on one node. Data planes get a whole one each time and find out themselves what has changed. */
export interface Routing {
  /** In the order in which they are tried: the first one that matches a request decides. */
  readonly routes: readonly Route[]
  /** By name; routes refer to them. */
  readonly pools: ReadonlyMap<string, Pool>
  /** By name. */
  readonly certificates: ReadonlyMap<string, Certificate>
  /** Which certificate a TLS client gets by the name it asks for, most specific first; others get `defaultCertificate`. */
  readonly serverNames: readonly ServerName[]
  /** The name of the certificate for clients that ask for no name or for one that nobody serves. */
  readonly defaultCertificate: string
  /** Answers what no route matches. */
  readonly fallback: Action
}

/** Requests that belong together and what is done with them. */
export interface Route {
  /** Unique and the same as long as the route means the same, for counters and logs: `shop/web/0/1`. */
  readonly name: string
  /** Whose it is, for logs and messages: `Ingress shop/web`. */
  readonly owner: string
  readonly match: Match
  readonly rules: Rules
  readonly action: Action
}

/** All of it must hold. */
export interface Match {
  readonly host: HostMatch
  readonly path: PathMatch
  /** In upper case. */
  readonly method?: string
  readonly headers?: readonly ValueMatch[]
  /** Parameters of the query. */
  readonly parameters?: readonly ValueMatch[]
}

/** Names are in lower case, without a port and without a final dot. */
export type HostMatch =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly name: string }
  /** What stands before `.name`: exactly one label (Ingress) or one or more (Gateway API). */
  | { readonly kind: 'wildcard'; readonly name: string; readonly labels: 'one' | 'some' }

/** On the path without the query, once needless escapes, dot segments and doubled slashes are gone from it. */
export type PathMatch =
  | { readonly kind: 'exact'; readonly path: string }
  /** By whole elements: `/a` matches `/a`, `/a/` and `/a/b`, not `/ab`. Without a final slash, but for the root. */
  | { readonly kind: 'prefix'; readonly path: string }
  /** From the beginning of the path; an RE2 pattern, so that no request can make it slow. */
  | { readonly kind: 'pattern'; readonly pattern: string; readonly ignoreCase: boolean }

/** A header, cookie or parameter, by name and value. */
export interface ValueMatch {
  /** Headers without regard to case. */
  readonly name: string
  readonly kind: 'exact' | 'pattern' | 'present'
  /** The whole value, or an RE2 pattern for all of it; not looked at for `present`. */
  readonly value: string
}

export type Action = Forward | Redirect | Respond

/** To one of several pools. */
export interface Forward {
  readonly kind: 'forward'
  /** The first whose condition holds decides. */
  readonly overrides: readonly Override[]
  /** Else by lot. Weights are not negative; when their sum is 0 the answer is 503. */
  readonly shares: readonly { readonly pool: string; readonly weight: number }[]
  /** Whether a client that has the affinity cookie of a pool stays with that pool although the lot would say otherwise. */
  readonly keepsPool: boolean
}

export interface Override {
  readonly on: 'header' | 'cookie'
  readonly match: ValueMatch
  readonly pool: string
}

export interface Redirect {
  readonly kind: 'redirect'
  /** 301, 302, 303, 307 or 308. */
  readonly status: number
  /** What is not said stays as it is in the request. */
  readonly scheme?: 'http' | 'https'
  readonly host?: string
  /** Left out of the address when it is the scheme's own. */
  readonly port?: number
  /** Replaces path and query. */
  readonly path?: string
  /** A whole address; then nothing else is said. */
  readonly location?: string
}

export interface Respond {
  readonly kind: 'respond'
  readonly status: number
  readonly contentType?: string
  readonly body: string
}

/** What else holds for the requests of a route. What is absent is as the data plane has it. */
export interface Rules {
  /** Requests that came without TLS are sent to the same address with it. */
  readonly requireTls?: { readonly status: number; readonly port: number }
  /** Only clients with these addresses (CIDR) are served; others get 403. */
  readonly allowedSources?: readonly string[]
  /** Clients with these are not served. */
  readonly deniedSources?: readonly string[]
  /** For hosts whose server name asks for certificates of clients. */
  readonly clientCertificate?: ClientCertificateRule
  readonly rateLimit?: RateLimit
  /** In bytes; larger ones get 413. 0 is no limit. */
  readonly largestBody?: number
  readonly basicAuthentication?: BasicAuthentication
  readonly externalAuthentication?: ExternalAuthentication
  readonly cors?: Cors
  readonly rewrite?: Rewrite
  /** The Host that backends see instead of the client's. */
  readonly backendHost?: string
  readonly requestHeaders?: HeaderChanges
  readonly responseHeaders?: HeaderChanges
  readonly timeouts?: Timeouts
  /** How often and when a request is tried with another server. */
  readonly retry?: Retry
  /** Pages in the place of answers of servers. */
  readonly errorPages?: ErrorPages
  /** Whether bodies are read whole before they are passed on. */
  readonly buffersRequests?: boolean
}

/** Another server is asked for a page, with `X-Code` and the like, when servers answer with these statuses or do not answer. */
export interface ErrorPages {
  readonly statuses: readonly number[]
  readonly pool: string
  /** What it is told beside what is known of the request. */
  readonly headers: readonly Header[]
}

export type Rewrite =
  /** The whole path; `$1` to `$9` are the groups of the route's path pattern. */
  | { readonly kind: 'template'; readonly template: string }
  /** What the route's prefix matched. */
  | { readonly kind: 'prefix'; readonly replacement: string }

export interface HeaderChanges {
  readonly set?: readonly Header[]
  readonly add?: readonly Header[]
  readonly remove?: readonly string[]
}

export interface Header {
  readonly name: string
  readonly value: string
}

/** For each client address. Who is above any of them gets `status`. */
export interface RateLimit {
  readonly requestsPerSecond?: number
  readonly requestsPerMinute?: number
  /** How many times the rate may come at once. */
  readonly burstMultiplier: number
  readonly connections?: number
  /** Addresses (CIDR) without a limit. */
  readonly unlimitedSources: readonly string[]
  readonly status: number
}

export interface BasicAuthentication {
  readonly realm: string
  /** As htpasswd writes them: crypt(3) hashes, `$apr1$`, `{SHA}`, bcrypt. By user. */
  readonly users: ReadonlyMap<string, string>
}

/** Another server is asked with the headers of each request whether it may pass. */
export interface ExternalAuthentication {
  /** http or https; `$host`, `$request_uri`, `$scheme` and the like were no part of it or have been replaced by `variables`. */
  readonly url: string
  readonly method?: string
  /** Where clients are sent that may not pass (401); `rd=<their address>` is added. */
  readonly signIn?: string
  readonly signInParameter: string
  /** Headers of its answer that the backend gets. */
  readonly responseHeaders: readonly string[]
  readonly requestHeaders: readonly Header[]
}

export interface Cors {
  /** Whole origins, `*`, or with `*.` before the host. */
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposedHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number
}

/** In milliseconds. */
export interface Timeouts {
  readonly connect?: number
  /** Between two reads of a backend's answer. */
  readonly read?: number
  /** Between two writes of a request to a backend. */
  readonly send?: number
}

export interface Retry {
  /** How many servers are tried in all; 0 is as many as there are. */
  readonly tries: number
  /** In all of them together, in milliseconds; 0 is no limit. */
  readonly timeout: number
  readonly on: ReadonlySet<'connect' | 'timeout' | 'invalid' | '500' | '502' | '503' | '504' | '403' | '404' | '429'>
  /** Also requests that may change something (POST, PATCH, LOCK). */
  readonly also: 'safe' | 'all'
}

/** Servers of which any can answer. */
export interface Pool {
  readonly name: string
  /** Ordered by id. Without any the answer is 503. */
  readonly servers: readonly Server[]
  readonly protocol: 'http' | 'https' | 'grpc' | 'grpcs'
  /** For https and grpcs. */
  readonly tls?: BackendTls
  readonly balance: Balance
  readonly affinity?: CookieAffinity
}

export interface Server {
  /** Unique in the pool and the same as long as the server is: `10.244.1.7:8080`. */
  readonly id: string
  readonly address: string
  readonly port: number
  /** It ends: requests that it has may be finished, and clients that stick to it go elsewhere. */
  readonly draining: boolean
}

export type Balance =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'least-loaded' }
  /** The same server for the same value, as far as servers stay. */
  | { readonly kind: 'hash'; readonly by: 'source' | 'path' | 'host' | { readonly header: string } }

/** A cookie, made by the data plane, that names the server which a client had. */
export interface CookieAffinity {
  readonly name: string
  readonly path: string
  readonly domain?: string
  /** Max-Age, and Expires that says the same. Absent: until the client ends. */
  readonly maxAgeSeconds?: number
  readonly secure: boolean
  readonly sameSite?: 'None' | 'Lax' | 'Strict'
  /** Whether `None` is not said to browsers that would refuse it. */
  readonly sparesOldBrowsers?: true
  /** Whether the cookie is given anew when its server failed. */
  readonly changeOnFailure: boolean
}

export interface BackendTls {
  readonly serverName?: string
  /** PEM of the authorities that backends are checked with; not checked when absent. */
  readonly authority?: string
  /** The name of the certificate that we show. */
  readonly certificate?: string
}

/** PEM. Data planes must not write them where others can read them. */
export interface Certificate {
  readonly chain: string
  readonly key: string
}

export interface ServerName {
  readonly host: HostMatch
  readonly certificate: string
  /** Present when clients are asked for a certificate; those without a good one are not cut off, for rules to decide. */
  readonly clients?: ClientAuthority
}

/** Who vouches for clients. PEM. */
export interface ClientAuthority {
  readonly authority: string
  /** Lists of what they have revoked. */
  readonly revoked?: string
}

/** Which clients may pass; others get 400, those with another name 403, and who asked for another host by TLS 421. */
export interface ClientCertificateRule extends ClientAuthority {
  /** How many certificates may stand between a client's and an authority that signs itself. */
  readonly depth: number
  /**
   * `optional`: also without one; `unchecked`: also with one for which nobody known vouches. Requests without TLS get 403 where
   * it is `required`, and count as without one elsewhere.
   */
  readonly demand: 'required' | 'optional' | 'unchecked'
  /** An RE2 pattern for a part of the subject's name, as RFC 2253 writes it. */
  readonly subject?: string
  /** Where those are sent who would get 400. */
  readonly errorPage?: string
  /** Whether backends get the certificate itself; of its names and of what came of checking it they are always told. */
  readonly passesCertificate: boolean
}

/** What puts a routing into effect. */
export interface DataPlane extends AsyncDisposable {
  /** Which one, for people. */
  readonly kind: 'haproxy' | 'node'
  /**
   * Makes exactly this what is served and resolves once it is: no connection is refused, no request that is under way is cut.
   * Rejects when it cannot; then what was served before still is. Never called again before it has settled.
   */
  apply(routing: Routing): Promise<Applied>
}

export interface Applied {
  /** Whether the servers, certificates or nothing were changed in place, or a new process took over. */
  readonly how: 'nothing' | 'in place' | 'reload'
  /** Parts of routes that this data plane cannot serve, by the route's name; told on their owners. */
  readonly left: ReadonlyMap<string, readonly string[]>
}

/** Where a data plane listens. */
export interface ListenAddresses {
  readonly http: readonly { readonly address: string; readonly port: number }[]
  readonly https: readonly { readonly address: string; readonly port: number }[]
  /**
   * The path of a unix socket for another proxy, which says in the header `X-Ingress-Arrival` how each request came to it:
   * `10.0.0.1 https 443`. Only for planes that can stand behind another one.
   */
  readonly behind?: string
}
