import { unauthorized } from '#machinery/status.ts'
import type { Caller } from '../strategy.ts'
import { bearerToken, noNotes, type Authenticator, type Notes } from './authenticator.ts'

/** Whose a token is and for which audiences it is good, or why it is not good; undefined for a token of another kind. */
export type TokenAnswer =
  | { readonly caller: Caller; readonly audiences: readonly string[] }
  | { readonly problem: string }
  | undefined

/** Knows one kind of bearer tokens. */
export interface TokenAuthenticator {
  readonly name: string
  /** `audiences`: those for one of which the token must be good; never empty. */
  verify(token: string, audiences: readonly string[], notes?: Notes): TokenAnswer | Promise<TokenAnswer>
}

/** Asks about a token in order; the first who knows whose it is decides. What is known already is told at once. */
export function verifyToken(
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
  notes = noNotes,
): NonNullable<TokenAnswer> | Promise<NonNullable<TokenAnswer>> {
  return askFrom(0, 'invalid bearer token', authenticators, token, audiences, notes)
}

/** `problems`: what those before `from` had against the token. */
function askFrom(
  from: number,
  problems: string,
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
  notes: Notes,
): NonNullable<TokenAnswer> | Promise<NonNullable<TokenAnswer>> {
  for (let at = from; at < authenticators.length; at++) {
    const answer = authenticators[at]!.verify(token, audiences, notes)
    if (answer instanceof Promise) {
      return answer.then((told) =>
        isCaller(told) ? told : askFrom(at + 1, withProblem(problems, told), authenticators, token, audiences, notes),
      )
    }
    if (isCaller(answer)) return answer
    problems = withProblem(problems, answer)
  }
  return { problem: problems }
}

function isCaller(answer: TokenAnswer): answer is Extract<TokenAnswer, { caller: Caller }> {
  return answer !== undefined && 'caller' in answer
}

function withProblem(problems: string, answer: Exclude<TokenAnswer, { caller: Caller }>): string {
  return answer === undefined ? problems : `${problems}, ${answer.problem}`
}

/** Knows callers by bearer tokens; a token that is no good is refused. */
export function bearerTokens(
  authenticators: readonly TokenAuthenticator[],
  audiences: readonly string[],
): Authenticator {
  return {
    name: 'BearerToken',
    authenticate(request, notes) {
      const token = bearerToken(request, notes)
      if (token === undefined) return undefined
      const answer = verifyToken(authenticators, token, audiences, notes)
      return answer instanceof Promise ? answer.then(callerOrRefusal) : callerOrRefusal(answer)
    },
  }
}

function callerOrRefusal(answer: NonNullable<TokenAnswer>): Caller {
  if ('problem' in answer) throw unauthorized()
  return answer.caller
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
