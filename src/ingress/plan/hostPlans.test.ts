// Planning with what is remembered comes to the same as planning from nothing, and keeps what stays.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Ingress } from '#api/networking/v1/ingress.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import type { RoutingPlan } from './cluster.ts'
import { HostPlans } from './hostPlans.ts'
import {
  backendOf,
  configMapOf,
  ingressOf,
  rule,
  secretOf,
  serviceOf,
  sliceOf,
  usual,
  viewOf,
  type World,
} from './planned.ts'
import { planRouting, replanServers } from './planRouting.ts'
import { PoolMaker } from './pools.ts'

const day = 86_400_000
const begin = Date.UTC(2026, 0, 1)
const keys = generateKey()

/** A Secret with a certificate for `*.example` that is good for one day. */
function certificateOf(name: string, from: number) {
  const validity = { notBefore: begin + from * day, notAfter: begin + (from + 1) * day }
  const subject = { commonName: name }
  const certificate = issueCertificate(createAuthority(subject, validity, keys), {
    subject,
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    dnsNames: ['*.example', 'a.example'],
    ...validity,
  })
  return secretOf(name, { 'tls.crt': certificatePem(certificate), 'tls.key': privateKeyPem(keys.privateKey) })
}

const annotationSets: readonly Readonly<Record<string, string>>[] = [
  {},
  {},
  { 'rewrite-target': '/x' },
  { 'server-alias': 'alias.example,b.example' },
  { 'from-to-www-redirect': 'true', 'app-root': '/start' },
  { 'default-backend': 'other' },
  { affinity: 'cookie', 'session-cookie-name': 'C' },
  { canary: 'true', 'canary-weight': '20' },
  { 'auth-type': 'basic', 'auth-secret': 'users' },
  { 'custom-headers': 'headers' },
  { 'backend-protocol': 'HTTPS', 'proxy-ssl-secret': 'tls', 'proxy-ssl-verify': 'on' },
  { 'permanent-redirect': 'nonsense', nonsense: 'x' },
]

const ingress = fc
  .record({
    name: fc.constantFrom('one', 'two', 'three', 'four'),
    hosts: fc.uniqueArray(fc.constantFrom('a.example', 'b.example', 'www.a.example', '*.example', ''), {
      minLength: 1,
      maxLength: 2,
    }),
    paths: fc.uniqueArray(
      fc.constantFrom('/ -> web', '/ -> api', '/x -> api', '/x = -> other', '/x -> gone', '/x -> outside'),
      { minLength: 1, maxLength: 2 },
    ),
    annotations: fc.constantFrom(...annotationSets),
    tls: fc.constantFrom(undefined, 'tls', 'next', 'none'),
    age: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ name, hosts, paths, annotations, tls, age }): Ingress =>
    ingressOf(
      name,
      {
        rules: hosts.map((host) => rule(host, ...paths)),
        ...(tls === undefined ? {} : { tls: [{ hosts, secretName: tls }] }),
      },
      annotations,
      age,
    ),
  )

const endpoint = fc.record({
  addresses: fc.constantFrom('10.244.0.1', '10.244.0.2', '127.0.0.1').map((address) => [address]),
  conditions: fc.constantFrom(
    { ready: true },
    { ready: true },
    { ready: false, serving: true, terminating: true },
    { ready: false, serving: false },
  ),
})

const service = fc.constantFrom('web', 'api', 'other')
type Change = (world: World) => World
const others = <T extends { readonly metadata: { readonly name: string } }>(all: readonly T[] = [], name: string) =>
  all.filter(({ metadata }) => metadata.name !== name)

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    arbitrary: ingress.map((one): Change => (world) => ({
      ...world,
      ingresses: [...others(world.ingresses, one.metadata.name), one],
    })),
    weight: 3,
  },
  fc.constantFrom('one', 'two', 'three', 'four').map((name): Change => (world) => ({
    ...world,
    ingresses: others(world.ingresses, name),
  })),
  fc.tuple(fc.constantFrom('one', 'two'), service).map(([name, backend]): Change => (world) => ({
    ...world,
    ingresses: [...others(world.ingresses, name), ingressOf(name, { defaultBackend: backendOf(backend) })],
  })),
  {
    arbitrary: fc.tuple(service, fc.array(endpoint, { maxLength: 2 })).map(([name, endpoints]): Change => (world) => ({
      ...world,
      slices: [...others(world.slices, `${name}-1`), sliceOf(name, endpoints)],
    })),
    weight: 3,
  },
  fc.tuple(service, fc.constantFrom(80, 81)).map(([name, port]): Change => (world) => ({
    ...world,
    services: [...others(world.services, name), serviceOf(name, { ports: [{ port, targetPort: 8080 }] })],
  })),
  service.map((name): Change => (world) => ({ ...world, services: others(world.services, name) })),
  fc.constantFrom(undefined, [], ['198.51.100.7']).map((addresses): Change => (world) => ({
    ...world,
    addresses: addresses === undefined ? {} : { 'outside.example': addresses },
  })),
  fc.tuple(fc.constantFrom('tls', 'next'), fc.integer({ min: -1, max: 2 })).map(([name, from]): Change => (world) => ({
    ...world,
    secrets: [...others(world.secrets, name), certificateOf(name, from)],
  })),
  fc.constantFrom('{SHA}x', undefined).map((hash): Change => (world) => ({
    ...world,
    secrets: [
      ...others(world.secrets, 'users'),
      ...(hash === undefined ? [] : [secretOf('users', { auth: `jo:${hash}` })]),
    ],
  })),
  fc.constantFrom('1', '2').map((value): Change => (world) => ({
    ...world,
    configMaps: [configMapOf('headers', { 'X-A': value })],
  })),
  fc.integer({ min: -30, max: 36 }).map((hours): Change => (world) => ({
    ...world,
    now: (world.now ?? begin) + hours * 3_600_000,
  })),
)

const first: World = {
  ...usual,
  services: [...usual.services, serviceOf('outside', { type: 'ExternalName', externalName: 'outside.example' })],
  ingresses: [],
  now: begin,
}

const servicesOf = (before: World, now: World): readonly string[] | undefined => {
  const { slices: had, ...rest } = before
  const { slices, ...others } = now
  return Object.keys(others).every((key) => rest[key as keyof typeof rest] === others[key as keyof typeof others])
    ? [had, slices].flatMap((all = []) => all.map(({ metadata }) => `shop/${metadata.name.replace(/-1$/, '')}`))
    : undefined
}

describe('plans of hosts', () => {
  test('come to what a plan from nothing comes to, whatever changes', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 25 }), (steps) => {
        const [pools, hosts] = [new PoolMaker(), new HostPlans()]
        let world = first
        let plan: RoutingPlan | undefined
        for (const step of steps) {
          const now = step(world)
          const view = viewOf(now)
          const services = servicesOf(world, now)
          plan =
            (plan === undefined || services === undefined ? undefined : replanServers(plan, view, pools, services)) ??
            planRouting(view, pools, hosts)
          assert.deepEqual(plan, planRouting(view, new PoolMaker()))
          world = now
        }
      }),
      { numRuns: 300 },
    )
  })

  test('are the same objects while nothing of the host has changed', () => {
    const [pools, hosts] = [new PoolMaker(), new HostPlans()]
    const web = ingressOf('web', { rules: [rule('a.example', '/ -> web')] })
    const api = (path: string): Ingress => ingressOf('api', { rules: [rule('b.example', `${path} -> api`)] })
    const routesOf = (...ingresses: readonly Ingress[]) =>
      planRouting(viewOf({ ...usual, ingresses }), pools, hosts).routing.routes
    const before = routesOf(web, api('/'))
    const changed = api('/v2')
    const after = routesOf(web, changed)
    assert.equal(after[0], before[0])
    assert.notDeepEqual(after[1], before[1])
    // Other endpoints are nothing that routes say.
    const slices = [sliceOf('web', ['10.244.0.9']), ...usual.slices.slice(1)]
    const moved = planRouting(viewOf({ ...usual, slices, ingresses: [web, changed] }), pools, hosts)
    assert.ok(moved.routing.routes.every((route, at) => route === after[at]))
    assert.equal(moved.routing.pools.get('shop/web/80')!.servers[0]!.address, '10.244.0.9')
  })

  test('are made anew when a certificate becomes good and when it is good no more, and when the clock is put back', () => {
    const [pools, hosts] = [new PoolMaker(), new HostPlans()]
    const tls = [{ hosts: ['a.example'], secretName: 'tls' }]
    const world: World = {
      ...usual,
      ingresses: [ingressOf('web', { rules: [rule('a.example', '/ -> web')], tls })],
      secrets: [certificateOf('tls', 0)],
    }
    const shown = [-1, 0, 24, 25, 2, -1].map((hour) => {
      const now = begin + hour * 3_600_000
      return planRouting(viewOf({ ...world, now }), pools, hosts).routing.serverNames[0]!.certificate
    })
    assert.deepEqual(shown, ['default', 'shop/tls', 'shop/tls', 'default', 'shop/tls', 'default'])
  })
})
