/** Cookies that name the server which a client had. */
import { createHash } from 'node:crypto'
import type { CookieAffinity } from '#ingress/routing.ts'
import { isOldBrowser } from './oldBrowsers.ts'

/** The value of the first cookie of that name. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    const value = pair.slice(equals + 1).trim()
    return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  }
  return undefined
}

/** What stands for a server in a cookie: the same on every node, and nothing that tells a client about the network behind. */
export function affinityValue(pool: string, server: string): string {
  return createHash('sha256').update(`${pool}\n${server}`).digest('base64url').slice(0, 22)
}

/** The Set-Cookie header that makes a client stay, who calls itself `userAgent`; `now` in milliseconds. */
export function affinityCookie(
  affinity: CookieAffinity,
  value: string,
  now: number,
  userAgent: string | undefined,
): string {
  const { name, path, domain, maxAgeSeconds, secure, sameSite, sparesOldBrowsers } = affinity
  let text = `${name}=${value}`
  if (maxAgeSeconds !== undefined)
    text += `; Expires=${new Date(now + maxAgeSeconds * 1000).toUTCString()}; Max-Age=${maxAgeSeconds}`
  if (domain !== undefined) text += `; Domain=${domain}`
  text += `; Path=${path}`
  if (secure) text += '; Secure'
  text += '; HttpOnly'
  const isSpared = sparesOldBrowsers === true && isOldBrowser(userAgent)
  if (sameSite !== undefined && !isSpared) text += `; SameSite=${sameSite}`
  return text
}
