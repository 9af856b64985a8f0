// How the values of annotations are read. Each reader takes any text and gives a value that is safe to hand on, or says what
// would have been right.
import { canonicalIp } from '#lib/net/ip.ts'
import { formatCidr, parseCidr } from '#lib/net/cidr.ts'
import { patternProblem } from '#lib/linearRegExp.ts'
import { isNodesOwn } from '../nodesOwn.ts'

/** What would have been right, after "must be". */
export interface Misfit {
  readonly mustBe: string
}

export type Reader<V> = (text: string) => V | Misfit

export const isMisfit = (value: unknown): value is Misfit =>
  typeof value === 'object' && value !== null && 'mustBe' in value

const mustBe = (text: string): Misfit => ({ mustBe: text })

export const yesOrNo: Reader<boolean> = (text) => {
  // As Go's strconv.ParseBool takes them.
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true
  return /^(0|f|F|false|FALSE|False)$/.test(text) ? false : mustBe('"true" or "false"')
}

/** nginx's own way to say yes or no. */
export const onOrOff: Reader<boolean> = (text) =>
  text === 'on' || text === 'off' ? text === 'on' : mustBe('"on" or "off"')

export const oneOf =
  <V extends string>(...values: readonly V[]): Reader<V> =>
  (text) =>
    values.find((value) => value === text) ?? mustBe(quotedList(values))

function quotedList(values: readonly string[]): string {
  const quoted = values.map((value) => `"${value}"`)
  return quoted.length === 1 ? quoted[0]! : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}

export const wholeNumber =
  (least: number, most: number): Reader<number> =>
  (text) =>
    /^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most
      ? Number(text)
      : mustBe(`a whole number from ${least} to ${most}`)

/** A number of seconds; `60s` is understood too. In milliseconds. */
export const seconds: Reader<number> = (text) => {
  const match = /^(\d{1,7})s?$/.exec(text)
  return match === null ? mustBe('a number of seconds such as 60') : Number(match[1]) * 1_000
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }

/** As nginx writes sizes; 0 is no limit. In bytes. */
export const size: Reader<number> = (text) => {
  const match = /^(\d{1,9})([kmg]?)$/.exec(text.toLowerCase())
  return match === null
    ? mustBe('a size such as 8m, 512k or 1g, or 0 for no limit')
    : Number(match[1]) * sizeUnits[match[2]!]!
}

const separated =
  <V>(each: (text: string) => V | undefined, mustBeText: string, most = 200): Reader<readonly V[]> =>
  (text) => {
    const values: V[] = []
    for (const part of text.split(',')) {
      const value = each(part.trim())
      if (value === undefined || values.length === most) return mustBe(mustBeText)
      values.push(value)
    }
    return values
  }

/** Addresses and ranges of them. */
export const ranges: Reader<readonly string[]> = separated(
  (part) => {
    if (part.includes('/')) {
      const cidr = parseCidr(part)
      return cidr === undefined ? undefined : formatCidr(cidr)
    }
    const ip = canonicalIp(part)
    return ip === undefined ? undefined : `${ip}/${ip.includes(':') ? 128 : 32}`
  },
  'addresses or ranges separated by commas, such as 10.0.0.0/8,2001:db8::1',
  1_000,
)

const token = /^[A-Za-z0-9!#$%&*+.^_|~-]{1,200}$/
const hostLabel = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const hostPattern = new RegExp(`^${hostLabel}(\\.${hostLabel})*$`)

export const isHostName = (text: string): boolean => text.length <= 253 && hostPattern.test(text)

/** The name of a header or cookie. */
export const tokenName: Reader<string> = (text) =>
  token.test(text) ? text : mustBe('a name of letters, digits and hyphens such as X-Canary')

export const tokenNames: Reader<readonly string[]> = separated(
  (part) => (token.test(part) ? part : undefined),
  'names separated by commas, such as X-User,X-Email',
)

export const methods: Reader<readonly string[]> = separated(
  (part) => (/^([A-Z]{1,20}|\*)$/.test(part) ? part : undefined),
  'methods separated by commas, such as GET, POST',
  50,
)

export const method: Reader<string> = (text) => (/^[A-Z]{1,20}$/.test(text) ? text : mustBe('a method such as GET'))

/** A value as it may stand in a header; quotes and what cannot be printed never come here. */
export const plainText: Reader<string> = (text) =>
  text.length > 0 && text.length <= 500 && !text.includes('$') ? text : mustBe('a text without variables')

export const hostName: Reader<string> = (text) =>
  isHostName(text.toLowerCase()) ? text.toLowerCase() : mustBe('a host name such as shop.example.com')

/** A host name, perhaps with a port. */
export const hostAndPort: Reader<string> = (text) =>
  /^[^:]*(:\d{1,5})?$/.test(text) && isHostName(text.toLowerCase().replace(/:\d+$/, ''))
    ? text.toLowerCase()
    : mustBe('a host name such as shop.example.com')

export const hostNames: Reader<readonly string[]> = separated(
  (part) => (isHostName(part.toLowerCase().replace(/^\*\./, '')) ? part.toLowerCase() : undefined),
  'host names separated by commas, such as www.example.com,example.org',
)

const safePath = /^\/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*$/

export const path: Reader<string> = (text) =>
  safePath.test(text) && text.length <= 1_000 && !text.includes('$') ? text : mustBe('a path such as /app')

/** A path in which `$1` to `$9` stand for what the groups of the path's pattern matched. */
export const pathTemplate: Reader<string> = (text) =>
  safePath.test(text) && text.length <= 1_000 && !/\$(?![1-9])/.test(text)
    ? text
    : mustBe('a path such as / or /$1, in which $1 to $9 stand for groups of the path')

export const pattern: Reader<string> = (text) => {
  if (text.length > 500) return mustBe('a regular expression of at most 500 characters')
  const problem = patternProblem(text)
  return problem === undefined && text !== ''
    ? text
    : mustBe(`a regular expression in RE2's syntax${problem === undefined ? '' : ` (${problem})`}`)
}

const origin = /^(https?:\/\/)?(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/i

export const origins: Reader<readonly string[]> = separated(
  (part) => (part === '*' || (origin.test(part) && part.includes('://')) ? part : undefined),
  'origins separated by commas, such as https://shop.example.com or https://*.example.com, or *',
)

/** What stands for parts of the request in an address. */
export interface RequestUrl {
  /** Without what `keepsPath` says. `$host` in it stands for the host of the request. */
  readonly text: string
  /** Whether path and query of the request follow. */
  readonly keepsPath: boolean
}

const urlPattern = /^(https?|\$scheme):\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\]|\$host)(:\d{1,5})?([/?][^\s#]*)?$/i
const variable = /\$[a-z_]*/gi

/** An http or https address; the host may be `$host`, and `$request_uri` may stand at its end. */
export const redirectUrl: Reader<RequestUrl> = (text) => {
  const example = mustBe(
    'an address such as https://www.example.com/shop; of variables only $scheme, $host and a final $request_uri are understood',
  )
  const keepsPath = text.endsWith('$request_uri')
  const rest = keepsPath ? text.slice(0, -'$request_uri'.length) : text
  const match = text.length > 2_000 ? null : urlPattern.exec(rest)
  if (match === null || (keepsPath && match[4] !== undefined && match[4] !== '')) return example
  const variables = rest.match(variable) ?? []
  const isUnknown = variables.some((name) => name !== '$host' && name !== '$scheme')
  if (isUnknown || /\$/.test(match[4] ?? '')) return example
  return { text: rest, keepsPath }
}

/** Where another server is asked. Never this machine, and nothing that only a node itself reaches. */
export const serverUrl: Reader<string> = (text) => {
  const example = mustBe(
    'an http or https address such as http://auth.default.svc.cluster.local/check; of variables only $host as its host is understood',
  )
  const match = text.length > 2_000 ? null : urlPattern.exec(text)
  if (match === null || match[1] === '$scheme' || (match[4] ?? '').includes('$')) return example
  return isNodesOwn(match[2]!.toLowerCase())
    ? mustBe('the address of another server: loopback and link-local addresses are refused')
    : text
}

/** Where clients are sent to sign in; `rd` with their address follows unless it is there. */
export const signInUrl: Reader<string> = (text) => {
  // The address of the request is added by whoever sends clients there: the usual ways to write it say no more.
  const bare = text
    .replace(/([?&])rd=(\$scheme:\/\/\$(host|http_host|best_http_host))?\$(escaped_)?request_uri$/, '$1')
    .replace(/[?&]$/, '')
  const url = redirectUrl(bare)
  if (isMisfit(url) || url.keepsPath || url.text.startsWith('$scheme')) {
    return mustBe(
      'an address such as https://auth.example.com/start; of variables only $host as its host and a final rd=$escaped_request_uri are understood',
    )
  }
  return url.text
}

/** An http or https address of whatever server, without variables. */
export const pageUrl: Reader<string> = (text) =>
  text.length <= 2_000 && urlPattern.test(text) && !text.includes('$')
    ? text
    : mustBe('an http or https address such as https://www.example.com/certificates')

const objectName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/** An object by name, perhaps with its namespace. */
export interface NamedObject {
  readonly namespace?: string
  readonly name: string
}

export const objectReference: Reader<NamedObject> = (text) => {
  const [first = '', second, ...more] = text.split('/')
  const good = (name: string): boolean => name.length <= 253 && objectName.test(name)
  if (more.length > 0 || !good(first) || (second !== undefined && !good(second))) {
    return mustBe('the name of an object of the same namespace')
  }
  return second === undefined ? { name: first } : { namespace: first, name: second }
}

export const retryConditions: Reader<ReadonlySet<string>> = (text) => {
  const known = new Set([
    'error',
    'timeout',
    'invalid_header',
    'http_500',
    'http_502',
    'http_503',
    'http_504',
    'http_403',
    'http_404',
    'http_429',
    'non_idempotent',
    'off',
  ])
  const words = text.split(/\s+/).filter((word) => word !== '')
  return words.length > 0 && words.every((word) => known.has(word))
    ? new Set(words)
    : mustBe(`some of ${[...known].join(' ')}`)
}

/** Statuses of answers that say that something is wrong. */
export const problemStatuses: Reader<readonly number[]> = separated(
  (part) => (/^[45]\d\d$/.test(part) ? Number(part) : undefined),
  'statuses from 400 to 599 separated by commas, such as 404,503',
)

export type HashBy = 'source' | 'path' | 'host' | { readonly header: string }

const hashVariables: Readonly<Record<string, HashBy>> = {
  remote_addr: 'source',
  binary_remote_addr: 'source',
  request_uri: 'path',
  uri: 'path',
  host: 'host',
  http_host: 'host',
}

export const hashBy: Reader<HashBy> = (text) => {
  const name = /^\$\{?([a-z0-9_]+)\}?$/i.exec(text)?.[1]?.toLowerCase() ?? ''
  const known = Object.hasOwn(hashVariables, name) ? hashVariables[name] : undefined
  if (known !== undefined) return known
  const header = /^http_([a-z0-9_]{1,100})$/.exec(name)?.[1]
  return header === undefined
    ? mustBe('one of $remote_addr, $request_uri, $host and $http_NAME for a header')
    : { header: header.replaceAll('_', '-') }
}

const protocols: Readonly<Record<string, 'http' | 'https' | 'grpc' | 'grpcs'>> = {
  HTTP: 'http',
  HTTPS: 'https',
  GRPC: 'grpc',
  GRPCS: 'grpcs',
}

export const backendProtocol: Reader<'http' | 'https' | 'grpc' | 'grpcs'> = (text) =>
  Object.hasOwn(protocols, text.toUpperCase()) ? protocols[text.toUpperCase()]! : mustBe('HTTP, HTTPS, GRPC or GRPCS')
