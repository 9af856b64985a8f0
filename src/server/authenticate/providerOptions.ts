// An OpenID provider, as configurations name it.

export interface ProviderOptions {
  /** The provider, as its tokens name it: an https URL without query. */
  readonly issuer: string
  /** Where its configuration is; below the issuer when absent. */
  readonly discoveryUrl?: string
  /** Tokens must be made for one of these. */
  readonly audiences: readonly string[]
  /** With what tokens may be signed. */
  readonly algorithms: readonly string[]
  /** PEM of the authority that the provider's certificate is from; those of the machine when absent. */
  readonly authority?: string
}

/** What signs tokens that others than the signer can check. */
export const signingAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
] as const

/** What is wrong with the URL of a provider. */
export function providerUrlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const fits = url?.protocol === 'https:' && url.search === '' && url.hash === '' && url.username === ''
  return fits ? undefined : 'it must be an https URL without query, fragment and user'
}
