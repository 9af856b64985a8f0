/**
 * Who may pass. Passwords whose hashes crypt(3) knows are checked by HAProxy itself; others, and other servers that have to be
 * asked, by the agent, which is this very process (agent.ts).
 */
import type { BasicAuthentication, ClientCertificateRule, ExternalAuthentication, Rules } from '#ingress/routing.ts'
import { isKnownHash } from '#ingress/node/htpasswd.ts'
import type { SectionContext } from './section.ts'
import { headerName, nameFor, page, quoted, quotedFormat, UnusableText } from './words.ts'

/** What the agent needs to know for a rule. */
export interface AgentRule {
  /** Hashes by user. */
  readonly users?: ReadonlyMap<string, string>
  readonly external?: ExternalAuthentication
  readonly clients?: Pick<ClientCertificateRule, 'authority' | 'depth'>
}

/** How many cookies of an authentication server's answer are passed on. */
export const mostCookies = 4

/** The rules for a section; empty when everybody may pass. */
export function authenticationRules(context: SectionContext, rules: Rules): readonly string[] {
  const { basicAuthentication: basic, externalAuthentication: external } = rules
  return [
    ...(basic === undefined ? [] : basicRules(context, basic)),
    ...(external === undefined ? [] : externalRules(context, external)),
  ]
}

/** Hashes that crypt(3) of Debian takes, with costs that keep no other client waiting for long. */
function isNativeHash(hash: string): boolean {
  const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)
  if (bcrypt !== null) return Number(bcrypt[1]) >= 4 && Number(bcrypt[1]) <= 12
  const rounds = /^\$[56]\$rounds=(\d{1,9})\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}$/.exec(hash)
  if (rounds !== null) return Number(rounds[1]) >= 1_000 && Number(rounds[1]) <= 50_000
  return /^\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}$|^\$5\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}$|^\$6\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$|^\$y\$j9T\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}$|^[./A-Za-z0-9]{13}$/.test(
    hash,
  )
}

export const filterLine = (context: SectionContext): string =>
  `filter spoe engine agent config ${context.folder}/agent.conf`

function basicRules(context: SectionContext, { realm, users }: BasicAuthentication): readonly string[] {
  const native: string[] = []
  const others = new Map<string, string>()
  for (const [user, hash] of users) {
    if (isNativeHash(hash)) native.push(`user ${quoted(user, 'the name of a user')} password ${quoted(hash, 'a hash')}`)
    else if (isKnownHash(hash)) others.set(user, hash)
    else
      context.leave(
        `the password of user ${user} has a hash that cannot be checked: use bcrypt (cost 4 to 12), apr1, SHA or SHA-crypt`,
      )
  }
  const lines = ['http-request set-var(txn.passed) bool(false)']
  if (native.length > 0) {
    const list = nameFor('users', native)
    context.section(`userlist ${list}`, native)
    lines.push(`http-request set-var(txn.passed) bool(true) if { http_auth(${list}) }`)
  }
  if (others.size > 0) {
    const rule = context.agentRule({ users: others })
    lines.unshift(filterLine(context))
    lines.push(
      `http-request set-var(txn.rule) str(${rule})`,
      'http-request send-spoe-group agent password if !{ var(txn.passed) -m bool } { req.hdr(authorization) -m found }',
      'http-request set-var(txn.passed) bool(true) if { var(txn.agent.passed) -m bool }',
    )
  }
  const challenge = `Basic realm="${realm.replaceAll(/["\\]/g, '\\$&')}"`
  return [
    ...lines,
    `http-request return status 401 content-type 'text/html; charset=utf-8' file ${context.file('body', page(401))} hdr WWW-Authenticate ${quotedFormat(challenge, 'the realm')} if !{ var(txn.passed) -m bool }`,
  ]
}

function externalRules(context: SectionContext, external: ExternalAuthentication): readonly string[] {
  if (!URL.canParse(external.url) || !/^https?:$/.test(new URL(external.url).protocol))
    throw new UnusableText(`"${external.url}" is not an address to ask for authentication`)
  const rule = context.agentRule({ external })
  const answered = (status: number, extra: string): string =>
    `http-request return status ${status} content-type 'text/html; charset=utf-8' file ${context.file('body', page(status))}${extra}`
  const verdict = (word: string): string => `{ var(txn.agent.verdict) -m str ${word} }`
  const lines = [
    filterLine(context),
    `http-request set-var(txn.rule) str(${rule})`,
    'http-request send-spoe-group agent external',
    `http-request redirect code 302 location %[var(txn.agent.location)] if ${verdict('redirect')}`,
    answered(
      401,
      ` hdr WWW-Authenticate %[var(txn.agent.challenge)] if ${verdict('401')} { var(txn.agent.challenge) -m found }`,
    ),
    answered(401, ` if ${verdict('401')}`),
    answered(403, ` if ${verdict('403')}`),
    answered(500, ` if !${verdict('pass')}`),
  ]
  for (const [at, name] of external.responseHeaders.entries()) {
    const header = headerName(name, `"${name}"`)
    lines.push(
      `http-request del-header ${header}`,
      `http-request set-header ${header} %[var(txn.agent.header${at})] if { var(txn.agent.header${at}) -m found }`,
    )
  }
  for (let at = 0; at < mostCookies; at++)
    lines.push(
      `http-after-response add-header Set-Cookie %[var(txn.agent.cookie${at})] if { var(txn.agent.cookie${at}) -m found }`,
    )
  return lines
}

/** What HAProxy tells the agent, and how it reaches it. */
export const agentConfiguration = `[agent]
spoe-agent agent
  groups password external certificate
  option var-prefix agent
  timeout hello 2s
  timeout idle 1h
  timeout processing 15s
  use-backend agent
spoe-group password
  messages password
spoe-group external
  messages external
spoe-group certificate
  messages certificate
spoe-message certificate
  args rule=var(txn.rule) leaf=ssl_c_der chain=ssl_c_chain_der
spoe-message password
  args rule=var(txn.rule) authorization=req.hdr(authorization)
spoe-message external
  args rule=var(txn.rule) method=method path=pathq raw=var(txn.raw) secure=ssl_fc host=req.hdr(host) address=src headers=req.hdrs
`
