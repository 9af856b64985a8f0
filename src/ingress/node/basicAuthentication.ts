/** Users and passwords in the Authorization header (RFC 7617). */
import { createHash } from 'node:crypto'
import { RecentMap } from '#lib/collections/recentMap.ts'
import type { BasicAuthentication } from '#ingress/routing.ts'
import { isKnownHash, isSlowHash, verifyPassword } from './htpasswd.ts'
import type { SlowPasswords } from './slowPasswords.ts'

/** `busy` when too many others wait to be told. */
export type Access = 'right' | 'wrong' | 'busy'

/** Checks that were made and that are under way, by hashes of what was checked: a browser sends the same with each request. */
const checked = new RecentMap<string, 'right' | 'wrong'>(10_000)
const underWay = new Map<string, Promise<Access>>()

/** Whether the header names a user with the right password. */
export function accessOf(
  authentication: BasicAuthentication,
  header: string | undefined,
  slow: SlowPasswords,
): Access | Promise<Access> {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined || encoded.length > 4_096) return 'wrong'
  const credentials = Buffer.from(encoded, 'base64').toString()
  const colon = credentials.indexOf(':')
  const hash = colon < 0 ? undefined : authentication.users.get(credentials.slice(0, colon))
  if (hash === undefined) return 'wrong'
  const password = credentials.slice(colon + 1)
  const key = createHash('sha256').update(`${hash}\n${password}`).digest('base64')
  if (!isSlowHash(hash)) return checked.getOrMake(key, () => (verifyPassword(password, hash) ? 'right' : 'wrong'))
  const known = checked.get(key) ?? underWay.get(key)
  if (known !== undefined) return known
  const access = slow.check(password, hash).then((isRight) => {
    underWay.delete(key)
    if (isRight === undefined) return 'busy'
    const found = isRight ? 'right' : 'wrong'
    checked.set(key, found)
    return found
  })
  underWay.set(key, access)
  return access
}

/** The WWW-Authenticate header of a refusal. */
export function challenge(authentication: BasicAuthentication): string {
  return `Basic realm="${authentication.realm.replace(/["\\]/g, '\\$&')}"`
}

/** What is said of users whose passwords cannot be checked here. */
export const unknownHash = (user: string): string =>
  `the password of user ${user} has a hash that cannot be checked here: use bcrypt (cost 4 to 12), apr1, SHA or SHA-crypt`

/** Those users. */
export function usersLeft(authentication: BasicAuthentication): readonly string[] {
  return [...authentication.users].filter(([, hash]) => !isKnownHash(hash)).map(([user]) => user)
}
