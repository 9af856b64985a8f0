import { badRequest, type StatusError } from '#machinery/status.ts'
import type { Revision } from '#storage/store.ts'

/** Where a list goes on. */
export interface ContinueToken {
  /** The state to read; undefined: the newest, whatever changed in between. */
  readonly revision: Revision | undefined
  /** The part of the last key behind the resource's prefix. */
  readonly after: string
}

const tokenVersion = 'meta.k8s.io/v1'

/** The opaque text of a token. */
export function encodeContinueToken(token: ContinueToken): string {
  const text = JSON.stringify({ v: tokenVersion, rv: token.revision ?? -1, start: `${token.after}\u0000` })
  return Buffer.from(text).toString('base64url')
}

/** Reads a token that a client sent back; a bad one is answered 400. */
export function decodeContinueToken(text: string): ContinueToken {
  const wrong = text.search(/[^A-Za-z0-9_-]/)
  if (wrong >= 0 || text.length % 4 === 1) {
    const at = wrong >= 0 ? wrong : text.length - 1
    throw invalidToken(`continue key is not valid: illegal base64 data at input byte ${at}`)
  }
  const json = Buffer.from(text, 'base64url')
  let token: { v?: unknown; rv?: unknown; start?: unknown }
  try {
    token = JSON.parse(json.toString('utf8')) as typeof token
  } catch {
    const first = json[0]
    throw invalidToken(
      first === undefined || first === 0x7b
        ? 'continue key is not valid: unexpected end of JSON input'
        : `continue key is not valid: invalid character '${String.fromCharCode(first)}' looking for beginning of value`,
    )
  }
  const { v = '', rv = 0, start = '' } = token ?? {}
  if (typeof v !== 'string') throw wrongType('v', v, 'string')
  if (typeof rv !== 'number' || !Number.isInteger(rv)) throw wrongType('rv', rv, 'int64')
  if (typeof start !== 'string') throw wrongType('start', start, 'string')
  if (v !== tokenVersion) {
    throw invalidToken(`continue key is not valid: server does not recognize this encoded version ${v}`)
  }
  if (rv === 0) {
    throw invalidToken(`continue key is not valid: incorrect encoded start resourceVersion (version ${tokenVersion})`)
  }
  if (start === '') throw invalidToken(`continue key is not valid: encoded start key empty (version ${tokenVersion})`)
  const key = start.startsWith('/') ? start.slice(1) : start
  // Nobody may leave the resource.
  if (key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw invalidToken(`continue key is not valid: ${start}`)
  }
  return { revision: rv < 0 ? undefined : rv, after: key.endsWith('\u0000') ? key.slice(0, -1) : key }
}

function wrongType(field: string, value: unknown, type: string): StatusError {
  return invalidToken(
    `continue key is not valid: json: cannot unmarshal ${jsonType(value, type)} into Go struct field continueToken.${field} of type ${type}`,
  )
}

/** How upstream calls the type of a value in JSON that is no `wanted`; of numbers it says which. */
function jsonType(value: unknown, wanted: string): string {
  if (typeof value === 'number') return wanted === 'string' ? 'number' : `number ${value}`
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'array' : typeof value
}

function invalidToken(why: string): StatusError {
  return badRequest(`invalid continue token: ${why}`)
}
