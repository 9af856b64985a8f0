import type { Authorizer } from './authorizer.ts'

/** Paths that anybody may read: whether the server is well, and its version. */
const publicPaths = new Set(['/healthz', '/livez', '/readyz', '/version'])

function isPublic(path: string): boolean {
  const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
  return publicPaths.has(plain)
}

/** The group that may do everything. */
const masters: Authorizer = {
  name: 'SystemMasters',
  authorize: (caller) => (caller.groups.includes('system:masters') ? 'allow' : undefined),
}

/** Everybody may see the server's health and version. */
const publicInformation: Authorizer = {
  name: 'PublicInformation',
  authorize: (_caller, info) =>
    !info.isResource && (info.verb === 'get' || info.verb === 'head') && isPublic(info.path) ? 'allow' : undefined,
}

/** Whoever has shown who he is may do everything. */
const authenticated: Authorizer = {
  name: 'Authenticated',
  authorize: (caller) => (caller.groups.includes('system:authenticated') ? 'allow' : undefined),
}

/** Every authorizer, in the order in which they are asked. */
export const authorizers: readonly Authorizer[] = [masters, publicInformation, authenticated]
