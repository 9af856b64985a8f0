import type { Clock } from '#lib/clock.ts'
import { HttpClient } from '#lib/http/client.ts'
import type { HttpReply, HttpRequest, Upgrade } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'
import { spliceUpgrade } from '#lib/http/splice.ts'
import { metricsContentType } from '#lib/metrics.ts'
import type { KubeletMetrics } from '../kubeletMetrics.ts'
import type { KubeletServerOptions } from '../options.ts'
import { RuntimeError } from '../runtime/containerRuntime.ts'
import { KubeletApiError, type CommandStreams, type KubeletApi } from './kubeletApi.ts'
import type { LogOptions } from './logs.ts'
import type { NodeStats } from './stats.ts'

export interface KubeletServer {
  readonly port: number
  close(): Promise<void>
}

/** What the server answers from. */
export interface KubeletServerContext {
  readonly api: KubeletApi
  readonly stats: NodeStats
  readonly metrics: Pick<KubeletMetrics, 'text' | 'probesText'>
  readonly clock: Clock
}

/** Open streams get this long when the server closes. */
const drainMilliseconds = 2_000

/** Serves the paths of a kubelet over HTTPS to the API server and nobody else. */
export async function startKubeletServer(
  options: KubeletServerOptions,
  context: KubeletServerContext,
  report: (problem: string, error?: unknown) => void,
): Promise<KubeletServer> {
  const { address, port = 10250, certificate, key, clientAuthority } = options
  const server = new HttpServer({
    tls: { certificate, key, clientAuthority },
    handler: (request, reply) => handle(options, context, request, reply, server.draining),
    onError: (error, request) => report(`Cannot answer ${request.method} ${request.path}`, error),
  })
  const listening = await server.listen({ host: address, port })
  return { port: listening.port, close: () => server.close(AbortSignal.timeout(drainMilliseconds)) }
}

async function handle(
  { clientNames }: KubeletServerOptions,
  context: KubeletServerContext,
  request: HttpRequest,
  reply: HttpReply,
  draining: AbortSignal,
): Promise<void> {
  if (request.path === '/healthz') return sendText(reply, 200, 'ok')
  if (request.peer?.verified !== true) return sendText(reply, 401, 'Unauthorized')
  if (!clientNames.includes(request.peer.commonName)) {
    return sendText(reply, 403, `Forbidden (user=${request.peer.commonName})`)
  }
  try {
    await route(context, request, reply, AbortSignal.any([request.signal, draining]))
  } catch (error) {
    if (request.signal.aborted || reply.status !== 0) return
    if (error instanceof KubeletApiError) sendText(reply, error.code, error.message)
    else if (error instanceof RuntimeError) sendText(reply, 500, error.rpcText)
    else throw error
  }
}

async function route(
  context: KubeletServerContext,
  request: HttpRequest,
  reply: HttpReply,
  signal: AbortSignal,
): Promise<void> {
  const { api, stats, metrics } = context
  const [verb, ...names] = request.path.slice(1).split('/').map(decodeURIComponent)
  const [namespace = '', pod = ''] = names
  // A uid may stand before the container.
  const container = names.at(-1) ?? ''
  const hasContainer = names.length === 3 || names.length === 4
  switch (verb) {
    case 'containerLogs': {
      if (!hasContainer) break
      const options = logOptions(request.query, context.clock.now())
      const pieces = await api.logs(namespace, pod, container, options, signal)
      return reply.sendPieces(200, { 'content-type': 'text/plain' }, untilAborted(pieces, signal))
    }
    case 'exec': {
      if (!hasContainer) break
      const command = request.query.getAll('command')
      if (command.length === 0) throw new KubeletApiError('you must specify at least 1 command for the container', 400)
      const upgrade = needUpgrade(request)
      const url = await api.exec(namespace, pod, container, command, commandStreams(request.query), signal)
      return passOn(request, reply, upgrade, url, signal)
    }
    case 'attach': {
      if (!hasContainer) break
      const upgrade = needUpgrade(request)
      const url = await api.attach(namespace, pod, container, commandStreams(request.query), signal)
      return passOn(request, reply, upgrade, url, signal)
    }
    case 'portForward': {
      if (names.length !== 2 && names.length !== 3) break
      const upgrade = needUpgrade(request)
      return passOn(request, reply, upgrade, await api.portForward(namespace, pod, signal), signal)
    }
    case 'pods':
      return sendJson(reply, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: api.pods() })
    case 'stats':
      if (names.length === 1 && names[0] === 'summary') return sendJson(reply, await stats.summary())
      break
    case 'metrics':
      if (names.length === 0) return sendMetrics(reply, metrics.text() + (await stats.volumeMetrics()))
      if (names.length > 1) break
      if (names[0] === 'resource') return sendMetrics(reply, stats.resourceMetrics())
      if (names[0] === 'cadvisor') return sendMetrics(reply, await stats.cadvisorMetrics())
      if (names[0] === 'probes') return sendMetrics(reply, metrics.probesText())
      break
  }
  throw new KubeletApiError('404 page not found', 404)
}

function sendText(reply: HttpReply, status: number, text: string): void {
  reply.send(status, { 'content-type': 'text/plain; charset=utf-8' }, `${text}\n`)
}

function sendMetrics(reply: HttpReply, text: string): void {
  reply.send(200, { 'content-type': metricsContentType }, text.endsWith('\n') ? text : `${text}\n`)
}

function sendJson(reply: HttpReply, body: object): void {
  reply.send(200, { 'content-type': 'application/json' }, JSON.stringify(body))
}

/** A reader that goes away, or a server that closes, ends a log quietly. */
async function* untilAborted(pieces: AsyncIterable<Buffer>, signal: AbortSignal): AsyncIterable<Buffer> {
  try {
    yield* pieces
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

const isOn = (query: URLSearchParams, name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '')

function commandStreams(query: URLSearchParams): CommandStreams {
  const tty = isOn(query, 'tty')
  const streams = {
    stdin: isOn(query, 'input'),
    stdout: isOn(query, 'output'),
    stderr: isOn(query, 'error') && !tty,
    tty,
  }
  if (!streams.stdin && !streams.stdout && !streams.stderr) {
    throw new KubeletApiError('you must specify at least 1 of stdin, stdout, stderr', 400)
  }
  return streams
}

function logOptions(query: URLSearchParams, now: number): LogOptions & { previous?: boolean } {
  const number = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null || text === '') return undefined
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < 0)
      throw new KubeletApiError(`invalid value for "${name}": ${text}`, 400)
    return value
  }
  const [tailLines, limitBytes, sinceSeconds] = [number('tailLines'), number('limitBytes'), number('sinceSeconds')]
  const sinceTime = query.get('sinceTime')
  const since =
    sinceSeconds === undefined ? (sinceTime === null ? undefined : Date.parse(sinceTime)) : now - sinceSeconds * 1000
  const stream = query.get('stream')
  return {
    follow: isOn(query, 'follow'),
    previous: isOn(query, 'previous'),
    timestamps: isOn(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined || Number.isNaN(since) ? {} : { since }),
    ...(stream === 'Stdout' || stream === 'Stderr' ? { stream } : {}),
  }
}

function needUpgrade({ upgrade }: HttpRequest): Upgrade {
  if (upgrade === undefined) throw new KubeletApiError('Upgrade request required', 400)
  return upgrade
}

/** Headers that belong to the protocol on the stream rather than to the connection. */
const passedHeaders = [
  'x-stream-protocol-version',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
]

/** Joins the caller with the runtime's own streaming server: from then on only bytes pass here. */
async function passOn(
  request: HttpRequest,
  reply: HttpReply,
  upgrade: Upgrade,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const { origin, pathname, search } = new URL(url)
  const client = new HttpClient({ url: origin, protocol: 'h1' })
  const headers: Record<string, readonly string[]> = {}
  for (const name of passedHeaders) {
    const values = request.headerValues(name)
    if (values.length > 0) headers[name] = values
  }
  const isWebSocket = upgrade.protocol === 'websocket'
  const method = isWebSocket ? 'GET' : 'POST'
  const protocol = isWebSocket ? 'websocket' : 'SPDY/3.1'
  const backend = await client.upgrade({ method, path: pathname + search, protocol, headers, signal })
  if ('refused' in backend) {
    const body = await backend.refused.readBody(64 * 1024)
    return sendText(reply, backend.refused.status, body.toString('utf8').trim())
  }
  await spliceUpgrade(upgrade, backend)
}
