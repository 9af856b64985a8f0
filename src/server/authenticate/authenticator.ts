import { createHash, type X509Certificate } from 'node:crypto'
import { unauthorized } from '#machinery/status.ts'
import type { ServerRequest } from '../request.ts'
import type { Caller } from '../strategy.ts'

/** Takes what is noted while it is found out who sends a request. */
export interface Notes {
  /** The sender gets a `Warning` header. */
  warn(text: string): void
  /** The audit log tells it of the request. */
  annotate(key: string, value: string): void
}

/** For those who ask without a request. */
export const noNotes: Notes = { warn: () => {}, annotate: () => {} }

/** Finds out who sends a request. */
export interface Authenticator {
  readonly name: string
  /** Undefined: the request shows nothing that this one knows. Throws 401 when it shows something false. */
  authenticate(request: ServerRequest, notes: Notes): Caller | undefined | Promise<Caller | undefined>
}

/** Who may ask without showing who he is: everybody, nobody, or everybody at these paths. */
export type AnonymousPaths = boolean | ReadonlySet<string>

/** Whoever shows nothing. */
export const anonymous: Caller = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

/**
 * Asks the authenticators in order, from the one at `from`. Whoever is known already is told at once. Where
 * `allowAnonymous` does not allow it whoever shows nothing is refused with 401.
 */
export function authenticate(
  authenticators: readonly Authenticator[],
  request: ServerRequest,
  allowAnonymous: AnonymousPaths = true,
  notes = noNotes,
  from = 0,
): Caller | Promise<Caller> {
  for (let at = from; at < authenticators.length; at++) {
    const caller = authenticators[at]!.authenticate(request, notes)
    if (caller instanceof Promise) {
      return caller.then((found) =>
        found === undefined ? authenticate(authenticators, request, allowAnonymous, notes, at + 1) : withGroup(found),
      )
    }
    if (caller !== undefined) return withGroup(caller)
  }
  const isAllowed = typeof allowAnonymous === 'boolean' ? allowAnonymous : allowAnonymous.has(request.path)
  if (!isAllowed || bearerToken(request) !== undefined) throw unauthorized()
  return anonymous
}

/** Whoever has shown who he is is in one group more. */
export function withGroup(caller: Caller): Caller {
  const group = 'system:authenticated'
  return caller.groups.includes(group) ? caller : { ...caller, groups: [...caller.groups, group] }
}

/** The token of an `Authorization: Bearer` header, or of a WebSocket's subprotocol; undefined without one. */
export function bearerToken(request: ServerRequest, notes = noNotes): string | undefined {
  const header = request.header('authorization')
  const token = header === undefined ? undefined : tokenOfHeader(header, notes)
  return token ?? tokenOfProtocol(request)
}

/** The second of the words between single spaces, if the first is `Bearer`. As upstream, it does not look at others. */
function tokenOfHeader(header: string, notes: Notes): string | undefined {
  const text = header.trim()
  const begin = text.indexOf(' ') + 1
  if (begin === 0 || text.slice(0, begin).toLowerCase() !== 'bearer ') return undefined
  const end = text.indexOf(' ', begin)
  if (end !== begin) return end < 0 ? text.slice(begin) : text.slice(begin, end)
  notes.warn('the provided Authorization header contains extra space before the bearer token, and is ignored')
  return undefined
}

function tokenOfProtocol(request: ServerRequest): string | undefined {
  const protocols = request.upgrade === undefined ? undefined : request.header('sec-websocket-protocol')
  const encoded = protocols
    ?.split(',')
    .map((each) => each.trim())
    .find(isTokenProtocol)
  if (encoded === undefined || encoded === websocketTokenPrefix) return undefined
  return Buffer.from(encoded.slice(websocketTokenPrefix.length), 'base64url').toString('utf8')
}

/** Browsers cannot set headers on a WebSocket; they send the token as a subprotocol, which begins with this. */
const websocketTokenPrefix = 'base64url.bearer.authorization.k8s.io.'

/** Whether a WebSocket's subprotocol is really a token. */
export const isTokenProtocol = (protocol: string): boolean => protocol.startsWith(websocketTokenPrefix)

/**
 * A client certificate's common name is the user, its organizations are the groups; but for those of servers that ask in
 * the name of others (`isProxy`), which make nobody a user.
 */
export function clientCertificate(isProxy?: (certificate: X509Certificate) => boolean): Authenticator {
  return {
    name: 'ClientCertificate',
    authenticate({ certificate }) {
      if (certificate === undefined || certificate.commonName === '') return undefined
      let caller = callers.get(certificate)
      if (caller === undefined) {
        if (isProxy?.(certificate.certificate) === true) return undefined
        callers.set(certificate, (caller = callerOf(certificate)))
      }
      return caller
    },
  }
}

/** One connection shows one certificate with all of its requests. */
const callers = new WeakMap<object, Caller>()

function callerOf(shown: NonNullable<ServerRequest['certificate']>): Caller {
  const hash = createHash('sha256').update(shown.certificate.raw).digest('hex')
  return {
    name: shown.commonName,
    groups: [...shown.organizations, 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${hash}`] },
  }
}
