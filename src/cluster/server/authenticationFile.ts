// The file of kube-apiserver's `--authentication-config`.
import type { Clock } from '#lib/clock.ts'
import { readSettings, SettingsError } from '#lib/settings/settingsFile.ts'
import type { AnonymousPaths } from '#server/authenticate/authenticator.ts'
import { anonymousOf, authenticationSettings, jwtAuthenticatorsOf } from '#server/authenticate/configuration.ts'
import { jwtTokens } from '#server/authenticate/jwt.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'

/** What a file says of who is known. */
export interface FileAuthentication {
  /** One for each provider. */
  readonly tokens: readonly TokenAuthenticator[]
  /** Absent where the file says nothing of those who show nothing. */
  readonly anonymous?: AnonymousPaths
}

export interface FileSurroundings {
  /** The audiences of this server, for reviews of tokens. */
  readonly audiences: readonly string[]
  /** The issuers of tokens of service accounts, none of whom a provider can be. */
  readonly issuers: readonly string[]
  readonly clock: Clock
}

/** Reads the file at `path`. Rejects with SettingsError. */
export async function readAuthenticationFile(
  readFile: (path: string) => Promise<string>,
  path: string,
  { audiences, issuers, clock }: FileSurroundings,
): Promise<FileAuthentication> {
  const file = readSettings(authenticationSettings, await readFile(path), path)
  const providers = jwtAuthenticatorsOf(file)
  const ours = providers.findIndex(({ issuer }) => issuers.includes(issuer))
  if (ours !== -1) {
    const problem = 'is an issuer of tokens of service accounts; it must be another one'
    throw new SettingsError(`${path}: jwt[${ours}].issuer.url ${problem}`)
  }
  const anonymous = anonymousOf(file)
  return {
    tokens: providers.map((provider) => jwtTokens(provider, { serverAudiences: audiences, clock })),
    ...(anonymous === undefined ? {} : { anonymous }),
  }
}
