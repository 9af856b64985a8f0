// Users of an OpenID Connect provider: ID tokens that it signed, checked with the keys that it publishes.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose'
import { messageOf } from '#lib/errorText.ts'
import { HttpClient } from '#lib/http/client.ts'
import type { Clock } from '#lib/clock.ts'
import type { Caller } from '../strategy.ts'
import type { TokenAnswer, TokenAuthenticator } from './tokenAuthenticator.ts'

export interface OidcOptions {
  /** The provider, as its tokens name it: an https URL without query. */
  readonly issuer: string
  /** For whom tokens must be made. */
  readonly clientId: string
  /** The claim with the user's name; `sub` when absent. */
  readonly usernameClaim?: string
  /** What stands before names. Absent: the issuer and `#`, nothing for `email`; `-`: nothing. */
  readonly usernamePrefix?: string
  /** The claim with the user's groups: a text or a list of them. */
  readonly groupsClaim?: string
  readonly groupsPrefix?: string
  /** Claims that tokens must have, with their values. */
  readonly requiredClaims?: Readonly<Record<string, string>>
  /** With what tokens may be signed; RS256 alone when absent. */
  readonly algorithms?: readonly string[]
  /** PEM of the authority that the provider's certificate is from; those of the machine when absent. */
  readonly authority?: string
  /** The audiences of this server, for reviews of tokens. */
  readonly serverAudiences: readonly string[]
  readonly clock: Clock
}

const longestToken = 16 * 1024
const largestAnswer = 1024 * 1024
const answerWithin = 10_000
/** Keys are read anew when a token names one that is not known, and after a failure, but not more often than this. */
const readEvery = 10_000

const asymmetric = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512']

/** Knows the users of a provider. Throws when the options cannot be used. */
export function oidcTokens(options: OidcOptions): TokenAuthenticator {
  checkOptions(options)
  const { issuer, clock, serverAudiences } = options
  const keys = new ProviderKeys(options)
  return {
    name: 'OIDC',
    async verify(token, audiences): Promise<TokenAnswer> {
      if (issuerOf(token) !== issuer) return undefined
      const common = serverAudiences.filter((each) => audiences.includes(each))
      if (common.length === 0) return { problem: 'oidc: the token is good for this server alone' }
      try {
        const claims = await keys.check(token, clock.now())
        return { caller: callerOf(claims, options), audiences: common }
      } catch (error) {
        return { problem: `oidc: verify token: ${messageOf(error)}` }
      }
    },
  }
}

function checkOptions({ issuer, clientId, algorithms = [] }: OidcOptions): void {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new Error(`The issuer is ${JSON.stringify(issuer)}; it must be an https URL without query, fragment and user`)
  }
  if (clientId === '') throw new Error('There is no client id; tokens of an issuer are accepted for one client alone')
  const unknown = algorithms.find((each) => !asymmetric.includes(each))
  if (unknown !== undefined) {
    throw new Error(`Tokens cannot be signed with ${JSON.stringify(unknown)}; there are ${asymmetric.join(', ')}`)
  }
}

/** What a token says of its issuer; nothing about it has been checked. */
function issuerOf(token: string): string | undefined {
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
class ProviderKeys {
  readonly #options: OidcOptions
  #known: ReturnType<typeof createLocalJWKSet> | undefined
  #reading: Promise<void> | undefined
  #readAt = -Infinity
  /** Why they could not be read the last time. */
  #failure: { readonly error: unknown } | undefined

  constructor(options: OidcOptions) {
    this.#options = options
  }

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
    const { issuer, clientId, algorithms = ['RS256'] } = this.#options
    const expectation = {
      issuer,
      audience: clientId,
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
    const { issuer, authority } = this.#options
    const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
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

function callerOf(claims: JWTPayload, options: OidcOptions): Caller {
  const { usernameClaim = 'sub', groupsClaim, groupsPrefix = '', requiredClaims = {} } = options
  const name = claims[usernameClaim]
  if (typeof name !== 'string' || name === '') throw new Error(`claim ${JSON.stringify(usernameClaim)} is no text`)
  if (usernameClaim === 'email' && claims['email_verified'] !== undefined && claims['email_verified'] !== true) {
    throw new Error('email not verified')
  }
  for (const [claim, value] of Object.entries(requiredClaims)) {
    if (claims[claim] !== value) throw new Error(`required claim ${claim} is not ${JSON.stringify(value)}`)
  }
  const given = groupsClaim === undefined ? [] : (claims[groupsClaim] ?? [])
  const groups = typeof given === 'string' ? [given] : given
  if (!Array.isArray(groups) || !groups.every((each) => typeof each === 'string')) {
    throw new Error(`claim ${JSON.stringify(groupsClaim)} is neither a text nor a list of texts`)
  }
  return { name: prefixOf(options) + name, groups: groups.map((group) => groupsPrefix + group) }
}

function prefixOf({ usernameClaim = 'sub', usernamePrefix, issuer }: OidcOptions): string {
  if (usernamePrefix === '-') return ''
  return usernamePrefix ?? (usernameClaim === 'email' ? '' : `${issuer}#`)
}
