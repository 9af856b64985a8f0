/** Users and passwords in the Authorization header (RFC 7617). */
import { createHash } from 'node:crypto'
import { RecentMap } from '#lib/collections/recentMap.ts'
import type { BasicAuthentication } from '#ingress/routing.ts'
import { isKnownHash, verifyPassword } from './htpasswd.ts'

/** Checks that were made, by hashes of what was checked: a browser sends the same with each request. */
const checked = new RecentMap<string, 'right' | 'wrong'>(10_000)

/** Whether the header names a user with the right password. */
export function mayPass(authentication: BasicAuthentication, header: string | undefined): boolean {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined || encoded.length > 4_096) return false
  const credentials = Buffer.from(encoded, 'base64').toString()
  const colon = credentials.indexOf(':')
  const hash = colon < 0 ? undefined : authentication.users.get(credentials.slice(0, colon))
  if (hash === undefined) return false
  const password = credentials.slice(colon + 1)
  const key = createHash('sha256').update(`${hash}\n${password}`).digest('base64')
  return checked.getOrMake(key, () => (verifyPassword(password, hash) ? 'right' : 'wrong')) === 'right'
}

/** The WWW-Authenticate header of a refusal. */
export function challenge(authentication: BasicAuthentication): string {
  return `Basic realm="${authentication.realm.replace(/["\\]/g, '\\$&')}"`
}

/** What is said of them. */
export const unknownHash = (user: string): string =>
  `the password of user ${user} has a hash that cannot be checked here: use apr1, SHA or SHA-crypt`

/** Users whose passwords cannot be checked here. */
export function usersLeft(authentication: BasicAuthentication): readonly string[] {
  return [...authentication.users].filter(([, hash]) => !isKnownHash(hash)).map(([user]) => user)
}
