import type { Pod } from '#api/core/v1/pod.ts'
import type { UpgradedConnection } from '#lib/http/client.ts'
import { acceptWebSocket, chooseProtocol, offeredProtocols } from '#lib/http/webSocket.ts'
import { badRequest, failure, type StatusError } from '#machinery/status.ts'
import { unknownResource } from '../errors.ts'
import { admitBody, type Endpoint, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { parseFlag, parseInteger } from '../options.ts'
import type { ServerReply } from '../request.ts'
import {
  portForwardProtocol,
  portForwardProtocols,
  translatePorts,
  tunnelProtocol,
  unpackTunnel,
} from '../streams/portForward.ts'
import { backendProtocol, commandProtocols, translateCommand, type CommandStreams } from '../streams/remoteCommand.ts'
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
  const backend = await connectSpdy(exchange, node, path, backendProtocol)
  return {
    type: 'taken',
    code: 101,
    run: async () => {
      const client = await acceptWebSocket(upgrade, protocol, { clock: server.registry.clock })
      await translateCommand(client, backend, wanted)
    },
  }
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
  return { type: 'taken', code: 101, run: () => spliceUpgrade(upgrade, backend) }
}

const largestRefusal = 64 * 1024

/** Opens a connection to a kubelet. What it answers instead is passed on as a refusal; redirects are never followed. */
async function connectSpdy(
  { server, request }: Exchange,
  node: string,
  path: string,
  protocols: string | readonly string[],
): Promise<UpgradedConnection> {
  const backend = await server.nodes.upgrade(
    node,
    { method: 'POST', path, protocol: 'SPDY/3.1', headers: { 'x-stream-protocol-version': protocols } },
    request.signal,
  )
  if (!('refused' in backend)) return backend
  const { refused } = backend
  const text = (await refused.readBody(largestRefusal)).toString('utf8').trim()
  if (refused.status === 404) throw failure('NotFound', text)
  if (refused.status >= 400 && refused.status < 500) throw failure('BadRequest', text, undefined, refused.status)
  throw failure('InternalError', `error dialing backend: unexpected status ${refused.status}: ${text}`)
}
