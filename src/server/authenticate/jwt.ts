// Whoever shows a token that a provider signed: what the token must be, and what of it makes the caller (KEP-3331).
import type { JWTPayload } from 'jose'
import { messageOf } from '#lib/errorText.ts'
import type { Program } from '#lib/cel/program.ts'
import type { Clock } from '#lib/clock.ts'
import { claimsValue, evaluateClaims, type ClaimedUser } from '#machinery/cel/claimsEnvironment.ts'
import type { Caller } from '../strategy.ts'
import { issuerOf, ProviderKeys } from './provider.ts'
import type { ProviderOptions } from './providerOptions.ts'
import type { TokenAnswer, TokenAuthenticator } from './tokenAuthenticator.ts'

/** From where a part of the caller comes: a claim, with what stands before it, or an expression. */
export type ClaimSource = { readonly claim: string; readonly prefix?: string } | { readonly program: Program }

/** An expression that must be true. */
export interface ClaimRule {
  readonly program: Program
  /** Said when it is not. */
  readonly message: string
}

/** A provider, and what becomes of its tokens. */
export interface JwtAuthenticator extends ProviderOptions {
  readonly username: ClaimSource
  readonly groups?: ClaimSource
  readonly uid?: ClaimSource
  readonly extra?: readonly { readonly key: string; readonly program: Program }[]
  /** Claims that tokens must have, with their values. */
  readonly requiredClaims?: Readonly<Record<string, string>>
  readonly claimRules?: readonly ClaimRule[]
  readonly userRules?: readonly ClaimRule[]
}

/** Knows the users of a provider. */
export function jwtTokens(
  authenticator: JwtAuthenticator,
  { serverAudiences, clock }: { readonly serverAudiences: readonly string[]; readonly clock: Clock },
): TokenAuthenticator {
  const keys = new ProviderKeys(authenticator)
  return {
    name: 'OIDC',
    async verify(token, audiences): Promise<TokenAnswer> {
      if (issuerOf(token) !== authenticator.issuer) return undefined
      const common = serverAudiences.filter((each) => audiences.includes(each))
      if (common.length === 0) return { problem: 'oidc: the token is good for this server alone' }
      let claims: JWTPayload
      try {
        claims = await keys.check(token, clock.now())
      } catch (error) {
        return { problem: `oidc: verify token: ${messageOf(error)}` }
      }
      try {
        return { caller: callerOf(claims, authenticator), audiences: common }
      } catch (error) {
        if (!(error instanceof ClaimProblem)) throw error
        return { problem: `oidc: ${error.message}` }
      }
    },
  }
}

/** Why a token makes nobody known. */
class ClaimProblem extends Error {}

const credential = 'authentication.kubernetes.io/credential-id'

function callerOf(claims: JWTPayload, authenticator: JwtAuthenticator): Caller {
  const { username, groups, uid, extra = [], requiredClaims = {}, claimRules = [], userRules = [] } = authenticator
  const value = claimsValue(claims)
  const user: ClaimedUser = {
    username: usernameOf(claims, value, username),
    groups: groups === undefined ? [] : groupsOf(claims, value, groups),
    uid: uid === undefined ? '' : uidOf(claims, value, uid),
    extra: extraOf(claims, value, extra),
  }
  for (const [claim, expected] of Object.entries(requiredClaims)) {
    if (!Object.hasOwn(claims, claim)) throw new ClaimProblem(`required claim ${claim} not present in ID token`)
    const given = claims[claim]
    if (typeof given !== 'string') throw new ClaimProblem(`parse claim ${claim}: it is no text`)
    if (given !== expected) {
      throw new ClaimProblem(`required claim ${claim} value does not match. Got = ${given}, want = ${expected}`)
    }
  }
  checkRules(claimRules, 'claims', value, 'error evaluating claim validation expression')
  if (userRules.length > 0) {
    checkRules(userRules, 'user', claimsValue(user), 'error evaluating user info validation rule')
  }
  return {
    name: user.username,
    groups: user.groups,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  }
}

type ClaimsValue = ReturnType<typeof claimsValue>

function resultOf(program: Program, value: ClaimsValue, what: string): unknown {
  const result = evaluateClaims(program, 'claims', value)
  if ('error' in result) throw new ClaimProblem(`${what}: ${failed(program, result.error)}`)
  return result.value
}

const failed = ({ text }: Program, error: string): string => `expression '${text}' resulted in error: ${error}`

function textClaim(claims: JWTPayload, claim: string, what: string): string {
  if (!Object.hasOwn(claims, claim)) throw new ClaimProblem(`parse ${what} ${JSON.stringify(claim)}: claim not present`)
  const value = claims[claim]
  if (typeof value !== 'string') throw new ClaimProblem(`parse ${what} ${JSON.stringify(claim)}: it is no text`)
  return value
}

function usernameOf(claims: JWTPayload, value: ClaimsValue, source: ClaimSource): string {
  if ('program' in source) {
    const what = 'error evaluating username claim expression'
    const name = resultOf(source.program, value, what)
    if (typeof name !== 'string') throw new ClaimProblem(`${what}: username claim expression must return a string`)
    if (name === '') throw new ClaimProblem('empty username via CEL expression is not allowed')
    return name
  }
  const name = textClaim(claims, source.claim, 'username claims')
  const isVerified = !Object.hasOwn(claims, 'email_verified') || claims['email_verified'] === true
  if (source.claim === 'email' && !isVerified) throw new ClaimProblem('email not verified')
  return (source.prefix ?? '') + name
}

function uidOf(claims: JWTPayload, value: ClaimsValue, source: ClaimSource): string {
  if (!('program' in source)) return textClaim(claims, source.claim, 'uid claim')
  const what = 'error evaluating uid claim expression'
  const uid = resultOf(source.program, value, what)
  if (typeof uid !== 'string') throw new ClaimProblem(`${what}: uid claim expression must return a string`)
  return uid
}

function groupsOf(claims: JWTPayload, value: ClaimsValue, source: ClaimSource): readonly string[] {
  if ('program' in source) {
    const what = 'error evaluating group claim expression'
    return textsOf(resultOf(source.program, value, what), what)
  }
  const given = Object.hasOwn(claims, source.claim) ? claims[source.claim] : []
  const groups = typeof given === 'string' ? [given] : given
  if (!Array.isArray(groups) || !groups.every((each) => typeof each === 'string')) {
    const claim = JSON.stringify(source.claim)
    throw new ClaimProblem(`parse groups claim ${claim}: it is neither a text nor a list of texts`)
  }
  return groups.map((group) => (source.prefix ?? '') + group)
}

function extraOf(
  claims: JWTPayload,
  value: ClaimsValue,
  sources: NonNullable<JwtAuthenticator['extra']>,
): Readonly<Record<string, readonly string[]>> {
  const entries: [string, readonly string[]][] = []
  if (typeof claims.jti === 'string' && claims.jti !== '') entries.push([credential, [`JTI=${claims.jti}`]])
  for (const { key, program } of sources) {
    const what = `error evaluating extra claim expression: ${program.text}`
    const values = textsOf(resultOf(program, value, what), what)
    if (values.length > 0) entries.push([key, values])
  }
  return Object.fromEntries(entries)
}

/** What an expression gave as texts: one, a list, or none for null; empty ones do not count. */
function textsOf(value: unknown, what: string): readonly string[] {
  const values = value === null ? [] : Array.isArray(value) ? value : [value]
  if (!values.every((each) => typeof each === 'string')) {
    throw new ClaimProblem(`${what}: expression must return a string or a list of strings`)
  }
  return values.filter((each) => each !== '')
}

function checkRules(rules: readonly ClaimRule[], about: 'claims' | 'user', value: ClaimsValue, what: string): void {
  for (const { program, message } of rules) {
    const result = evaluateClaims(program, about, value)
    if ('error' in result) throw new ClaimProblem(`${what}: ${failed(program, result.error)}`)
    if (result.value === true) continue
    throw new ClaimProblem(`${what}: validation expression '${program.text}' failed: ${message}`)
  }
}
