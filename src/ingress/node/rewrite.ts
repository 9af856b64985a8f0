/** The path and query that a backend gets. */
import type { PathMatch, Redirect, Rewrite } from '#ingress/routing.ts'
import { encodedPath } from './path.ts'
import type { Target } from './path.ts'

/** What a backend is asked for. `groups` are those of the route's path pattern, the whole first. */
export function backendTarget(
  target: Target,
  path: PathMatch,
  rewrite: Rewrite | undefined,
  groups: readonly string[],
): string {
  if (rewrite === undefined) return target.sent + target.query
  if (rewrite.kind === 'prefix') return replacePrefix(target.matched, path, rewrite.replacement) + target.query
  const filled = encodedPath(rewrite.template.replace(/\$([1-9])/g, (_, digit: string) => groups[Number(digit)] ?? ''))
  const rooted = filled.startsWith('/') ? filled : `/${filled}`
  // A query in the template comes before the client's, as nginx's rewrite has it.
  if (!rooted.includes('?')) return rooted + target.query
  return target.query === '' ? rooted : `${rooted}${rooted.endsWith('?') ? '' : '&'}${target.query.slice(1)}`
}

function replacePrefix(matched: string, path: PathMatch, replacement: string): string {
  const prefix = path.kind === 'prefix' ? encodedPath(path.path).replace(/\/$/, '') : matched
  const rest = matched.slice(prefix.length)
  const start = encodedPath(replacement).replace(/\/$/, '')
  const joined = start + rest
  return joined.startsWith('/') ? joined : `/${joined}`
}

/** What a redirect is computed from. */
export interface Asked {
  readonly scheme: 'http' | 'https'
  /** `host` or `host:port`, as the client said. */
  readonly authority: string
  readonly target: Target
}

/** The Location of a redirect. */
export function redirectLocation(redirect: Redirect, asked: Asked): string {
  if (redirect.location !== undefined) return redirect.location
  const scheme = redirect.scheme ?? asked.scheme
  const port = /:(\d+)$/.exec(asked.authority)?.[1]
  const name = asked.authority.replace(/:\d*$/, '')
  const keptPort =
    redirect.scheme === undefined && redirect.host === undefined && port !== undefined ? Number(port) : undefined
  return (
    origin(scheme, redirect.host ?? name, redirect.port ?? keptPort) +
    (redirect.path ?? asked.target.sent + asked.target.query)
  )
}

/** `scheme://host`, with the port when it is not the scheme's own. */
export function origin(scheme: 'http' | 'https', host: string, port: number | undefined): string {
  return port === undefined || port === (scheme === 'https' ? 443 : 80)
    ? `${scheme}://${host}`
    : `${scheme}://${host}:${port}`
}
