import { unauthorized } from '#machinery/status.ts'
import type { Caller } from '../strategy.ts'
import { bearerToken, type Authenticator } from './authenticator.ts'

/** Whose a token is and for which audiences it is good, or why it is not good; undefined for a token of another kind. */
export type TokenAnswer =
  | { readonly caller: Caller; readonly audiences: readonly string[] }
  | { readonly problem: string }
  | undefined

/** Knows one kind of bearer tokens. */
export interface TokenAuthenticator {
  readonly name: string
  /** `audiences`: those for one of which the token must be good; never empty. */
  verify(token: string, audiences: readonly string[]): TokenAnswer | Promise<TokenAnswer>
}

/** Asks about a token in order; the first who knows whose it is decides. */
export async function verifyToken(
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
): Promise<NonNullable<TokenAnswer>> {
  const problems: string[] = []
  for (const authenticator of authenticators) {
    const answer = await authenticator.verify(token, audiences)
    if (answer === undefined) continue
    if (!('problem' in answer)) return answer
    problems.push(answer.problem)
  }
  return { problem: ['invalid bearer token', ...problems].join(', ') }
}

/** Knows callers by bearer tokens; a token that is no good is refused. */
export function bearerTokens(
  authenticators: readonly TokenAuthenticator[],
  audiences: readonly string[],
): Authenticator {
  return {
    name: 'BearerToken',
    authenticate(request) {
      const token = bearerToken(request)
      if (token === undefined) return undefined
      if (token === '') throw unauthorized()
      return verifyToken(authenticators, token, audiences).then((answer) => {
        if ('problem' in answer) throw unauthorized()
        return answer.caller
      })
    },
  }
}

/** A kind of tokens that know nothing of audiences: they are good for the server alone. */
export function serverOnly(
  name: string,
  serverAudiences: readonly string[],
  callerOf: (token: string) => Caller | undefined,
): TokenAuthenticator {
  return {
    name,
    verify(token, audiences) {
      const caller = callerOf(token)
      if (caller === undefined) return undefined
      const common = serverAudiences.filter((each) => audiences.includes(each))
      return common.length === 0
        ? {
            problem: `token audiences ${JSON.stringify(serverAudiences)} are invalid for the target audiences ${JSON.stringify(audiences)}`,
          }
        : { caller, audiences: common }
    },
  }
}
