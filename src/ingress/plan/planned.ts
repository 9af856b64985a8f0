// For tests: a routing from a few words.
import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import type { Service, ServiceSpec } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Ingress, IngressSpec, PathType } from '#api/networking/v1/ingress.ts'
import type { ClusterView, RoutingPlan } from './cluster.ts'
import { planRouting } from './planRouting.ts'
import { PoolMaker } from './pools.ts'

const prefix = 'nginx.ingress.kubernetes.io/'

/** An ingress of namespace `shop`; annotations without their prefix. */
export function ingressOf(
  name: string,
  spec: Partial<IngressSpec>,
  annotations: Readonly<Record<string, string>> = {},
  age = 0,
): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name,
      namespace: 'shop',
      creationTimestamp: new Date(1_000_000_000_000 - age * 1_000).toISOString(),
      annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [prefix + key, value])),
    },
    spec: { ingressClassName: 'nginx', ...spec },
  }
}

/** A rule: `rule('a.example', '/ -> web', '/api = -> web:http')`; `=` for Exact, `~` for ImplementationSpecific. */
export function rule(host: string, ...paths: readonly string[]): NonNullable<IngressSpec['rules']>[number] {
  const types: Readonly<Record<string, PathType>> = { '': 'Prefix', '=': 'Exact', '~': 'ImplementationSpecific' }
  return {
    ...(host === '' ? {} : { host }),
    http: {
      paths: paths.map((text) => {
        const [, path = '', type = '', service = ''] = /^(\S*) ?([=~]?) ?-> (\S+)$/.exec(text) ?? []
        return { ...(path === '' ? {} : { path }), pathType: types[type]!, backend: backendOf(service) }
      }),
    },
  }
}

/** `web` or `web:8080` or `web:http`. */
export function backendOf(text: string): NonNullable<IngressSpec['defaultBackend']> {
  const [name = '', port = '80'] = text.split(':')
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } }
}

export function serviceOf(name: string, spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { clusterIP: '10.96.0.20', ports: [{ port: 80, targetPort: 8080 }], ...spec },
  }
}

export function sliceOf(
  service: string,
  endpoints: readonly (string | Endpoint)[],
  parts: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map((each) =>
      typeof each === 'string' ? { addresses: [each], conditions: { ready: true } } : each,
    ),
    ...parts,
  }
}

export const textData = (data: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))

export function secretOf(name: string, data: Readonly<Record<string, string>>, namespace = 'shop'): Secret {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: textData(data) }
}

export function configMapOf(name: string, data: Readonly<Record<string, string>>, namespace = 'shop'): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { ...data } }
}

export interface World {
  readonly ingresses: readonly Ingress[]
  readonly services?: readonly Service[]
  readonly slices?: readonly EndpointSlice[]
  readonly secrets?: readonly Secret[]
  readonly configMaps?: readonly ConfigMap[]
  readonly addresses?: Readonly<Record<string, readonly string[]>>
  readonly now?: number
}

const defaultCertificate = { chain: 'default chain', key: 'default key' }

export function viewOf(world: World): ClusterView {
  const find = <T extends { readonly metadata: { readonly namespace?: string; readonly name: string } }>(
    all: readonly T[] | undefined,
    key: string,
  ) => all?.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key)
  return {
    ingresses: world.ingresses,
    service: (key) => find(world.services, key),
    slices: (key) =>
      (world.slices ?? []).filter(
        ({ metadata }) => `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name']}` === key,
      ),
    secret: (key) => find(world.secrets, key),
    configMap: (key) => find(world.configMaps, key),
    addresses: (name) => world.addresses?.[name],
    defaultCertificate,
    now: world.now ?? Date.UTC(2026, 0, 1),
  }
}

/** The services that most rows need, with one pod each. */
export const usual = {
  services: [serviceOf('web'), serviceOf('api'), serviceOf('other')],
  slices: [sliceOf('web', ['10.244.0.1']), sliceOf('api', ['10.244.0.2']), sliceOf('other', ['10.244.0.3'])],
}

export function planned(world: World, pools = new PoolMaker()): RoutingPlan {
  return planRouting(viewOf({ ...usual, ...world }), pools)
}

/** All that is told, as `shop/web InvalidPath: …`. */
export function toldOf({ problems }: RoutingPlan): readonly string[] {
  return [...problems].flatMap(([key, list]) => list.map(({ reason, message }) => `${key} ${reason}: ${message}`))
}

/** Routes in a line each: `a.example prefix /api -> shop/api/80`. */
export function routesOf({ routing }: RoutingPlan): readonly string[] {
  return routing.routes.map(({ match: { host, path }, action }) => {
    const name = host.kind === 'any' ? '*' : host.kind === 'exact' ? host.name : `*.${host.name}`
    const text =
      path.kind === 'pattern' ? `pattern${path.ignoreCase ? '/i' : ''} ${path.pattern}` : `${path.kind} ${path.path}`
    const to =
      action.kind === 'forward'
        ? action.shares
            .map(({ pool, weight }) => `${pool}${action.shares.length > 1 ? ` (${weight})` : ''}`)
            .join(' + ')
        : action.kind === 'redirect'
          ? `${action.status} ${action.location ?? `${action.scheme ?? ''}//${action.host ?? ''}${action.path ?? ''}`}`
          : String(action.status)
    return `${name} ${text} -> ${to}`
  })
}
