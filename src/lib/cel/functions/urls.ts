/** URLs, read as Go's `ParseRequestURI` reads them: absolute, or an absolute path. */
import { declare, member, plain, type Library, type Overload } from '../declarations.ts'
import { fixedCost, traversalCost } from '../estimates.ts'
import { boolType, listType, mapType, opaqueType, stringType } from '../types.ts'
import { EvaluationError, List, MapOfEntries, OpaqueValue, type Value } from '../values.ts'

const urlType = opaqueType('kubernetes.URL')

class UrlValue extends OpaqueValue {
  readonly type = urlType
  readonly text: string
  readonly scheme: string
  /** With its port. */
  readonly host: string
  readonly path: string
  readonly query: string

  constructor(text: string, scheme: string, host: string, path: string, query: string) {
    super()
    this.text = text
    this.scheme = scheme
    this.host = host
    this.path = path
    this.query = query
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof UrlValue && this.text === other.text
  }
}

/** The URL of a text, or why it is none, in Go's words. */
function read(text: string): UrlValue | { readonly problem: string } {
  const failed = (why: string): { readonly problem: string } => ({ problem: `parse ${JSON.stringify(text)}: ${why}` })
  if (text === '') return failed('empty url')
  if (/\p{Cc}/u.test(text)) return failed('net/url: invalid control character in URL')
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?([^?#]*)(?:\?([^#]*))?/.exec(text)!
  const [, scheme = '', rest = '', query = ''] = match
  if (scheme === '' && text.startsWith(':')) return failed('missing protocol scheme')
  if (scheme === '' && !rest.startsWith('/')) return failed('invalid URI for request')
  const percent = /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(rest)?.[0]
  if (percent !== undefined) return failed(`invalid URL escape ${JSON.stringify(percent)}`)
  if (!rest.startsWith('/')) return new UrlValue(text, scheme.toLowerCase(), '', '', query)
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))
  if (!hasAuthority) return new UrlValue(text, scheme.toLowerCase(), '', rest, query)
  const [, authority = '', path = ''] = /^\/\/([^/]*)(.*)$/s.exec(rest)!
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  const bad = /[^A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\u{10ffff}]/u.exec(host)?.[0]
  if (bad !== undefined) return failed(`invalid character ${JSON.stringify(bad)} in host name`)
  const afterHost = host.startsWith('[')
    ? host.slice(host.indexOf(']') + 1)
    : host.slice(host.includes(':') ? host.indexOf(':') : host.length)
  if (host.startsWith('[') && !host.includes(']')) return failed("missing ']' in host")
  if (!/^(?::\d*)?$/.test(afterHost)) return failed(`invalid port ${JSON.stringify(afterHost)} after host`)
  return new UrlValue(text, scheme.toLowerCase(), host, path, query)
}

function urlOf(text: string): UrlValue {
  const url = read(text)
  if ('problem' in url) throw new EvaluationError(`URL parse error during conversion from string: ${url.problem}`)
  return url
}

const portOf = (host: string): string => /:(\d*)$/.exec(host)?.[1] ?? ''

function hostnameOf(host: string): string {
  const name = host.replace(/:\d*$/, '')
  return name.startsWith('[') ? name.slice(1, -1) : name
}

function queryOf(query: string): Value {
  const values = new Map<string, string[]>()
  for (const piece of query.split('&')) {
    if (piece === '' || piece.includes(';')) continue
    const [key, value] = splitOnce(piece).map(decode)
    if (key === undefined || value === undefined) continue
    const list = values.get(key)
    if (list === undefined) values.set(key, [value])
    else list.push(value)
  }
  const map = new MapOfEntries()
  for (const [key, list] of values) map.add(key, new List(list))
  return map
}

function splitOnce(text: string): readonly string[] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

const constant = fixedCost(1)

const part = (id: string, read: (url: UrlValue) => string): Overload =>
  member(id, [urlType], stringType, read, constant)

export const urlsLibrary: Library = {
  name: 'urls',
  types: [urlType],
  functions: [
    declare('url', plain('string_to_url', [stringType], urlType, urlOf, traversalCost(0))),
    declare(
      'isURL',
      plain('is_url_string', [stringType], boolType, (text: string) => read(text) instanceof UrlValue),
    ),
    declare(
      'getScheme',
      part('url_get_scheme', ({ scheme }) => scheme),
    ),
    declare(
      'getHost',
      part('url_get_host', ({ host }) => host),
    ),
    declare(
      'getHostname',
      part('url_get_hostname', ({ host }) => hostnameOf(host)),
    ),
    declare(
      'getPort',
      part('url_get_port', ({ host }) => portOf(host)),
    ),
    declare(
      'getEscapedPath',
      part('url_get_escaped_path', ({ path }) => path),
    ),
    declare(
      'getQuery',
      member(
        'url_get_query',
        [urlType],
        mapType(stringType, listType(stringType)),
        ({ query }: UrlValue) => queryOf(query),
        constant,
      ),
    ),
  ],
}
