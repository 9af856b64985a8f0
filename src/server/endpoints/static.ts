import { metricsContentType } from '#lib/metrics.ts'
import { negotiateAnswer, parseAccept, routedTypes, type MediaType } from '#machinery/codec/negotiate.ts'
import { methodNotAllowed } from '#machinery/status.ts'
import type { Exchange } from '../exchange.ts'
import { dumpOf } from '../flowControl/dump.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { issuerConfiguration, issuerKeys } from './issuer.ts'
import type { DiscoveryDocument } from './discovery.ts'
import { documentReply } from './document.ts'
import { wantsPretty } from '../options.ts'
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
  '': (exchange) => readable(exchange, { paths: allPaths(exchange) }),
  api: apiEndpoint,
  apis: apisEndpoint,
  openapi: openApiEndpoint,
  version: (exchange, rest) => (rest.length === 0 ? readable(exchange, exchange.server.version) : undefined),
  metrics: ({ server }, rest) =>
    rest.length === 0
      ? {
          type: 'bytes',
          code: 200,
          contentType: metricsContentType,
          bytes: Buffer.from(server.metrics.registry.render()),
        }
      : undefined,
  debug: ({ server, request }, [part, name = '', ...rest]) => {
    if (part !== 'api_priority_and_fairness' || rest.length > 0) return undefined
    const dump = dumpOf(name, server.flowControl, (request.query.get('includeRequestDetails') ?? '') !== '')
    return dump === undefined ? undefined : { ...textReply(200, dump), headers: {} }
  },
  '.well-known': (exchange, rest) =>
    rest.join('/') === 'openid-configuration' ? issuerConfiguration(exchange) : undefined,
  openid: (exchange, rest) => (rest.join('/') === 'v1/jwks' ? issuerKeys(exchange) : undefined),
  healthz: (exchange, rest) => healthEndpoint('healthz', exchange, rest),
  livez: (exchange, rest) => healthEndpoint('livez', exchange, rest),
  readyz: (exchange, rest) => healthEndpoint('readyz', exchange, rest),
}

/** What is no object of the API is readable JSON for everybody. */
function readable(exchange: Exchange, value: object): ServerReply {
  exchange.wanted = { mediaType: 'json', parameters: {}, pretty: true }
  return objectReply(value)
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

function apiEndpoint(exchange: Exchange, rest: readonly string[]): Reply {
  if (rest.length === 0) return rootReply(exchange, 'api')
  return rest.length === 1 ? discoveryReply(exchange, exchange.server.discovery.resourceList('', rest[0]!)) : undefined
}

function apisEndpoint(exchange: Exchange, rest: readonly string[]): Reply {
  const { discovery } = exchange.server
  const [group = '', version = ''] = rest
  if (rest.length === 0) return rootReply(exchange, 'apis')
  if (group === '' || rest.length > 2) return undefined
  return discoveryReply(exchange, rest.length === 1 ? discovery.group(group) : discovery.resourceList(group, version))
}

type Reply = undefined | ServerReply | Promise<ServerReply>

/** A document in the form that the client asked for. People read what they get, so theirs is written for them. */
function discoveryReply(exchange: Exchange, document: DiscoveryDocument | undefined): Reply {
  if (document === undefined) return undefined
  exchange.wanted = negotiateDocument(exchange.request, exchange.request.header('accept'))
  return written(exchange, document)
}

function negotiateDocument(request: Exchange['request'], accept: string | undefined): Exchange['wanted'] {
  return negotiateAnswer(accept, { routed: routedTypes, pretty: wantsPretty(request) })
}

function written({ request, wanted }: Exchange, document: DiscoveryDocument, headers: { vary?: string } = {}): Reply {
  if (request.caller !== undefined || wanted.pretty) return { ...objectReply(document.object), headers }
  return documentReply(request, document.written(wanted.mediaType), headers, compressAbove)
}

/** As for other objects: longer ones are compressed. */
const compressAbove = 128 * 1024

/** The root of the groups: in one piece for clients that can take that, otherwise a list of what to ask for. */
function rootReply(exchange: Exchange, root: 'api' | 'apis'): Reply {
  const { request, server } = exchange
  const accept = request.header('accept') ?? ''
  const clause = parseAccept(accept).find(({ type, parameters }) => {
    if (!Object.hasOwn(aggregatedForms, type)) return false
    const { as } = parameters
    return (
      as === undefined ||
      (as === 'APIGroupDiscoveryList' && parameters['g'] === 'apidiscovery.k8s.io' && parameters['v'] === 'v2')
    )
  })
  if (clause?.parameters['as'] !== 'APIGroupDiscoveryList') {
    exchange.wanted = negotiateDocument(request, clause === undefined ? accept : clause.type)
    const { discovery } = server
    return written(exchange, root === 'api' ? discovery.coreVersions() : discovery.groupList(), { vary: 'Accept' })
  }
  const document = server.discovery.aggregated(root)
  if (request.caller !== undefined) return objectReply(document.object)
  const form = document.written(aggregatedForms[clause.type]!, ';g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
  return documentReply(request, form, { vary: 'Accept', 'cache-control': 'public' }, compressAbove)
}

/** The forms of the aggregated document by what clients call them. */
const aggregatedForms: Readonly<Record<string, MediaType>> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
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
