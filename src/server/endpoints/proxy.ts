import { endpoints as endpointsResource, type Endpoints } from '#api/core/v1/endpoints.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { HttpClient } from '#lib/http/client.ts'
import type { ReplyHeaders } from '#lib/http/message.ts'
import { badRequest, failure, notFound, unavailable } from '#machinery/status.ts'
import type { Exchange } from '../exchange.ts'
import { forwardedHeaders, responseReply } from '../forward.ts'
import type { Kind } from '../kind.ts'
import type { ServerReply } from '../request.ts'
import { spliceUpgrade } from '#lib/http/splice.ts'

/** `name`, `name:port` or `scheme:name:port`. */
interface Target {
  readonly scheme: string
  readonly name: string
  readonly port: string
}

/** Where the request really goes. */
type Destination = { readonly url: string } | { readonly node: string }

/** Passes a request on to a pod, to an endpoint of a service, or to a node. */
export async function proxyEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { info, request, server } = exchange
  const target = parseTarget(info.name, kind)
  const destination = await findDestination(exchange, target)
  const query = request.search ?? ''
  const path = `${encodeURI(info.rest === '' ? '/' : info.rest)}${query === '' ? '' : `?${query}`}`
  const headers = forwardedHeaders(exchange)
  if ('object' in request.body) throw badRequest('a proxied request needs a connection')
  const { body } = request
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
  const client =
    'url' in destination ? new HttpClient({ url: destination.url, protocol: 'h1', tls: { insecure: true } }) : undefined
  if (request.upgrade !== undefined) return passUpgrade(exchange, client, destination, path, headers)
  const order = { method: request.method, path, headers, ...(hasBody ? { body: body.pieces() } : {}) }
  const response = await reach(() =>
    client === undefined
      ? server.nodes.request((destination as { node: string }).node, order, request.signal)
      : client.request({ ...order, signal: request.signal }),
  )
  return responseReply(response, () => client?.close())
}

async function passUpgrade(
  { request, server }: Exchange,
  client: HttpClient | undefined,
  destination: Destination,
  path: string,
  headers: ReplyHeaders,
): Promise<ServerReply> {
  const upgrade = request.upgrade!
  const order = { method: request.method, path, headers, protocol: request.header('upgrade') ?? upgrade.protocol }
  const backend = await reach(() =>
    client === undefined
      ? server.nodes.upgrade((destination as { node: string }).node, order, request.signal)
      : client.upgrade({ ...order, signal: request.signal }),
  )
  if ('refused' in backend) return responseReply(backend.refused, () => client?.close())
  return { type: 'taken', code: 101, run: () => spliceUpgrade(upgrade, backend).finally(() => client?.close()) }
}

async function reach<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'HttpClientError') throw error
    throw unavailable(`error trying to reach service: ${error.message}`)
  }
}

function parseTarget(text: string, kind: Kind): Target {
  const parts = text.split(':')
  if (parts.length > 3) throw badRequest(`invalid ${kind.resource.singular} request ${JSON.stringify(text)}`)
  const [scheme, name, port] = parts.length === 3 ? parts : ['', parts[0]!, parts[1] ?? '']
  if (!['', 'http', 'https'].includes(scheme!)) {
    throw badRequest(`invalid ${kind.resource.singular} request ${JSON.stringify(text)}`)
  }
  return { scheme: scheme!, name: name!, port: port! }
}

async function findDestination({ info, server }: Exchange, target: Target): Promise<Destination> {
  const { cluster } = server.registry
  await cluster.current()
  if (info.resource === 'nodes') {
    const node: Node | undefined = cluster.get(nodes, '', target.name)
    if (node === undefined) throw notFound(nodes, target.name)
    return { node: target.name }
  }
  return info.resource === 'pods'
    ? podDestination(cluster.get(pods, info.namespace, target.name), target)
    : serviceDestination(
        cluster.get(services, info.namespace, target.name),
        cluster.get(endpointsResource, info.namespace, target.name),
        target,
      )
}

function urlOf(scheme: string, host: string, port: number): string {
  return `${scheme === '' ? 'http' : scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function podDestination(pod: Pod | undefined, { scheme, name, port }: Target): Destination {
  if (pod === undefined) throw notFound(pods, name)
  const address = pod.status?.podIP ?? ''
  if (address === '') throw badRequest('address not allowed')
  const first = pod.spec.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort ?? 80
  const wanted = port === '' ? first : Number(port)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 65_535)
    throw badRequest(`invalid pod request "${name}:${port}"`)
  return { url: urlOf(scheme, address, wanted) }
}

/** Any ready endpoint of the service behind the port, by its name or number. */
function serviceDestination(
  service: Service | undefined,
  found: Endpoints | undefined,
  { scheme, name, port }: Target,
): Destination {
  if (service === undefined) throw notFound(services, name)
  const ports = service.spec?.ports ?? []
  let portName = port
  if (/^\d+$/.test(port)) {
    const numbered = ports.find((each) => each.port === Number(port))
    if (numbered === undefined) throw unavailable(`no service port ${port} found for service "${name}"`)
    portName = numbered.name ?? ''
  } else if (port === '' && ports.length === 1) portName = ports[0]!.name ?? ''
  if (found === undefined) throw failure('NotFound', `endpoints "${name}" not found`, { name, kind: 'endpoints' })
  for (const { addresses = [], ports: open = [] } of found.subsets ?? []) {
    const match = open.find((each) => (each.name ?? '') === portName)
    if (match !== undefined && addresses.length > 0) return { url: urlOf(scheme, addresses[0]!.ip, match.port) }
  }
  throw unavailable(`no endpoints available for service "${name}"`)
}
