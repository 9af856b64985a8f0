// Acting as somebody else: who may, says a role for the verb `impersonate` on users, groups, service accounts, uids and
// extra values. From here on the request is that of the other; nothing of the one who sends it counts.
import { badRequest } from '#machinery/status.ts'
import { authorize, type Attributes, type Authorizer } from '../authorize/authorizer.ts'
import { accountGroups } from '../identities.ts'
import type { ServerRequest } from '../request.ts'
import type { Caller } from '../strategy.ts'
import { anonymous } from './authenticator.ts'
import { headerText, unescapeKey } from './requestHeader.ts'

const userHeader = 'impersonate-user'
const groupHeader = 'impersonate-group'
const uidHeader = 'impersonate-uid'
const extraPrefix = 'impersonate-extra-'
const authenticationGroup = 'authentication.k8s.io'

/** Headers of this kind are the server's own: they go no further. */
export const isImpersonationHeader = (name: string): boolean =>
  name.startsWith('impersonate-') &&
  (name === userHeader || name === groupHeader || name === uidHeader || name.startsWith(extraPrefix))

/** Whom a request wants to be; undefined when it wants to be nobody else. */
export interface ImpersonationWish {
  readonly user: string
  readonly groups: readonly string[]
  readonly uid: string
  readonly extra: Readonly<Record<string, readonly string[]>>
}

/** Reads the wish of a request. Throws 400 when it wants something of nobody. */
export function readImpersonation(request: ServerRequest): ImpersonationWish | undefined {
  const all = request.headerNames?.()
  if (all === undefined || !all.some(isImpersonationHeader)) return undefined
  const names = all.filter(isImpersonationHeader)
  const [user, uid] = [headerText(request.header(userHeader) ?? ''), headerText(request.header(uidHeader) ?? '')]
  const groups = request.headerValues(groupHeader).map(headerText)
  const extra: Record<string, readonly string[]> = {}
  for (const name of names) {
    if (!name.startsWith(extraPrefix)) continue
    const key = unescapeKey(name.slice(extraPrefix.length))
    Object.defineProperty(extra, key, {
      value: request.headerValues(name).map(headerText),
      enumerable: true,
      configurable: true,
    })
  }
  if (user === '') {
    const wanted = [...groups.map((group) => `group ${JSON.stringify(group)}`), ...(uid === '' ? [] : ['a uid'])]
    const wishes = [...wanted, ...Object.keys(extra).map((key) => `extra ${JSON.stringify(key)}`)]
    if (wishes.length === 0) return undefined
    throw badRequest(`requested ${wishes.join(', ')} without impersonating a user`)
  }
  return { user, groups, uid, extra }
}

/** The caller that the request is for, if the one who sends it may act so; throws 403 otherwise. */
export function impersonate(authorizers: readonly Authorizer[], sender: Caller, wish: ImpersonationWish): Caller {
  const { user, groups, uid, extra } = wish
  const account = accountOf(user)
  const ask = (wanted: Partial<Attributes>): void => authorize(authorizers, sender, { ...impersonating, ...wanted })
  if (account === undefined) ask({ resource: 'users', name: user })
  else ask({ resource: 'serviceaccounts', ...account })
  for (const name of groups) ask({ resource: 'groups', name })
  const ofAuthentication = { group: authenticationGroup, version: 'v1' }
  for (const [key, values] of Object.entries(extra)) {
    for (const name of values) ask({ ...ofAuthentication, resource: 'userextras', subresource: key, name })
  }
  if (uid !== '') ask({ ...ofAuthentication, resource: 'uids', name: uid })
  const own = groups.length === 0 && account !== undefined ? accountGroups(account.namespace) : groups
  return {
    name: user,
    groups: withEverybody(user, own),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

const impersonating: Attributes = {
  isResource: true,
  path: '',
  verb: 'impersonate',
  group: '',
  version: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
}

function accountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? []
  return namespace === undefined ? undefined : { namespace, name: name! }
}

/** Everybody is either known or not, unless the wish says which. */
function withEverybody(user: string, groups: readonly string[]): readonly string[] {
  const [unknown, known] = ['system:unauthenticated', 'system:authenticated']
  if (user === anonymous.name) return groups.includes(unknown) ? groups : [...groups, unknown]
  return groups.includes(unknown) || groups.includes(known) ? groups : [...groups, known]
}
