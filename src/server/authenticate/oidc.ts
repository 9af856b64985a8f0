// Users of an OpenID Connect provider, as the flags of kube-apiserver say them.
import type { Clock } from '#lib/clock.ts'
import { jwtTokens } from './jwt.ts'
import { providerUrlProblem, signingAlgorithms } from './providerOptions.ts'
import type { TokenAuthenticator } from './tokenAuthenticator.ts'

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

/** Knows the users of a provider. Throws when the options cannot be used. */
export function oidcTokens(options: OidcOptions): TokenAuthenticator {
  checkOptions(options)
  const { issuer, clientId, usernameClaim = 'sub', groupsClaim, groupsPrefix = '', requiredClaims = {} } = options
  return jwtTokens(
    {
      issuer,
      audiences: [clientId],
      algorithms: options.algorithms ?? ['RS256'],
      ...(options.authority === undefined ? {} : { authority: options.authority }),
      username: { claim: usernameClaim, prefix: prefixOf(options) },
      ...(groupsClaim === undefined ? {} : { groups: { claim: groupsClaim, prefix: groupsPrefix } }),
      requiredClaims,
    },
    options,
  )
}

function checkOptions({ issuer, clientId, algorithms = [] }: OidcOptions): void {
  const problem = providerUrlProblem(issuer)
  if (problem !== undefined) throw new Error(`The issuer is ${JSON.stringify(issuer)}; ${problem}`)
  if (clientId === '') throw new Error('There is no client id; tokens of an issuer are accepted for one client alone')
  const known: readonly string[] = signingAlgorithms
  const unknown = algorithms.find((each) => !known.includes(each))
  if (unknown !== undefined) {
    throw new Error(`Tokens cannot be signed with ${JSON.stringify(unknown)}; there are ${known.join(', ')}`)
  }
}

function prefixOf({ usernameClaim = 'sub', usernamePrefix, issuer }: OidcOptions): string {
  if (usernamePrefix === '-') return ''
  return usernamePrefix ?? (usernameClaim === 'email' ? '' : `${issuer}#`)
}
