// How the server tells other servers for whom it asks: in headers, which they believe because of its certificate.
import type { Caller } from '../../strategy.ts'

const extraPrefix = 'x-remote-extra-'

/** Whether a header says for whom a request is: from a client it counts for nothing. */
export const isIdentityHeader = (name: string): boolean =>
  name === 'x-remote-user' || name === 'x-remote-uid' || name === 'x-remote-group' || name.startsWith(extraPrefix)

/** The headers that say for whom a request is. */
export function identityHeaders({ name, uid = '', groups, extra = {} }: Caller): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'X-Remote-User': headerText(name) }
  if (uid !== '') headers['X-Remote-Uid'] = headerText(uid)
  if (groups.length > 0) headers['X-Remote-Group'] = groups.map(headerText)
  for (const [key, values] of Object.entries(extra)) {
    headers[`X-Remote-Extra-${escapeKey(key)}`] = values.map(headerText)
  }
  return headers
}

/** Headers hold bytes: those of the text in UTF-8. */
function headerText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

const legal = /[!#$&'*+\-.^_`|~0-9A-Za-z]/

/** Names of headers cannot hold every character; what they cannot hold comes percent-encoded. */
function escapeKey(key: string): string {
  let escaped = ''
  for (const byte of Buffer.from(key, 'utf8')) {
    const character = String.fromCharCode(byte)
    escaped += legal.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}
