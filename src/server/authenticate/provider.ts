// The keys of an OpenID provider, by which the tokens are known that it signed.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose'
import { HttpClient } from '#lib/http/client.ts'
import type { ProviderOptions } from './providerOptions.ts'

const longestToken = 16 * 1024
const largestAnswer = 1024 * 1024
const answerWithin = 10_000
/** Keys are read anew when a token names one that is not known, and after a failure, but not more often than this. */
const readEvery = 10_000

/** What a token says of its issuer; nothing about it has been checked. */
export function issuerOf(token: string): string | undefined {
  if (token.length > longestToken) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const issuer = typeof claims === 'object' && claims !== null ? (claims as JWTPayload).iss : undefined
    return typeof issuer === 'string' ? issuer : undefined
  } catch {
    return undefined
  }
}

/** The keys that the provider publishes, read when they are first needed. */
export class ProviderKeys {
  readonly #options: ProviderOptions
  #known: ReturnType<typeof createLocalJWKSet> | undefined
  #reading: Promise<void> | undefined
  #readAt = -Infinity
  /** Why they could not be read the last time. */
  #failure: { readonly error: unknown } | undefined

  constructor(options: ProviderOptions) {
    this.#options = options
  }

  /** The claims of a token that the provider signed for us and that is good at a time. Throws what is wrong with it. */
  async check(token: string, now: number): Promise<JWTPayload> {
    if (this.#known === undefined) await this.#read(now)
    try {
      return await this.#verify(token, now)
    } catch (error) {
      const isUnknown = (error as { code?: string }).code === 'ERR_JWKS_NO_MATCHING_KEY'
      if (!isUnknown || now - this.#readAt < readEvery) throw error
      await this.#read(now)
      return this.#verify(token, now)
    }
  }

  async #verify(token: string, now: number): Promise<JWTPayload> {
    const { issuer, audiences, algorithms } = this.#options
    const expectation = {
      issuer,
      audience: [...audiences],
      algorithms: [...algorithms],
      currentDate: new Date(now),
      requiredClaims: ['exp'],
    }
    return (await jwtVerify(token, this.#known!, expectation)).payload
  }

  /** Reads once for all who ask at the same time. */
  async #read(now: number): Promise<void> {
    if (this.#failure !== undefined && now - this.#readAt < readEvery) throw this.#failure.error
    this.#reading ??= this.#readKeys()
      .then(
        () => (this.#failure = undefined),
        (error: unknown) => (this.#failure = { error }),
      )
      .then(() => {
        this.#readAt = now
        this.#reading = undefined
      })
    await this.#reading
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #readKeys(): Promise<void> {
    const { issuer, discoveryUrl, authority } = this.#options
    const place = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const found = (await readJson(place, authority)) as { issuer?: unknown; jwks_uri?: unknown }
    if (found.issuer !== issuer) {
      throw new Error(`the provider calls itself ${JSON.stringify(found.issuer)}, not ${JSON.stringify(issuer)}`)
    }
    const keysUrl = String(found.jwks_uri)
    if (!URL.canParse(keysUrl) || new URL(keysUrl).protocol !== 'https:') {
      throw new Error(`the provider's keys are said to be at ${JSON.stringify(keysUrl)}, which is no https URL`)
    }
    this.#known = createLocalJWKSet((await readJson(keysUrl, authority)) as JSONWebKeySet)
  }
}

/** Reads a document over https. Redirects are not followed. */
async function readJson(text: string, authority: string | undefined): Promise<object> {
  const url = new URL(text)
  const client = new HttpClient({ url: url.origin, protocol: 'h1', tls: authority === undefined ? {} : { authority } })
  try {
    const signal = AbortSignal.timeout(answerWithin)
    const response = await client.request({ path: `${url.pathname}${url.search}`, signal })
    if (response.status !== 200) throw new Error(`${text} answered ${response.status}`)
    const value: unknown = JSON.parse((await response.readBody(largestAnswer)).toString('utf8'))
    if (typeof value !== 'object' || value === null) throw new Error(`${text} is no JSON object`)
    return value
  } finally {
    client.close()
  }
}
