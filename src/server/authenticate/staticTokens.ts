import { createHash, timingSafeEqual } from 'node:crypto'
import type { Caller } from '../strategy.ts'
import { serverOnly, type TokenAuthenticator } from './tokenAuthenticator.ts'

const mostBytes = 1024 * 1024

/**
 * Knows the users of a token file. Each line has a token, a user, a uid and perhaps groups, separated by commas; several
 * groups stand between quotes: `token,user,uid,"group1,group2"`. Throws with the number of a line that cannot be read.
 */
export function staticTokens(text: string, serverAudiences: readonly string[]): TokenAuthenticator {
  if (Buffer.byteLength(text) > mostBytes) throw new Error(`The token file is larger than ${mostBytes} bytes`)
  const users: { readonly hash: Buffer; readonly caller: Caller }[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const fields = readFields(line)
    const [token = '', name = '', uid = '', groups = ''] = fields ?? []
    if (fields === undefined || fields.length < 3) {
      throw new Error(`Line ${index + 1} of the token file must be token,user,uid or token,user,uid,"group1,group2"`)
    }
    if (token === '') throw new Error(`Line ${index + 1} of the token file has no token`)
    const list = groups.split(',').flatMap((group) => (group.trim() === '' ? [] : [group.trim()]))
    users.push({ hash: hashOf(token), caller: { name, uid, groups: list } })
  }
  // Every token is compared, whichever is meant, and by its hash: how long that takes tells nothing.
  return serverOnly('StaticTokenFile', serverAudiences, (token) => {
    const hash = hashOf(token)
    return users.filter((user) => timingSafeEqual(user.hash, hash)).at(-1)?.caller
  })
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** The fields of a line of comma-separated values; undefined when a quote is not closed. */
function readFields(line: string): string[] | undefined {
  const fields: string[] = []
  let at = 0
  for (;;) {
    let field = ''
    while (line[at] === ' ') at++
    if (line[at] === '"') {
      for (at++; line[at] !== '"' || line[at + 1] === '"'; at++) {
        if (at >= line.length) return undefined
        if (line[at] === '"') at++
        field += line[at]
      }
      for (at++; line[at] === ' ';) at++
    } else while (at < line.length && line[at] !== ',') field += line[at++]
    fields.push(field.trim())
    if (at >= line.length) return fields
    if (line[at++] !== ',') return undefined
  }
}
