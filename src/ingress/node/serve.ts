/** What is done with a request, step by step: refuse what is malformed, find its route, apply the rules, act. */
import { randomUUID } from 'node:crypto'
import type { Header, Rules } from '#ingress/routing.ts'
import { answerFixed, answerProblem, answerRedirect } from './answers.ts'
import { certificateHeaders, refusalOf } from './clientCertificate.ts'
import { accessOf, challenge } from './basicAuthentication.ts'
import type { ReadyAction, ReadyRoute, ReadyRoutes } from './compile.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'
import type { Downstream } from './downstream.ts'
import type { ExternalAuthenticator } from './externalAuthentication.ts'
import { forward } from './forward.ts'
import type { ServingTools } from './forward.ts'
import { changeHeaders, headerValue, requestHeaders, setHeaders, withoutHeaders } from './headers.ts'
import type { Client } from './headers.ts'
import { hostName, readTarget } from './path.ts'
import type { Target } from './path.ts'
import type { RateLimiter } from './rateLimit.ts'
import { backendTarget, origin, redirectLocation } from './rewrite.ts'
import type { SlowPasswords } from './slowPasswords.ts'
import type { UpstreamPool } from './upstream.ts'

/** What is served now; a request keeps the one it began with. */
export interface Serving {
  readonly routes: ReadyRoutes
  readonly pools: ReadonlyMap<string, UpstreamPool>
  /** By the route's name. */
  readonly limiters: ReadonlyMap<string, RateLimiter>
}

export interface Tools extends ServingTools {
  readonly authenticator: ExternalAuthenticator
  readonly slowPasswords: SlowPasswords
}

/** A request that could be read. */
interface Reading {
  readonly target: Target
  readonly host: string
  readonly authority: string
}

export async function serve(downstream: Downstream, serving: Serving, tools: Tools): Promise<void> {
  const reading = read(downstream, tools.limits.headers)
  if (typeof reading === 'number') {
    // Who sends what cannot be understood may go on with what would be misunderstood.
    downstream.closeAfterwards()
    return answerProblem(downstream, reading)
  }
  const { target, host } = reading
  let query: URLSearchParams | undefined
  const found = serving.routes.table.find({
    host,
    path: target.matched,
    method: downstream.method,
    header: (name) => headerValue(downstream.headers, name),
    parameter: (name) => (query ??= new URLSearchParams(target.query)).get(name) ?? undefined,
  })
  if (found === undefined)
    return act(serving.routes.fallback, noRules, undefined, downstream, reading, serving, tools, [])
  const { route, groups } = found
  using admission = admit(route, downstream, serving)
  if (admission === undefined) return answerProblem(downstream, route.rules.rateLimit!.status)
  await act(route.action, route.rules, route, downstream, reading, serving, tools, groups)
}

const noRules: Rules = {}

/** What the request asks for, or the status with which it is refused. */
function read(downstream: Downstream, mostHeaders: number): Reading | number {
  const { method, headers, version } = downstream
  if (headers.length > 2 * mostHeaders) return 431
  if (method === 'CONNECT' || method === 'TRACE') return 405
  const coding = headerValue(headers, 'transfer-encoding')
  if (coding !== undefined && version === '1.0') return 400
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return 501
  const target = readTarget(downstream.target)
  if ('problem' in target) return 400
  const hosts = headers.filter((name, at) => at % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host')
  if (hosts.length > 1) return 400
  const authority = target.authority ?? downstream.authority ?? ''
  const host = authority === '' ? '' : hostName(authority)
  return host === undefined ? 400 : { target, host, authority }
}

/** Counts a request in; nothing when its client has too many. */
function admit(route: ReadyRoute, downstream: Downstream, serving: Serving): Disposable | undefined {
  const limiter = serving.limiters.get(route.name)
  if (limiter === undefined || route.isUnlimited?.(downstream.address) === true) return unlimited
  return limiter.admit(downstream.address)
}

const unlimited: Disposable = { [Symbol.dispose]: () => undefined }

async function act(
  action: ReadyAction,
  rules: Rules,
  route: ReadyRoute | undefined,
  downstream: Downstream,
  { target, host, authority }: Reading,
  serving: Serving,
  tools: Tools,
  groups: readonly string[],
): Promise<void> {
  const { address, scheme, port, method } = downstream
  if (rules.requireTls !== undefined && scheme === 'http') {
    const secure = origin('https', authority.replace(/:\d*$/, ''), rules.requireTls.port)
    return answerRedirect(downstream, rules.requireTls.status, secure + target.sent + target.query)
  }
  const { largestBody = 0, clientCertificate } = rules
  if (clientCertificate !== undefined) {
    const refusal = refusalOf(clientCertificate, route?.isSubject, downstream.tls, host)
    if (refusal?.kind === 'problem') return answerProblem(downstream, refusal.status)
    if (refusal?.kind === 'redirect') return answerRedirect(downstream, 302, refusal.location)
  }
  if (largestBody > 0 && (downstream.bodyBytes ?? 0) > largestBody) return answerProblem(downstream, 413)
  const askedOrigin = headerValue(downstream.headers, 'origin')
  const cors = rules.cors === undefined ? [] : corsHeaders(rules.cors, askedOrigin)
  const forAll = flat(cors)
  if (rules.cors !== undefined && method === 'OPTIONS') {
    const preflight = preflightHeaders(rules.cors, askedOrigin)
    if (preflight !== undefined)
      return answerFixed(downstream, { kind: 'respond', status: 204, body: '' }, flat(preflight))
  }
  if (route?.isDenied?.(address) === true || route?.isAllowed?.(address) === false)
    return answerProblem(downstream, 403, forAll)
  if (rules.basicAuthentication !== undefined) {
    const sent = headerValue(downstream.headers, 'authorization')
    const access = await accessOf(rules.basicAuthentication, sent, tools.slowPasswords)
    if (access === 'busy') return answerProblem(downstream, 503, forAll)
    if (access === 'wrong')
      return answerProblem(downstream, 401, ['WWW-Authenticate', challenge(rules.basicAuthentication), ...forAll])
  }
  const client: Client = { address, scheme, port, authority }
  const backendHost = rules.backendHost ?? authority
  let headers = requestHeaders(downstream.headers, client, backendHost, () => randomUUID().replaceAll('-', ''))
  if (clientCertificate !== undefined)
    headers = changeHeaders(headers, certificateHeaders(clientCertificate, downstream.tls?.certificate))
  let cookies: readonly string[] = []
  if (rules.externalAuthentication !== undefined) {
    const verdict = await tools.authenticator.ask(rules.externalAuthentication, {
      method,
      url: `${scheme}://${authority}${target.sent}${target.query}`,
      address,
      headers,
    })
    if (verdict.kind === 'broken') return answerProblem(downstream, 500, forAll)
    if (verdict.kind === 'redirect') return answerRedirect(downstream, 302, verdict.location, forAll)
    if (verdict.kind === 'refuse')
      return answerProblem(downstream, verdict.status, [...flat(verdict.headers), ...forAll])
    headers = setHeaders(withoutHeaders(headers, verdict.absent), verdict.headers)
    cookies = verdict.cookies
  }
  switch (action.kind) {
    case 'redirect':
      return answerRedirect(downstream, action.status, redirectLocation(action, { scheme, authority, target }), forAll)
    case 'respond':
      return answerFixed(downstream, action, changeHeaders(forAll, rules.responseHeaders))
    case 'forward':
      return forward(
        {
          downstream,
          action,
          rules,
          pools: serving.pools,
          target:
            route === undefined
              ? target.sent + target.query
              : backendTarget(target, route.match.path, rules.rewrite, groups),
          headers: changeHeaders(headers, rules.requestHeaders),
          path: target.matched,
          host,
          cors,
          cookies,
        },
        tools,
      )
  }
}

function flat(headers: readonly Header[]): string[] {
  return headers.flatMap(({ name, value }) => [name, value])
}
