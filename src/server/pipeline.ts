// How a request becomes a reply: the stages in the order in which they run. What does not live here: putting replies on a
// connection (http.ts, inProcess.ts).
import { messageOf } from '#lib/errorText.ts'
import { StatusError, badRequest, internalError, timeout } from '#machinery/status.ts'
import { anonymous, authenticate, type Notes } from './authenticate/authenticator.ts'
import { impersonate, readImpersonation } from './authenticate/impersonation.ts'
import { beginRecord, recordReply } from './audit/stages.ts'
import { attributesOf } from './authorize/attributes.ts'
import { findDecision, forbiddenRequest } from './authorize/authorizer.ts'
import { unknownResource } from './errors.ts'
import { addWarning, answeredRequest, type Exchange, type ServerContext } from './exchange.ts'
import type { Admission } from './flowControl/flowControl.ts'
import { estimateWork } from './flowControl/work.ts'
import { longestPath, parseRequestInfo } from './requestInfo.ts'
import { isLongRunning, requestKindOf, timeoutOf, usualLimits } from './requestLimits.ts'
import { parseFlag, wantsPretty } from './options.ts'
import {
  negotiateAnswer,
  negotiateRefusal,
  routedCollectionTypes,
  routedTypes,
  type Accepted,
} from '#machinery/codec/negotiate.ts'
import { resourceEndpoint } from './endpoints/resource.ts'
import { staticEndpoint } from './endpoints/static.ts'
import type { ServerReply, ServerRequest } from './request.ts'
import type { Caller } from './strategy.ts'
import { refusalOf } from './registry/commit.ts'
import { checkTransformation, includeObject } from './transform.ts'

/** What is known before the path was read. */
const nothingYet = parseRequestInfo('GET', '/', false)

/** Does its part of the work; a reply ends the request. */
type Stage = (exchange: Exchange) => undefined | ServerReply | Promise<undefined | ServerReply>

/** Every stage, top to bottom. Decoding, defaults, admission, rules and commit are inside of `answer`, in registry/. */
const stages: readonly Stage[] = [
  readRequestInfo,
  identifyCaller,
  noteReceived,
  becomeAnother,
  takePlace,
  checkAuthorization,
  askOtherServer,
  chooseEncoding,
  answer,
]

/** Answers a request. Never rejects: refusals become Status replies, bugs become a 500. */
export async function serve(server: ServerContext, request: ServerRequest): Promise<ServerReply> {
  const started = server.registry.clock.now()
  const exchange: Exchange = {
    server,
    request,
    warnings: [],
    auditAnnotations: new Map(),
    info: nothingYet,
    caller: anonymous,
    wanted: { mediaType: 'json', parameters: {}, pretty: false },
    kind: undefined,
    flows: undefined,
    place: undefined,
    isOver: false,
    audit: undefined,
    auditId: '',
    panic: undefined,
    received: started,
    since: started,
    outside: 0,
    isLarge: false,
  }
  let reply: ServerReply
  try {
    reply = await (mayTimeOut(exchange) ? runWithin(exchange) : run(exchange))
  } catch (error) {
    reply = refuse(exchange, refusalOf(error))
    exchange.wanted = wantedOfRefusal(request)
  }
  exchange.isOver = true
  leavePlace(exchange)
  if (exchange.warnings.length > 0) reply = { ...reply, warnings: exchange.warnings }
  if (server.audit !== undefined) reply = recordReply(exchange, reply, server.audit)
  const took = server.registry.clock.now() - started
  const { requests } = server.metrics
  const answered = answeredRequest(exchange)
  const sizes = requests.done(answered, reply.code, took, exchange.outside)
  if ((reply.type === 'taken' || reply.type === 'stream') && isLongRunning(exchange.info)) {
    reply = whileItLasts(reply, () => requests.begins(answered))
  }
  const { flows } = exchange
  if (flows !== undefined) reply = { ...reply, headers: { ...reply.headers, ...flows.headers } }
  return { ...reply, wanted: exchange.wanted, sizes }
}

/** A reply that goes on after it has begun, counted until its end. */
function whileItLasts(
  reply: Extract<ServerReply, { readonly type: 'taken' | 'stream' }>,
  begin: () => Disposable,
): ServerReply {
  if (reply.type === 'taken') {
    return {
      ...reply,
      async run() {
        using _ = begin()
        await reply.run()
      },
    }
  }
  const pieces = async function* (): AsyncGenerator<Uint8Array, void, void> {
    using _ = begin()
    yield* reply.pieces
  }
  return { ...reply, pieces: pieces() }
}

async function run(exchange: Exchange): Promise<ServerReply> {
  for (const stage of stages) {
    const outcome = stage(exchange)
    const reply = outcome instanceof Promise ? await outcome : outcome
    if (reply === undefined) continue
    if (reply.type === 'list' || reply.type === 'stored')
      checkTransformation(reply.kind, reply.type, exchange.wanted.as)
    return reply
  }
  throw new Error('No stage answered the request')
}

/** Components of this process wait as long as they like. */
function mayTimeOut({ server, request }: Exchange): boolean {
  return request.caller === undefined && (server.limits.timeout !== Infinity || request.query.has('timeout'))
}

/** Answers 504 when the time is up. What was begun goes on: a write may still happen. */
function runWithin(exchange: Exchange): Promise<ServerReply> {
  const { server, request } = exchange
  const milliseconds = timeoutOf(request.query.get('timeout'), server.limits)
  const running = run(exchange)
  if (milliseconds === Infinity || isLongRunning(exchange.info)) return running
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      const answered = answeredRequest(exchange)
      server.metrics.requests.terminated(answered, 504)
      server.metrics.requests.aborted(answered)
      reject(timeout('Timeout: request did not complete within the allotted timeout'))
    }
    const end = startTimer(server, milliseconds, giveUp)
    running.then(
      (reply) => {
        end()
        resolve(reply)
      },
      (error: unknown) => {
        end()
        reject(error as Error)
      },
    )
  })
}

/** Most requests have the usual time; only who asks for less gets a timer. */
function startTimer({ registry, limits, deadlines }: ServerContext, milliseconds: number, run: () => void): () => void {
  if (milliseconds === limits.timeout) return deadlines.begin(run)
  const timer = registry.clock.after(milliseconds, run)
  return () => timer[Symbol.dispose]()
}

function readRequestInfo(exchange: Exchange): undefined {
  const { request } = exchange
  if (request.path.length > longestPath) throw badRequest('the path of the request is too long')
  exchange.info = parseRequestInfo(request.method, decodePath(request.path), parseFlag(request.query, 'watch') === true)
}

function decodePath(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    throw badRequest('the path of the request is not well-formed')
  }
}

function identifyCaller(exchange: Exchange): undefined | Promise<undefined> {
  const { server, request } = exchange
  if (request.caller !== undefined) {
    exchange.caller = request.caller
    return undefined
  }
  try {
    const notes: Notes = {
      warn: (text) => addWarning(exchange, text),
      annotate: (key, value) => exchange.auditAnnotations.set(key, value),
    }
    const caller = authenticate(server.authenticators, request, server.allowAnonymous, notes)
    if (!(caller instanceof Promise)) {
      isAuthenticated(exchange, caller)
      return undefined
    }
    return caller.then(
      (found) => isAuthenticated(exchange, found),
      (error: unknown) => isRefused(exchange, error),
    )
  } catch (error) {
    isRefused(exchange, error)
  }
}

function isAuthenticated(exchange: Exchange, caller: Caller): undefined {
  exchange.caller = caller
  exchange.server.metrics.access.authenticated(caller.name, lap(exchange))
}

function isRefused(exchange: Exchange, error: unknown): never {
  exchange.server.metrics.access.authenticated(undefined, lap(exchange))
  beginRecord(exchange, undefined)
  throw error
}

/** What is asked for is noted before anything is done about it. */
function noteReceived(exchange: Exchange): undefined {
  beginRecord(exchange, exchange.caller)
}

/** Milliseconds since the last call for a request. */
function lap(exchange: Exchange): number {
  const now = exchange.server.registry.clock.now()
  const milliseconds = now - exchange.since
  exchange.since = now
  return milliseconds
}

/** Only requests over a connection say that they are somebody else's. */
function becomeAnother(exchange: Exchange): undefined {
  const { server, request, caller } = exchange
  const wish = readImpersonation(request)
  if (wish === undefined) return
  exchange.caller = impersonate(server.authorization.authorizers, caller, wish)
  exchange.audit?.impersonates(exchange.caller)
}

/** Components of this process and streams have no place; watches have one until they have begun. */
function takePlace(exchange: Exchange): undefined | ServerReply | Promise<undefined | ServerReply> {
  const { server, request, info, caller } = exchange
  if (request.caller !== undefined || (isLongRunning(info) && info.verb !== 'watch')) return undefined
  const { flowControl, kinds, limits } = server
  const flows = flowControl.table.classify(caller, info)
  exchange.flows = flows
  const work = estimateWork(info, request.query, kinds)
  const patience = Math.min(longestPatience, timeoutOf(request.query.get('timeout'), limits) / 4)
  const admission = flowControl.enter(flows, caller, info, work, patience, () => request.signal)
  if (admission instanceof Promise) return admission.then((decided) => admitted(exchange, decided))
  return admitted(exchange, admission)
}

/** How long a request waits for its turn that has more time than is usual, in milliseconds. */
const longestPatience = usualLimits.timeout / 4

function admitted(exchange: Exchange, admission: Admission): undefined | ServerReply {
  const { server, info } = exchange
  if ('retryAfter' in admission) {
    server.metrics.requests.terminated(answeredRequest(exchange), 429)
    return tooManyRequests(admission.retryAfter)
  }
  exchange.place = admission.place
  server.inFlight.enter(requestKindOf(info))
  // Its time may have been up before it had a place.
  if (exchange.isOver) leavePlace(exchange)
  return undefined
}

function leavePlace({ server, flows, place, info }: Exchange): void {
  if (flows === undefined || place === undefined) return
  server.inFlight.leave(requestKindOf(info))
  server.flowControl.leave(flows, place)
}

function tooManyRequests(retryAfter: number): ServerReply {
  return {
    type: 'bytes',
    code: 429,
    contentType: 'text/plain; charset=utf-8',
    bytes: Buffer.from('Too many requests, please try again later.\n'),
    headers: { 'retry-after': String(retryAfter), 'x-content-type-options': 'nosniff' },
  }
}

function checkAuthorization(exchange: Exchange): undefined {
  const { server, caller, info, request } = exchange
  const attributes = attributesOf(info, request.query)
  const { decision, decider } = findDecision(server.authorization.authorizers, caller, attributes)
  server.metrics.access.authorized(decision, decider, lap(exchange))
  exchange.audit?.decided(decision)
  if (decision.verdict !== 'allow') throw forbiddenRequest(caller, attributes, decision.reason)
}

function askOtherServer(exchange: Exchange): undefined | Promise<ServerReply> {
  return exchange.server.aggregation.answer(exchange)
}

function chooseEncoding(exchange: Exchange): undefined {
  const { server, info } = exchange
  if (!info.isResource) return
  exchange.kind = server.kinds.find(info.group, info.version, info.resource)
  const { subresources = {}, deprecation } = exchange.kind?.strategy ?? {}
  if (deprecation !== undefined) {
    addWarning(exchange, deprecation)
    server.metrics.requests.deprecatedAsked(info)
    exchange.audit?.annotate('k8s.io/deprecated', 'true')
  }
  const isStream =
    Object.hasOwn(subresources, info.subresource) && subresources[info.subresource]!.verbs.includes('connect')
  if (isStream || info.subresource === 'log') return
  const isCustom = exchange.kind?.custom !== undefined && info.subresource !== 'scale'
  const isCollection = info.verb === 'list' || info.verb === 'watch'
  exchange.wanted = negotiateAnswer(exchange.request.header('accept'), {
    transforms: true,
    // What is only asked is never listed, and has no columns.
    noTables: exchange.kind?.strategy.verbs?.includes('get') === false && info.subresource === '',
    pretty: wantsPretty(exchange.request),
    stream: info.verb === 'watch',
    ...(isCustom ? onlyCustom : isCollection ? collectionRoute : plainRoute),
  })
  if (exchange.wanted.as?.kind === 'Table') includeObject(exchange.request.query)
}

/** Custom objects have no form in protobuf, their metadata has; no router is before them. */
const onlyCustom = { onlyTransformed: ['protobuf'] } as const
const collectionRoute = { routed: routedCollectionTypes }
const plainRoute = { routed: routedTypes }

/** A refusal has any form that is asked for, whatever the endpoint has for objects; as a last resort it is indented JSON. */
function wantedOfRefusal(request: ServerRequest): Accepted {
  const accepted = negotiateRefusal(request.header('accept'), wantsPretty(request))
  return accepted ?? { mediaType: 'json', parameters: {}, pretty: true }
}

function answer(exchange: Exchange): ServerReply | Promise<ServerReply> {
  const { server, info, kind } = exchange
  if (!info.isResource) return staticEndpoint(exchange)
  if (kind !== undefined) {
    const wait = server.aggregation.settled(exchange)
    if (wait !== undefined) return wait.then(() => resourceEndpoint(exchange, kind))
    return resourceEndpoint(exchange, kind)
  }
  if (server.kinds.hasGroupVersion(info.group, info.version)) throw unknownResource()
  return staticEndpoint(exchange)
}

function refuse(exchange: Exchange, error: unknown): ServerReply {
  const { server, request } = exchange
  if (error instanceof StatusError) return statusReply(error)
  const isGone = error instanceof Error && error.name === 'AbortError' && request.signal.aborted
  if (!isGone) {
    server.onBug(error, `${request.method} ${request.path}`)
    exchange.panic = messageOf(error)
  }
  return statusReply(internalError(messageOf(error)))
}

/** A refusal as a reply. */
function statusReply(error: StatusError): ServerReply {
  const { details } = error.status
  const headers =
    details?.retryAfterSeconds === undefined ? undefined : { 'retry-after': String(details.retryAfterSeconds) }
  return { type: 'object', code: error.code, object: error.status, ...(headers === undefined ? {} : { headers }) }
}
