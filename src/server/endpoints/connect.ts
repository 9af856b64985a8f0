import type { Pod } from '#api/core/v1/pod.ts'
import type { UpgradedConnection } from '#lib/http/client.ts'
import { acceptWebSocket, chooseProtocol, offeredProtocols } from '#lib/http/webSocket.ts'
import { messageOf } from '#lib/errorText.ts'
import { badRequest, failure, internalError, StatusError, unexplained } from '#machinery/status.ts'
import { unknownResource } from '../errors.ts'
import { admitBody, type Endpoint, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { NodeUnreachable } from '../nodeProxy.ts'
import { parseFlag, parseInteger } from '../options.ts'
import type { ServerReply } from '../request.ts'
import {
  portForwardProtocol,
  portForwardProtocols,
  translatePorts,
  tunnelProtocol,
  unpackTunnel,
} from '../streams/portForward.ts'
import {
  backendProtocol,
  commandProtocols,
  refuseCommand,
  translateCommand,
  translatedProtocol,
  type CommandStreams,
} from '../streams/remoteCommand.ts'
import { spliceUpgrade } from '#lib/http/splice.ts'
import { connectOptions } from './connectOptions.ts'
import { containerOf, nodeOf } from './containers.ts'
import { proxyEndpoint } from './proxy.ts'
import { readObject } from './read.ts'

const connections: Readonly<Record<string, Endpoint>> = {
  'pods/exec': commandEndpoint,
  'pods/attach': commandEndpoint,
  'pods/portforward': portForwardEndpoint,
  'pods/proxy': proxyEndpoint,
  'services/proxy': proxyEndpoint,
  'nodes/proxy': proxyEndpoint,
}

/** Answers a request for a connection to something in the cluster. */
export async function connectEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { info } = exchange
  const endpoint = connections[`${info.resource}/${info.subresource}`]
  if (endpoint === undefined) throw unknownResource()
  const options = connectOptions(`${info.resource}/${info.subresource}`, exchange.request.query, info.rest)
  await admitBody(exchange, kind, 'CONNECT', { group: '', version: 'v1', kind: options.kind }, options)
  return endpoint(exchange, kind)
}

const spdy = 'spdy/3.1'

/** `exec` and `attach`: a process in a container, with its streams. */
async function commandEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { info, request, server } = exchange
  const { query } = request
  const pod = (await readObject(exchange, kind)).object as Pod
  const container = containerOf(pod, query.get('container') ?? '')
  const node = nodeOf(pod)
  const isAttach = info.subresource === 'attach'
  const wanted: CommandStreams = {
    stdin: parseFlag(query, 'stdin') ?? false,
    // Both are wanted unless a client says otherwise, but for commands only what is asked for.
    stdout: parseFlag(query, 'stdout') ?? isAttach,
    stderr: parseFlag(query, 'stderr') ?? isAttach,
    tty: parseFlag(query, 'tty') ?? false,
  }
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr')
  }
  const command = query.getAll('command')
  if (!isAttach && command.length === 0) throw badRequest('you must specify at least 1 command for the container')
  const path = `/${info.subresource}/${info.namespace}/${info.name}/${container}?${kubeletQuery(wanted, command)}`
  const upgrade = needUpgrade(exchange)
  if (upgrade.protocol === spdy) return passOn(exchange, node, path)
  const protocol = chooseProtocol(offeredProtocols(request), commandProtocols)
  if (protocol === undefined) throw noProtocol(request.headerValues('sec-websocket-protocol'), commandProtocols)
  const { clock } = server.registry
  const connect = (): Promise<UpgradedConnection | { readonly refused: Refusal }> =>
    connectSpdy(exchange, node, path, backendProtocol)
  if (protocol === translatedProtocol) {
    // The client is connected first, as upstream's translator has it: what stands in the way is the end of the command.
    const run = async (): Promise<void> => {
      const client = await acceptWebSocket(upgrade, protocol, { clock })
      const backend = await connect().catch((error: unknown) => ({ failed: error }))
      if ('failed' in backend) return await refuseCommand(client, notSent(backend.failed).status)
      if (!('refused' in backend)) return await translateCommand(client, backend, wanted)
      const words = backend.refused.bytes.toString('utf8').trim()
      await refuseCommand(client, internalError(`unable to upgrade connection: ${words}`).status)
    }
    return { type: 'taken', code: 101, run }
  }
  const backend = await connect()
  if ('refused' in backend) return refusalReply(backend.refused)
  const run = async (): Promise<void> =>
    await translateCommand(await acceptWebSocket(upgrade, protocol, { clock }), backend, wanted)
  return { type: 'taken', code: 101, run }
}

/** What a client that is connected already is told of a kubelet that was not asked. */
function notSent(error: unknown): StatusError {
  if (error instanceof NodeUnreachable) return internalError(`error sending request: ${error.failure}`)
  return error instanceof StatusError ? error : internalError(messageOf(error))
}

function kubeletQuery(wanted: CommandStreams, command: readonly string[]): string {
  const query = new URLSearchParams()
  if (wanted.stdin) query.set('input', '1')
  if (wanted.stdout) query.set('output', '1')
  if (wanted.stderr && !wanted.tty) query.set('error', '1')
  if (wanted.tty) query.set('tty', '1')
  for (const word of command) query.append('command', word)
  return query.toString()
}

async function portForwardEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { info, request, server } = exchange
  const pod = (await readObject(exchange, kind)).object as Pod
  const node = nodeOf(pod)
  const path = `/portForward/${info.namespace}/${info.name}`
  const upgrade = needUpgrade(exchange)
  if (upgrade.protocol === spdy) return passOn(exchange, node, path)
  const protocol = chooseProtocol(offeredProtocols(request), portForwardProtocols)
  if (protocol === undefined) throw noProtocol(request.headerValues('sec-websocket-protocol'), portForwardProtocols)
  const ports = request.query
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map((text) => parseInteger({ get: () => text, getAll: () => [text], has: () => true }, 'ports') ?? 0)
  if (protocol !== tunnelProtocol && (ports.length === 0 || ports.some((port) => port < 1 || port > 65_535))) {
    throw badRequest('query parameter "ports" must name ports from 1 to 65535')
  }
  const backend = await connectSpdy(exchange, node, path, portForwardProtocol)
  if ('refused' in backend) return refusalReply(backend.refused)
  return {
    type: 'taken',
    code: 101,
    run: async () => {
      const client = await acceptWebSocket(upgrade, protocol, { clock: server.registry.clock })
      await (protocol === tunnelProtocol ? unpackTunnel(client, backend) : translatePorts(client, backend, ports))
    },
  }
}

function needUpgrade({ request }: Exchange): NonNullable<Exchange['request']['upgrade']> {
  if (request.upgrade === undefined) throw badRequest('Upgrade request required')
  return request.upgrade
}

function noProtocol(offered: readonly string[], supported: readonly string[]): StatusError {
  return failure(
    'Forbidden',
    `unable to negotiate protocol: client supports [${offered.join(', ')}], server accepts [${supported.join(' ')}]`,
  )
}

/** SPDY clients talk to the kubelet themselves; only bytes pass here. */
async function passOn(exchange: Exchange, node: string, path: string): Promise<ServerReply> {
  const upgrade = needUpgrade(exchange)
  const offered = exchange.request.headerValues('x-stream-protocol-version')
  const backend = await connectSpdy(exchange, node, path, offered)
  if ('refused' in backend) return refusalReply(backend.refused)
  return { type: 'taken', code: 101, run: () => spliceUpgrade(upgrade, backend) }
}

const largestRefusal = 64 * 1024

/** What a kubelet answered instead of a connection: 400 or more, in its words. */
interface Refusal {
  readonly status: number
  readonly contentType: string
  readonly bytes: Buffer
}

/**
 * Opens a connection to a kubelet, or resolves with what that answered instead. Rejects with 500 when it is not reached and when
 * it says that it is elsewhere: redirects are never followed.
 */
async function connectSpdy(
  { server, request }: Exchange,
  node: string,
  path: string,
  protocols: string | readonly string[],
): Promise<UpgradedConnection | { readonly refused: Refusal }> {
  const backend = await server.nodes.upgrade(
    node,
    { method: 'POST', path, protocol: 'SPDY/3.1', headers: { 'x-stream-protocol-version': protocols } },
    request.signal,
  )
  if (!('refused' in backend)) return backend
  const { status, headers } = backend.refused
  const bytes = await backend.refused.readBody(largestRefusal)
  if (status < 400) throw unexplained(`invalid upgrade response: status code ${status}`)
  return { refused: { status, contentType: String(headers['content-type'] ?? 'text/plain; charset=utf-8'), bytes } }
}

/** Clients that could have talked to the kubelet themselves get its own answer. */
function refusalReply({ status, contentType, bytes }: Refusal): ServerReply {
  return { type: 'bytes', code: status, contentType, bytes }
}
