import { createHash } from 'node:crypto'
import { metricsContentType } from '#lib/metrics.ts'
import { negotiateAnswer, parseAccept } from '#machinery/codec/negotiate.ts'
import { methodNotAllowed } from '#machinery/status.ts'
import type { Exchange } from '../exchange.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { issuerConfiguration, issuerKeys } from './issuer.ts'
import { openApiEndpoint } from './openapi.ts'

const text = 'text/plain; charset=utf-8'

/** Answers paths that are not about objects. */
export async function staticEndpoint(exchange: Exchange): Promise<ServerReply> {
  const { info, request } = exchange
  const path = info.path.length > 1 ? info.path.replace(/\/+$/, '') : '/'
  const parts = path.slice(1).split('/')
  const find = Object.hasOwn(roots, parts[0]!) ? roots[parts[0]!] : undefined
  const reply = await find?.(exchange, parts.slice(1))
  if (reply === undefined) return textReply(404, '404 page not found\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed()
  return reply
}

/** Undefined: no such path. */
type StaticEndpoint = (
  exchange: Exchange,
  rest: readonly string[],
) => undefined | ServerReply | Promise<undefined | ServerReply>

const roots: Readonly<Record<string, StaticEndpoint | undefined>> = {
  '': (exchange) => objectReply({ paths: allPaths(exchange) }),
  api: apiEndpoint,
  apis: apisEndpoint,
  openapi: openApiEndpoint,
  version: ({ server }, rest) => (rest.length === 0 ? objectReply(server.version) : undefined),
  metrics: ({ server }, rest) =>
    rest.length === 0
      ? {
          type: 'bytes',
          code: 200,
          contentType: metricsContentType,
          bytes: Buffer.from(server.metrics.registry.render()),
        }
      : undefined,
  '.well-known': (exchange, rest) =>
    rest.join('/') === 'openid-configuration' ? issuerConfiguration(exchange) : undefined,
  openid: (exchange, rest) => (rest.join('/') === 'v1/jwks' ? issuerKeys(exchange) : undefined),
  healthz: (exchange, rest) => healthEndpoint('healthz', exchange, rest),
  livez: (exchange, rest) => healthEndpoint('livez', exchange, rest),
  readyz: (exchange, rest) => healthEndpoint('readyz', exchange, rest),
}

function textReply(code: number, body: string): ServerReply {
  return {
    type: 'bytes',
    code,
    contentType: text,
    bytes: Buffer.from(body),
    headers: { 'x-content-type-options': 'nosniff' },
  }
}

function apiEndpoint(exchange: Exchange, rest: readonly string[]): ServerReply | undefined {
  const { discovery } = exchange.server
  if (rest.length === 0) return rootReply(exchange, 'api', discovery.coreVersions())
  return rest.length === 1 ? documentReply(exchange, discovery.resourceList('', rest[0]!)) : undefined
}

function apisEndpoint(exchange: Exchange, rest: readonly string[]): ServerReply | undefined {
  const { discovery } = exchange.server
  const [group = '', version = ''] = rest
  if (rest.length === 0) return rootReply(exchange, 'apis', discovery.groupList())
  if (rest.length === 1) return documentReply(exchange, discovery.group(group))
  return rest.length === 2 && group !== '' ? documentReply(exchange, discovery.resourceList(group, version)) : undefined
}

function documentReply(exchange: Exchange, document: object | undefined): ServerReply | undefined {
  if (document === undefined) return undefined
  exchange.wanted = negotiateAnswer(exchange.request.header('accept'))
  return objectReply(document)
}

/** The root of the groups: in one piece for clients that can take that, otherwise a list of what to ask for. */
function rootReply(exchange: Exchange, root: 'api' | 'apis', plain: object): ServerReply {
  const { request, server } = exchange
  const accept = request.header('accept') ?? ''
  const clause = parseAccept(accept).find(({ quality, type, parameters }) => {
    if (quality === 0 || !/^(application\/(json|\*|vnd\.kubernetes\.protobuf)|\*\/\*)$/.test(type)) return false
    const { as } = parameters
    return (
      as === undefined ||
      (as === 'APIGroupDiscoveryList' && parameters['g'] === 'apidiscovery.k8s.io' && parameters['v'] === 'v2')
    )
  })
  const isAggregated = clause?.parameters['as'] === 'APIGroupDiscoveryList'
  if (!isAggregated) {
    exchange.wanted = negotiateAnswer(clause === undefined ? accept : clause.type)
    return { ...objectReply(plain), headers: { vary: 'Accept' } }
  }
  const document = server.discovery.aggregated(root)
  const etag = `"${createHash('sha256').update(JSON.stringify(document)).digest('hex').toUpperCase()}"`
  const headers = {
    etag,
    vary: 'Accept',
    'content-type': 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  }
  if (request.header('if-none-match') === etag) {
    return { type: 'bytes', code: 304, contentType: '', bytes: Buffer.alloc(0), headers: { etag, vary: 'Accept' } }
  }
  return { ...objectReply(document), headers }
}

async function healthEndpoint(
  name: 'healthz' | 'livez' | 'readyz',
  { server, request }: Exchange,
  rest: readonly string[],
): Promise<ServerReply | undefined> {
  const answer = await server.health.ask(name, {
    ...(rest.length === 0 ? {} : { only: rest.join('/') }),
    exclude: request.query.getAll('exclude'),
    verbose: request.query.has('verbose'),
  })
  return answer === undefined ? undefined : textReply(answer.ok ? 200 : 500, answer.text)
}

function allPaths({ server }: Exchange): string[] {
  const { discovery, health } = server
  const paths = ['/.well-known/openid-configuration', '/api', '/apis', '/apis/', '/metrics', '/openapi/v2']
  paths.push('/openapi/v3', '/openapi/v3/', '/openid/v1/jwks', '/version')
  for (const version of discovery.versions('')) paths.push(`/api/${version}`)
  for (const group of discovery.groups()) {
    paths.push(`/apis/${group}`)
    for (const version of discovery.versions(group)) paths.push(`/apis/${group}/${version}`)
  }
  for (const endpoint of ['healthz', 'livez', 'readyz'] as const) {
    paths.push(`/${endpoint}`, ...health.names(endpoint).map((name) => `/${endpoint}/${name}`))
  }
  return paths.sort()
}
