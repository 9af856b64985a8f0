// Requests that another server passes on in the name of its own callers: its certificate says that it may, headers say for
// whom it asks.
import type { X509Certificate } from 'node:crypto'
import { unauthorized } from '#machinery/status.ts'
import type { ServerRequest } from '../request.ts'
import { bearerToken, type Authenticator } from './authenticator.ts'

/** Who may ask in the name of others, and in which headers it says for whom. */
export interface RequestHeaderConfiguration {
  /** PEM of the authorities that vouch for such servers, and for nobody else. */
  readonly authority: string
  /** The common names of such servers; any that the authorities vouch for when empty. */
  readonly allowedNames: readonly string[]
  /** The first header that is there says who the user is. */
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  /** Every value of each is a group. */
  readonly groupHeaders: readonly string[]
  /** What follows in the names of such headers is the key of an extra value. */
  readonly extraHeaderPrefixes: readonly string[]
}

/**
 * Knows callers by what a server says that may ask for them. Its own certificate makes nobody a user: whoever shows one
 * without saying for whom it asks, and no token either, is refused. `isProxy` says whose certificates are such a server's.
 */
export function requestHeader(
  configuration: Omit<RequestHeaderConfiguration, 'authority'>,
  isProxy: (certificate: X509Certificate) => boolean,
): Authenticator {
  const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.trim().toLowerCase())
  const { allowedNames } = configuration
  const [usernames, uids] = [lower(configuration.usernameHeaders), lower(configuration.uidHeaders)]
  const [groups, prefixes] = [lower(configuration.groupHeaders), lower(configuration.extraHeaderPrefixes)]
  return {
    name: 'RequestHeader',
    authenticate(request) {
      const { certificate } = request
      if (certificate === undefined || !isProxy(certificate.certificate)) return undefined
      const name = firstValue(request, usernames)
      const isAllowed = allowedNames.length === 0 || allowedNames.includes(certificate.commonName)
      if (name === '' || !isAllowed) {
        if (bearerToken(request) === undefined) throw unauthorized()
        return undefined
      }
      const uid = firstValue(request, uids)
      const extra = extraValues(request, prefixes)
      return {
        name,
        ...(uid === '' ? {} : { uid }),
        groups: groups.flatMap((header) => valuesOf(request, header)),
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
      }
    },
  }
}

/** Whether one of some authorities has signed a certificate; found out once for each. TLS has checked all else. */
export function vouchedFor(authorities: readonly X509Certificate[]): (certificate: X509Certificate) => boolean {
  const known = new WeakMap<X509Certificate, boolean>()
  return (certificate) => {
    let is = known.get(certificate)
    if (is === undefined) {
      is = authorities.some(
        (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
      )
      known.set(certificate, is)
    }
    return is
  }
}

/** Headers hold bytes; those of names of users and groups are UTF-8. */
export function headerText(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8')
}

function valuesOf(request: ServerRequest, header: string): string[] {
  return request
    .headerValues(header)
    .filter((value) => value !== '')
    .map(headerText)
}

function firstValue(request: ServerRequest, headers: readonly string[]): string {
  for (const header of headers) {
    const [value] = valuesOf(request, header)
    if (value !== undefined) return value
  }
  return ''
}

function extraValues(request: ServerRequest, prefixes: readonly string[]): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {}
  for (const prefix of prefixes) {
    for (const name of request.headerNames?.() ?? []) {
      if (!name.startsWith(prefix)) continue
      const key = unescapeKey(name.slice(prefix.length))
      const before = Object.hasOwn(extra, key) ? extra[key]! : []
      const value = [...before, ...valuesOf(request, name)]
      Object.defineProperty(extra, key, { value, enumerable: true, configurable: true, writable: true })
    }
  }
  return extra
}

/** Names of headers cannot hold every character, so keys come percent-encoded. */
export function unescapeKey(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
