// Passing requests on to another server, in the name of whoever sent them.
import type { HttpResponse, UpgradedConnection } from '#lib/http/client.ts'
import type { Status } from '#machinery/status.ts'
import { spliceUpgrade } from '#lib/http/splice.ts'
import { isObject } from '#machinery/schema/model.ts'
import type { Exchange } from '../../exchange.ts'
import { forwardedHeaders, responseReply } from '../../forward.ts'
import { searchOf, type ServerReply } from '../../request.ts'
import { isLongRunning, timeoutOf } from '../../requestLimits.ts'
import { connectionProblem } from '#lib/http/connectionProblem.ts'
import type { Backend, Way } from './backend.ts'
import { identityHeaders, isIdentityHeader } from './identity.ts'

/** The largest answer that a component of this process gets, in bytes. */
const largestAnswer = 64 * 1024 * 1024

/** Has a request answered by the server that is registered for it. Never rejects for a fault of that server. */
export async function passOn(exchange: Exchange, backend: Backend): Promise<ServerReply> {
  if (!backend.isAvailable) return refusal('service unavailable')
  let way: Way
  try {
    way = backend.way(exchange.server.registry.cluster)
  } catch {
    return refusal('service unavailable')
  }
  const { request } = exchange
  const { signal, done } = lifeOf(exchange)
  try {
    if ('object' in request.body) return await passOnObject(exchange, way, request.body.object, signal)
    if (request.upgrade !== undefined) return await passOnUpgrade(exchange, way, signal)
    const { body } = request
    const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
    const response = await way.client.request({
      method: request.method,
      path: target(exchange),
      headers: headersFor(exchange),
      ...(hasBody ? { body: body.pieces() } : {}),
      signal,
    })
    return redirectProblem(response, done) ?? responseReply(response, done)
  } catch (error) {
    done()
    if (request.signal.aborted) throw error
    return refusal(`error trying to reach service: ${connectionProblem(error)}`)
  }
}

const nothingToDo = (): void => {}

/**
 * How long another server is listened to: until the client goes, watches and streams until this server stops, all else no
 * longer than any answer may take. `done` ends the waiting.
 */
function lifeOf({ server, request, info }: Exchange): { readonly signal: AbortSignal; readonly done: () => void } {
  if (isLongRunning(info) || request.upgrade !== undefined) {
    return { signal: AbortSignal.any([request.signal, server.closing]), done: nothingToDo }
  }
  const isOwn = request.caller !== undefined
  const milliseconds = isOwn ? Infinity : timeoutOf(request.query.get('timeout'), server.limits)
  if (milliseconds === Infinity) return { signal: request.signal, done: nothingToDo }
  const late = new AbortController()
  const timer = server.registry.clock.after(milliseconds, () =>
    late.abort(new DOMException('context deadline exceeded', 'TimeoutError')),
  )
  return { signal: AbortSignal.any([request.signal, late.signal]), done: () => timer[Symbol.dispose]() }
}

function refusal(why: string, code = 503): ServerReply {
  const headers = { 'x-content-type-options': 'nosniff' }
  return { type: 'bytes', code, contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(`${why}\n`), headers }
}

function target({ request }: Exchange): string {
  const search = searchOf(request)
  return search === '' ? request.path : `${request.path}?${search}`
}

/** Who sends the request is for this server to say: what a client says of that goes no further. */
function headersFor(exchange: Exchange): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = forwardedHeaders(exchange)
  for (const name of Object.keys(headers)) if (isIdentityHeader(name)) delete headers[name]
  // Both servers call the request the same.
  if (exchange.auditId !== '') headers['audit-id'] = exchange.auditId
  return Object.assign(headers, identityHeaders(exchange.caller))
}

/** Clients must not be sent elsewhere with what they show only to this server (CVE-2022-3172). */
function redirectProblem(response: HttpResponse, done: () => void): ServerReply | undefined {
  if (response.status < 300 || response.status > 399 || response.headers['location'] === undefined) return undefined
  response.discard()
  done()
  const words = 'the backend attempted to redirect this request, which is not permitted'
  return { type: 'bytes', code: 502, contentType: '', bytes: Buffer.from(words) }
}

async function passOnUpgrade(exchange: Exchange, { client }: Way, signal: AbortSignal): Promise<ServerReply> {
  const { request } = exchange
  const upgrade = request.upgrade!
  const backend: UpgradedConnection | { readonly refused: HttpResponse } = await client.upgrade({
    method: request.method,
    path: target(exchange),
    headers: headersFor(exchange),
    protocol: request.header('upgrade') ?? upgrade.protocol,
    signal,
  })
  if ('refused' in backend) {
    return redirectProblem(backend.refused, nothingToDo) ?? responseReply(backend.refused, nothingToDo)
  }
  return { type: 'taken', code: 101, run: () => spliceUpgrade(upgrade, backend) }
}

/** A component of this process sends objects, and takes them. */
async function passOnObject(
  exchange: Exchange,
  { client }: Way,
  object: unknown,
  signal: AbortSignal,
): Promise<ServerReply> {
  const { request } = exchange
  const type = request.header('content-type') ?? 'application/json'
  const response = await client.request({
    method: request.method,
    path: target(exchange),
    headers: {
      ...(object === undefined ? {} : { 'content-type': type }),
      accept: request.header('accept') ?? 'application/json',
      ...identityHeaders(exchange.caller),
    },
    ...(object === undefined ? {} : { body: JSON.stringify(object) }),
    signal,
  })
  const problem = redirectProblem(response, nothingToDo)
  if (problem !== undefined) return problem
  const isWatch = exchange.info.verb === 'watch' && response.status === 200
  if (isWatch) return { type: 'stream', code: 200, contentType: 'application/json', pieces: response.body }
  const bytes = await response.readBody(largestAnswer)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    value = undefined
  }
  const isAnswer = isObject(value) && (response.status < 400 || isStatus(value))
  if (isAnswer) return { type: 'object', code: response.status, object: value as object }
  return { type: 'bytes', code: response.status, contentType: 'text/plain', bytes }
}

function isStatus(value: object): value is Status {
  return (value as { kind?: unknown }).kind === 'Status' && typeof (value as { message?: unknown }).message === 'string'
}
