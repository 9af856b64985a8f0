/** Cross-origin requests: which headers an answer gets. */
import type { Cors, Header } from '#ingress/routing.ts'

/** Headers of the answer to a request from `origin`; none when that is not one of the allowed. */
export function corsHeaders(cors: Cors, origin: string | undefined): readonly Header[] {
  const allowed = allowedOrigin(cors, origin)
  if (allowed === undefined) return []
  return [
    { name: 'Access-Control-Allow-Origin', value: allowed },
    ...(allowed === '*' ? [] : [{ name: 'Vary', value: 'Origin' }]),
    ...(cors.credentials ? [{ name: 'Access-Control-Allow-Credentials', value: 'true' }] : []),
    ...(cors.exposedHeaders.length > 0
      ? [{ name: 'Access-Control-Expose-Headers', value: cors.exposedHeaders.join(', ') }]
      : []),
  ]
}

/** Headers of the answer to a preflight request (OPTIONS); nothing when its origin is not allowed. */
export function preflightHeaders(cors: Cors, origin: string | undefined): readonly Header[] | undefined {
  const headers = corsHeaders(cors, origin)
  if (headers.length === 0) return undefined
  return [
    ...headers,
    { name: 'Access-Control-Allow-Methods', value: cors.methods.join(', ') },
    { name: 'Access-Control-Allow-Headers', value: cors.headers.join(',') },
    { name: 'Access-Control-Max-Age', value: String(cors.maxAgeSeconds) },
  ]
}

/** Browsers refuse `*` together with credentials: then it is the origin itself. */
function allowedOrigin(cors: Cors, origin: string | undefined): string | undefined {
  if (cors.origins.includes('*')) return cors.credentials && origin !== undefined ? origin : '*'
  return origin !== undefined && cors.origins.some((pattern) => originMatches(pattern, origin)) ? origin : undefined
}

/** `https://*.example.com` is any one label in that place. */
function originMatches(pattern: string, origin: string): boolean {
  const star = pattern.indexOf('*.')
  if (star < 0) return pattern === origin
  const before = pattern.slice(0, star)
  const after = pattern.slice(star + 1)
  if (!origin.startsWith(before) || !origin.endsWith(after)) return false
  const label = origin.slice(before.length, origin.length - after.length)
  return /^[A-Za-z0-9_-]+$/.test(label)
}
