/** Signed tokens (JWT, RFC 7519) on `jose`: making them, checking them, and publishing the keys that check them. */
import { createHash, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, exportJWK, SignJWT } from 'jose'
import type { JWK } from 'jose'

/** What a token says. Times are in seconds since the epoch. */
export interface TokenClaims {
  readonly iss?: string
  readonly sub?: string
  readonly aud?: string | readonly string[]
  readonly exp?: number
  readonly nbf?: number
  readonly iat?: number
  readonly jti?: string
  readonly [claim: string]: unknown
}

export type TokenResult =
  | { readonly ok: true; readonly claims: TokenClaims }
  | { readonly ok: false; readonly problem: string }

/** Longer texts are no tokens of ours. */
const longestToken = 16 * 1024

/** Makes tokens with one private key: RS256 for RSA, ES256 for P-256. */
export class TokenSigner {
  readonly #key: KeyObject
  readonly #algorithm: string
  readonly keyId: string

  constructor(privateKey: KeyObject) {
    this.#key = privateKey
    this.#algorithm = algorithmOf(privateKey)
    this.keyId = keyIdentifier(privateKey)
  }

  async sign(claims: TokenClaims): Promise<string> {
    return await new SignJWT(claims as ConstructorParameters<typeof SignJWT>[0])
      .setProtectedHeader({ alg: this.#algorithm, kid: this.keyId })
      .sign(this.#key)
  }
}

/** So many of the newest tokens are known by their text. */
const newestKept = 64

/**
 * Checks tokens against a set of keys. Signatures are remembered by the token's hash, because clients send the same token with
 * every request and checking one takes 60 µs; times, issuer and audience are looked at each time.
 */
export class TokenVerifier {
  readonly #keys = new Map<string, { readonly key: KeyObject; readonly algorithm: string }>()
  readonly #issuers: readonly string[]
  readonly #newest = new Map<string, TokenClaims>()
  readonly #remembered = new Map<string, TokenClaims>()
  readonly #capacity: number
  #keySet: Promise<{ readonly keys: JWK[] }> | undefined

  constructor(options: {
    readonly keys: readonly KeyObject[]
    readonly issuers: readonly string[]
    readonly remember?: number
  }) {
    for (const key of options.keys)
      this.#keys.set(keyIdentifier(key), { key: publicKeyOf(key), algorithm: algorithmOf(key) })
    this.#issuers = options.issuers
    this.#capacity = options.remember ?? 4_096
  }

  /** Whether the token is good at `now` (milliseconds) for one of `audiences`, or why not. Any audience will do when there are none. */
  verify(token: string, now: number, audiences: readonly string[] = []): TokenResult | Promise<TokenResult> {
    const newest = this.#newest.get(token)
    return newest === undefined ? this.#verifyOther(token, now, audiences) : this.#judge(newest, now, audiences)
  }

  async #verifyOther(token: string, now: number, audiences: readonly string[]): Promise<TokenResult> {
    if (token.length > longestToken) return refuse(`token is longer than ${longestToken} characters`)
    const hash = hashOf(token)
    let claims = this.#remembered.get(hash)
    if (claims === undefined) {
      const checked = await this.#check(token)
      if (!checked.ok) return checked
      claims = checked.claims
    }
    this.#remember(token, hash, claims)
    return this.#judge(claims, now, audiences)
  }

  #judge(claims: TokenClaims, now: number, audiences: readonly string[]): TokenResult {
    const problem = this.#findProblem(claims, now / 1000, audiences)
    return problem === undefined ? { ok: true, claims } : refuse(problem)
  }

  /** The keys by which others can check the tokens that this one accepts. */
  keySet(): Promise<{ readonly keys: JWK[] }> {
    return (this.#keySet ??= exportKeySet([...this.#keys.values()].map(({ key }) => key)))
  }

  /** Whether a token says that it comes from an issuer of ours; nothing about it has been checked. */
  claimsOurIssuer(token: string): boolean {
    if (this.#newest.has(token)) return true
    if (token.length > longestToken) return false
    if (this.#remembered.has(hashOf(token))) return true
    try {
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as TokenClaims
      return typeof claims?.iss === 'string' && this.#issuers.includes(claims.iss)
    } catch {
      return false
    }
  }

  async #check(token: string): Promise<TokenResult> {
    let header: ReturnType<typeof decodeProtectedHeader>
    try {
      header = decodeProtectedHeader(token)
    } catch {
      return refuse('token is not a signed token')
    }
    // Without a key id every key of the right kind is tried.
    const named =
      header.kid === undefined
        ? [...this.#keys.values()]
        : [this.#keys.get(header.kid)].filter((key) => key !== undefined)
    for (const { key, algorithm } of named) {
      if (algorithm !== header.alg) continue
      try {
        const { payload } = await compactVerify(token, key, { algorithms: [algorithm] })
        const claims = JSON.parse(Buffer.from(payload).toString('utf8')) as TokenClaims
        if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
          return refuse('token claims are not an object')
        return { ok: true, claims }
      } catch {
        continue
      }
    }
    return refuse('token signature is not valid')
  }

  #findProblem(claims: TokenClaims, now: number, audiences: readonly string[]): string | undefined {
    if (claims.iss === undefined || !this.#issuers.includes(claims.iss))
      return `token issuer "${String(claims.iss)}" is not accepted`
    if (claims.exp !== undefined && !(now < Number(claims.exp))) return 'token has expired'
    if (claims.nbf !== undefined && !(now >= Number(claims.nbf))) return 'token is not valid yet'
    if (audiences.length === 0) return undefined
    const given = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? [])
    return given.some((audience) => audiences.includes(audience))
      ? undefined
      : `token audiences ${JSON.stringify(given)} are invalid for the target audiences ${JSON.stringify(audiences)}`
  }

  /** Keeps the tokens that were used last; the newest come again with the next request, and their text finds them soonest. */
  #remember(token: string, hash: string, claims: TokenClaims): void {
    if (this.#newest.size >= newestKept) this.#newest.clear()
    this.#newest.set(token, claims)
    this.#remembered.delete(hash)
    this.#remembered.set(hash, claims)
    if (this.#remembered.size > this.#capacity) this.#remembered.delete(this.#remembered.keys().next().value!)
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}

/** The public halves of keys as a JSON Web Key Set. */
export async function exportKeySet(keys: readonly KeyObject[]): Promise<{ keys: JWK[] }> {
  const published = keys.map(async (key) => {
    const jwk = await exportJWK(publicKeyOf(key))
    return { use: 'sig', kty: jwk.kty!, kid: keyIdentifier(key), alg: algorithmOf(key), ...jwk }
  })
  return { keys: await Promise.all(published) }
}

/** The name of a key in tokens and key sets: the hash of its public half, as Kubernetes has it. */
export function keyIdentifier(key: KeyObject): string {
  return createHash('sha256')
    .update(publicKeyOf(key).export({ type: 'spki', format: 'der' }))
    .digest('base64url')
}

function publicKeyOf(key: KeyObject): KeyObject {
  return key.type === 'public' ? key : createPublicKey(key)
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  const curve = key.asymmetricKeyDetails?.namedCurve
  const algorithm =
    key.asymmetricKeyType === 'ec'
      ? { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }[curve ?? '']
      : undefined
  if (algorithm === undefined)
    throw new Error(`Cannot sign tokens with a key of type "${key.asymmetricKeyType}": use RSA or EC`)
  return algorithm
}

function refuse(problem: string): TokenResult {
  return { ok: false, problem }
}
