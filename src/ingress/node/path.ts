/** Reading what a request asks for: the path that routes are matched with, the one that backends get, and the host's name. */

/** Where a request goes, as its first line or `:path` says. */
export interface Target {
  /**
   * What routes are matched with: escaped letters, digits and `-._~` are written plainly, dot segments are gone and several
   * slashes are one, as nginx matches its locations; encoded slashes stay encoded.
   */
  readonly matched: string
  /** What a backend gets when nothing rewrites it: the path as it was sent; without dot segments when it had any. */
  readonly sent: string
  /** With the question mark; empty when there is none. */
  readonly query: string
  /** `host:port` of a whole address (`GET http://shop.example/`), which then counts instead of the Host header. */
  readonly authority?: string
}

/** Why a target is refused; the answer is 400. */
export interface BadTarget {
  readonly problem: string
}

const longestTarget = 16 * 1024

/** Reads the target of a request. */
export function readTarget(text: string): Target | BadTarget {
  if (text.length > longestTarget) return { problem: 'the address of the request is too long' }
  if (/[^!-~]/.test(text)) return { problem: 'the address of the request has a character that must be encoded' }
  if (text.startsWith('/')) return readPath(text)
  const whole = /^https?:\/\/([^/?#]+)(.*)$/i.exec(text)
  if (whole === null) return { problem: 'the address of the request is not a path' }
  const path = readPath(whole[2]!.startsWith('/') ? whole[2]! : `/${whole[2]!}`)
  return 'problem' in path ? path : { ...path, authority: whole[1]! }
}

function readPath(text: string): Target | BadTarget {
  if (text.includes('#')) return { problem: 'the address of the request has a fragment' }
  const mark = text.indexOf('?')
  const raw = mark < 0 ? text : text.slice(0, mark)
  const query = mark < 0 ? '' : text.slice(mark)
  if (!/%|\/\/|\/\.|\\/.test(raw)) return { matched: raw, sent: raw, query }
  if (/%(?![0-9a-fA-F]{2})/.test(raw)) return { problem: 'the path of the request has a broken escape' }
  if (raw.includes('%00')) return { problem: 'the path of the request has an encoded zero byte' }
  const plain = withPlainCharacters(raw)
  // Backends that decode slashes, or cut off what follows a semicolon, would walk up where the route was not chosen by that.
  if (/(?:%2F|%5C|\\)\.{1,2}(?:\/|%2F|%5C|\\|;|$)|\/\.{1,2}(?:%2F|%5C|\\|;)/.test(plain))
    return { problem: 'the path of the request hides a dot segment' }
  const merged = plain.replace(/\/{2,}/g, '/')
  if (!/\/\.{1,2}(?:\/|$)/.test(merged)) return { matched: merged, sent: raw, query }
  const cleaned = withoutDotSegments(merged)
  if (cleaned === undefined) return { problem: 'the path of the request leads above the root' }
  return { matched: cleaned, sent: cleaned, query }
}

/** Escapes in upper case; without those that RFC 3986 (6.2.2.2) calls needless. */
function withPlainCharacters(path: string): string {
  return path.replace(/%[0-9a-fA-F]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape.toUpperCase()
  })
}

/** RFC 3986, 5.2.4; nothing when the path would go above the root. */
function withoutDotSegments(path: string): string | undefined {
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [at, segment] of segments.entries()) {
    if (segment === '..' && kept.pop() === undefined) return undefined
    const isDots = segment === '.' || segment === '..'
    if (!isDots) kept.push(segment)
    else if (at === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}

/** The path of a route as `matched` of a target would be written, so that `/käse` matches `/k%C3%A4se`. */
export function encodedPath(path: string): string {
  return withPlainCharacters(
    path.replace(/[^!-~]|["<>^`{|}]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    ),
  )
}

/** The name in `host` or `host:port`, in lower case and without a final dot; nothing when it is no name or address. */
export function hostName(authority: string): string | undefined {
  if (authority.length > 300) return undefined
  const name = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{0,5})?$/.exec(authority)?.[1]?.toLowerCase()
  return name?.endsWith('.') ? name.slice(0, -1) : name
}
