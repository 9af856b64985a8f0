// An HTTPS server on loopback that extends the API with a kind of its own, as a server of another project would.
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import type { HttpReply, HttpRequest, ReplyStream } from '#lib/http/message.ts'
import { HttpServer } from '#lib/http/server.ts'
import type { ServerFixture } from './apiServerFixture.ts'

const group = 'kitchen.example.com'
const version = 'v1'
export const kitchen = `/apis/${group}/${version}`
export const teapots = `${kitchen}/namespaces/default/teapots`

interface Teapot {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name?: string; readonly namespace?: string } & Readonly<Record<string, unknown>>
  readonly spec?: { readonly cups: number }
}

/** A request as it arrived. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly search: string
  readonly headers: HttpRequest['headers']
  readonly groups: readonly string[]
  /** The common name of a certificate that the authority of the front proxy vouches for. */
  readonly peer: string | undefined
}

export interface ExtensionServer extends AsyncDisposable {
  readonly port: number
  /** For `caBundle`. */
  readonly caBundle: string
  readonly asked: Asked[]
  /** Answers in the place of the server, if it is not undefined; true: it has. */
  behave: ((request: HttpRequest, reply: HttpReply) => boolean) | undefined
  /** Whether there is a discovery document of everything, or only a list for the version. */
  isAggregated: boolean
  /** Whether there are OpenAPI documents of version 3. */
  hasOpenApiV3: boolean
  /** Watches that are open. */
  readonly watches: Set<ReplyStream>
}

export interface ExtensionOptions {
  /** The names for which the server's certificate is good. */
  readonly names?: readonly string[]
  /** PEM of the authority of the front proxy. */
  readonly clientAuthority?: string
}

const resource = {
  resource: 'teapots',
  responseKind: { group, version, kind: 'Teapot' },
  scope: 'Namespaced',
  singularResource: 'teapot',
  shortNames: ['tp'],
  verbs: ['create', 'delete', 'get', 'list', 'watch'],
}

const plainResources = [
  {
    name: 'teapots',
    singularName: 'teapot',
    namespaced: true,
    kind: 'Teapot',
    shortNames: ['tp'],
    verbs: resource.verbs,
  },
  { name: 'teapots/pour', singularName: '', namespaced: true, kind: 'Teapot', verbs: ['get'] },
]

const definition = `com.example.kitchen.${version}.Teapot`
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const teapotSchema = (refer: (name: string) => object): object => ({
  type: 'object',
  description: 'Teapot is a vessel for tea.',
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: refer(meta),
    spec: {
      type: 'object',
      description: 'What the teapot is like.',
      properties: { cups: { type: 'integer', description: 'How many cups it fills.' } },
    },
  },
  'x-kubernetes-group-version-kind': [{ group, version, kind: 'Teapot' }],
})

const action = (verb: string) => ({
  'x-kubernetes-action': verb,
  'x-kubernetes-group-version-kind': { group, version, kind: 'Teapot' },
})

const openApiV2 = {
  swagger: '2.0',
  info: { title: 'Kitchen', version: '1' },
  paths: {
    '/apis/': { get: { responses: { 200: { description: 'OK' } } } },
    [`${kitchen}/namespaces/{namespace}/teapots`]: {
      get: {
        ...action('list'),
        responses: { 200: { description: 'OK', schema: { $ref: `#/definitions/${definition}` } } },
      },
    },
  },
  definitions: {
    [definition]: teapotSchema((name) => ({ $ref: `#/definitions/${name}` })),
    [meta]: { type: 'object', description: 'The kitchen has its own.', properties: { name: { type: 'string' } } },
    unused: { type: 'object' },
  },
}

const openApiV3 = {
  openapi: '3.0.0',
  info: { title: 'Kitchen', version: '1' },
  paths: {
    [`${kitchen}/namespaces/{namespace}/teapots`]: {
      get: {
        ...action('list'),
        responses: {
          200: {
            description: 'OK',
            content: { 'application/json': { schema: { $ref: `#/components/schemas/${definition}` } } },
          },
        },
      },
    },
  },
  components: {
    schemas: {
      [definition]: teapotSchema((name) => ({ allOf: [{ $ref: `#/components/schemas/${name}` }] })),
      [meta]: { type: 'object', properties: { name: { type: 'string' } } },
    },
  },
}

/** Starts a server with one teapot, `brown`. */
export async function startExtension(options: ExtensionOptions = {}): Promise<ExtensionServer> {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'kitchen-ca' }, validity)
  const keys = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'kitchen' },
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    dnsNames: options.names ?? ['kitchen.default.svc'],
    ...validity,
  })
  const pots = new Map<string, Teapot>()
  let revision = 10
  const put = ({ metadata: { namespace: _, ...metadata }, spec }: Teapot, namespace: string): Teapot => {
    const name = metadata['name']!
    const own = {
      ...metadata,
      namespace,
      resourceVersion: String(++revision),
      uid: `uid-${namespace}-${name}`,
    } as const
    const pot: Teapot = { apiVersion: `${group}/${version}`, kind: 'Teapot', metadata: own, spec: spec ?? { cups: 0 } }
    pots.set(`${namespace}/${name}`, pot)
    return pot
  }
  put({ apiVersion: '', kind: '', metadata: { name: 'brown' }, spec: { cups: 4 } }, 'default')
  const asked: Asked[] = []
  const watches = new Set<ReplyStream>()
  const json = (reply: HttpReply, code: number, value: object, type = 'application/json'): void =>
    reply.send(code, { 'content-type': type }, JSON.stringify(value))
  const refuse = (reply: HttpReply, code: number, reason: string, message: string): void =>
    json(reply, code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code })
  const tell = (type: string, object: Teapot): void => {
    for (const watch of watches) watch.write(Buffer.from(`${JSON.stringify({ type, object })}\n`))
  }
  /** One pot, those of a namespace or all; all watchers see all. */
  const answerPots = async (request: HttpRequest, reply: HttpReply, namespace = '', name = ''): Promise<void> => {
    if (request.method === 'POST') {
      const pot = put(JSON.parse((await request.readBody(1_000_000)).toString('utf8')) as Teapot, namespace)
      json(reply, 201, pot)
      return tell('ADDED', pot)
    }
    const key = `${namespace}/${name}`
    const pot = pots.get(key)
    if (name !== '' && pot === undefined) {
      return refuse(reply, 404, 'NotFound', `teapots.${group} ${JSON.stringify(name)} not found`)
    }
    if (request.method === 'DELETE') {
      pots.delete(key)
      json(reply, 200, { kind: 'Status', apiVersion: 'v1', status: 'Success' })
      return tell('DELETED', pot!)
    }
    if (request.query.has('sendInitialEvents')) {
      return refuse(reply, 422, 'Invalid', 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch')
    }
    if (request.query.has('watch')) {
      const watch = reply.stream(200, { 'content-type': 'application/json' })
      watches.add(watch)
      reply.onDone(() => watches.delete(watch))
      return
    }
    if (pot !== undefined) return json(reply, 200, pot)
    const metadata = { resourceVersion: String(revision) }
    const items = [...pots.values()].filter((each) => namespace === '' || each.metadata['namespace'] === namespace)
    json(reply, 200, { kind: 'TeapotList', apiVersion: `${group}/${version}`, metadata, items })
  }
  const server: ExtensionServer & { http?: HttpServer } = {
    port: 0,
    caBundle: Buffer.from(certificatePem(authority.certificate)).toString('base64'),
    asked,
    behave: undefined,
    isAggregated: true,
    hasOpenApiV3: true,
    watches,
    async [Symbol.asyncDispose]() {
      await http.close(AbortSignal.abort())
    },
  }
  const http = new HttpServer({
    tls: {
      certificate: certificatePem(certificate),
      key: privateKeyPem(keys.privateKey),
      ...(options.clientAuthority === undefined ? {} : { clientAuthority: options.clientAuthority }),
    },
    async handler(request, reply) {
      const { method, path, search, headers, peer } = request
      const groups = request.headerValues('x-remote-group')
      asked.push({ method, path, search, headers, groups, peer: peer?.verified === true ? peer.commonName : undefined })
      if (server.behave?.(request, reply) === true) return
      if (request.upgrade !== undefined) return echo(request)
      if (path === '/apis' && server.isAggregated) {
        const versions = [{ version, resources: [resource], freshness: 'Current' }]
        const items = [{ metadata: { name: group }, versions }]
        const list = { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
        return json(reply, 200, list, 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
      }
      if (path === kitchen) {
        const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${version}` }
        return json(reply, 200, { ...list, resources: plainResources })
      }
      if (path === '/openapi/v2') return json(reply, 200, openApiV2)
      if (path === '/openapi/v3' && server.hasOpenApiV3) {
        const serverRelativeURL = `/openapi/v3${kitchen}?hash=K1`
        return json(reply, 200, { paths: { [kitchen.slice(1)]: { serverRelativeURL } } })
      }
      if (path === `/openapi/v3${kitchen}` && server.hasOpenApiV3) return json(reply, 200, openApiV3)
      const place = new RegExp(`^${kitchen}(?:/namespaces/([^/]+))?/teapots(?:/([^/]+))?$`).exec(path)
      if (place !== null) return answerPots(request, reply, place[1], place[2])
      refuse(reply, 404, 'NotFound', 'no such path')
    },
  })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return Object.assign(server, { port })
}

/** Gives back on an upgraded connection what it gets. */
function echo(request: HttpRequest): void {
  const { socket, head } = request.upgrade!.take()
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.upgrade!.protocol}\r\n\r\n`,
  )
  if (head.length > 0) socket.write(head)
  socket.pipe(socket)
}

/** Registers the server under the service `kitchen`, a name for this machine. */
export async function register(
  { transport }: ServerFixture,
  { port, caBundle }: Pick<ExtensionServer, 'port' | 'caBundle'>,
  spec: object = { caBundle },
): Promise<void> {
  await transport.send({
    method: 'POST',
    path: '/api/v1/namespaces/default/services',
    body: { metadata: { name: 'kitchen' }, spec: { type: 'ExternalName', externalName: 'localhost' } },
  })
  await transport.send({ method: 'POST', path: registrations, body: registration(port, spec) })
}

export const registrations = '/apis/apiregistration.k8s.io/v1/apiservices'

export function registration(port: number, spec: object): object {
  return {
    metadata: { name: `${version}.${group}` },
    spec: {
      group,
      version,
      groupPriorityMinimum: 2_000,
      versionPriority: 15,
      service: { namespace: 'default', name: 'kitchen', port },
      ...spec,
    },
  }
}

interface Condition {
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** What the registration says of the server, once it says that. */
export async function whenSaid({ server, transport }: ServerFixture, reason: string): Promise<Condition> {
  for (;;) {
    const { body } = await transport.send({ method: 'GET', path: `${registrations}/${version}.${group}` })
    const { metadata, status } = body as {
      metadata: { resourceVersion: string }
      status?: { conditions?: readonly Condition[] }
    }
    const condition = status?.conditions?.[0]
    if (condition?.reason === reason) return condition
    await nextChange({ server, transport }, metadata.resourceVersion)
  }
}

async function nextChange({ transport }: Pick<ServerFixture, 'server' | 'transport'>, from: string): Promise<void> {
  const stop = AbortSignal.timeout(20_000)
  const query = { resourceVersion: from, fieldSelector: `metadata.name=${version}.${group}` }
  for await (const _ of transport.watch({ method: 'GET', path: registrations, query }, stop)) return
}
