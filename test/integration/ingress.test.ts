/** Ingresses of a whole cluster, served by a data plane that only remembers, under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { ingresses, type IngressSpec } from '#api/networking/v1/ingress.ts'
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import { eventWriter } from '#client/events.ts'
import { fakeHost } from '#lib/host/host.ts'
import { silentLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'
import { runComponents } from '#lib/component.ts'
import { usualIngressClass } from '#ingress/classes.ts'
import { ingressComponent, type IngressOptions } from '#ingress/ingress.ts'
import { memoryDataPlane, type MemoryDataPlane } from '#ingress/memoryDataPlane.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'

interface Served extends AsyncDisposable {
  readonly cluster: SimulatedCluster
  readonly plane: MemoryDataPlane
  readonly shown: () => boolean
}

async function serving(options: Partial<IngressOptions> = {}): Promise<Served> {
  const cluster = await simulatedCluster({ nodes: 1, scheduler: false })
  const { client, clock, informers } = cluster
  await client.create(ingressClasses, usualIngressClass)
  const plane = memoryDataPlane()
  const stop = new AbortController()
  const random = seededRandom(1)
  const writer = eventWriter({ client, clock, random })
  let isShown = false
  const component = ingressComponent({
    host: fakeHost(clock),
    random,
    informers,
    nodeAddresses: ['192.0.2.1'],
    start: 'whenUsed',
    dataPlanes: [plane],
    folder: '/run/ingress',
    nameServers: [],
    resolve: async (name) => (name === 'api.example.com' ? ['192.0.2.80'] : []),
    async show() {
      isShown = true
    },
    leader: { client, events: writer, withoutLoadBalancer: false },
    log: silentLogger,
    needs: ['events'],
    ...options,
  })
  const eventsComponent = {
    name: 'events',
    async run(ready: () => void, signal: AbortSignal) {
      ready()
      await writer.run(signal)
    },
  }
  const running = runComponents([component, eventsComponent], stop.signal)
  return {
    cluster,
    plane,
    shown: () => isShown,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await cluster.clock.advance(0)
      await running
      await cluster[Symbol.asyncDispose]()
    },
  }
}

const at = (name: string) => ({ name, namespace: 'default' })
const ingressDraft = (name: string, spec: Partial<IngressSpec> = {}, annotations: Record<string, string> = {}) => ({
  metadata: { ...at(name), annotations },
  spec: {
    ingressClassName: 'nginx',
    rules: [
      {
        host: `${name}.example`,
        http: {
          paths: [
            { path: '/', pathType: 'Prefix' as const, backend: { service: { name: 'web', port: { number: 80 } } } },
          ],
        },
      },
    ],
    ...spec,
  },
})
const sliceDraft = (addresses: readonly string[]) => ({
  metadata: { ...at('web-1'), labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4' as const,
  ports: [{ name: '', port: 8080, protocol: 'TCP' as const }],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
})
const serversOf = ({ plane }: Served): readonly string[] =>
  [...(plane.routing?.pools.values() ?? [])].flatMap(({ servers }) => servers.map(({ id }) => id))
const hostsOf = ({ plane }: Served): readonly string[] => [
  ...new Set(plane.routing?.routes.map(({ match: { host } }) => (host.kind === 'any' ? '*' : host.name))),
]
async function toldOf({ cluster }: Served, name: string): Promise<readonly string[]> {
  const { items } = await cluster.client.list(events, {
    namespace: 'default',
    fieldSelector: `involvedObject.name=${name}`,
  })
  return items.map(({ type, reason, message, source }) => `${source?.component}: ${type} ${reason} ${message}`)
}

test('a service that somebody deletes is made again, once clients have seen that it is gone', async () => {
  await using it = await serving()
  const { client, clock } = it.cluster
  const uidOf = async (): Promise<string | undefined> => {
    const { items } = await client.list(services, { namespace: 'kube-system' })
    return items.find(({ metadata }) => metadata.name === 'ingress')?.metadata.uid
  }
  await client.create(ingresses, ingressDraft('web'))
  await clock.advance('2s')
  const first = await uidOf()
  assert.ok(first)
  await client.delete(services, { namespace: 'kube-system', name: 'ingress' })
  await clock.advance('400ms')
  assert.equal(await uidOf(), undefined)
  await clock.advance('2s')
  const second = await uidOf()
  assert.ok(second !== undefined && second !== first)
})

test('nothing runs before there is an ingress of ours; then it is served, told of and given the addresses of the load balancer', async () => {
  await using it = await serving()
  const { client, clock } = it.cluster
  await client.create(ingresses, ingressDraft('other', { ingressClassName: 'other' }))
  await clock.advance('10s')
  assert.deepEqual([it.plane.isRunning, it.plane.applied.length], [false, 0])
  const { items } = await client.list(services, { namespace: 'kube-system' })
  assert.deepEqual(
    items.filter(({ metadata }) => metadata.name === 'ingress'),
    [],
  )

  await client.create(services, { metadata: at('web'), spec: { ports: [{ port: 80 }] } })
  await client.create(endpointSlices, sliceDraft(['10.244.0.1']))
  await client.create(ingresses, ingressDraft('web'))
  await clock.advance('2s')
  assert.deepEqual(
    [it.plane.isRunning, hostsOf(it), serversOf(it), it.shown()],
    [true, ['web.example'], ['10.244.0.1:8080'], true],
  )
  assert.deepEqual(await toldOf(it, 'web'), ['nginx-ingress-controller: Normal Sync Scheduled for sync'])
  const entry = await client.get(services, { name: 'ingress', namespace: 'kube-system' })
  assert.equal(entry.spec.type, 'LoadBalancer')
  assert.equal((await client.get(ingresses, at('web'))).status?.loadBalancer?.ingress, undefined)

  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.200', ipMode: 'VIP' }] } }
  await client.patchStatus(services, entry.metadata as { name: string; namespace: string }, {
    type: 'merge',
    body: { status },
  })
  await clock.advance('2s')
  const addressOf = async (name: string): Promise<unknown> =>
    (await client.get(ingresses, at(name))).status?.loadBalancer?.ingress
  assert.deepEqual([await addressOf('web'), await addressOf('other')], [[{ ip: '192.0.2.200' }], undefined])

  // Somebody installs ingress-nginx: the class is his.
  const labels = { 'app.kubernetes.io/name': 'ingress-nginx' }
  await client.patch(ingressClasses, { name: 'nginx' }, { type: 'merge', body: { metadata: { labels } } })
  await clock.advance('2s')
  assert.deepEqual([hostsOf(it), await addressOf('web')], [[], undefined])
})

test('endpoints are put into effect within tens of milliseconds, many changes at once', async () => {
  await using it = await serving({ start: 'always' })
  const { client, clock } = it.cluster
  await client.create(services, { metadata: at('web'), spec: { ports: [{ port: 80 }] } })
  await client.create(endpointSlices, sliceDraft(['10.244.0.1']))
  await client.create(ingresses, ingressDraft('web'))
  await clock.advance('1s')
  const before = it.plane.applied.length
  for (const last of [2, 3, 4]) {
    await client.patch(endpointSlices, at('web-1'), {
      type: 'merge',
      body: { endpoints: sliceDraft([`10.244.0.${last}`]).endpoints },
    })
  }
  await clock.advance(20)
  assert.deepEqual([serversOf(it), it.plane.applied.length], [['10.244.0.4:8080'], before + 1])
  // All else is the very same.
  const [earlier, later] = it.plane.applied.slice(-2)
  assert.equal(earlier!.routes, later!.routes)
  // Another port of the service is another name that no slice has.
  await client.patch(services, at('web'), {
    type: 'json',
    operations: [
      { op: 'add', path: '/spec/ports/-', value: { name: 'b', port: 81 } },
      { op: 'add', path: '/spec/ports/0/name', value: 'a' },
    ],
  })
  await clock.advance(20)
  assert.deepEqual([serversOf(it), it.plane.applied.length], [[], before + 2])
  // Services that nobody asks for are nothing to do.
  await client.create(endpointSlices, {
    ...sliceDraft(['10.244.0.9']),
    metadata: { ...at('x'), labels: { 'kubernetes.io/service-name': 'x' } },
  })
  await client.create(services, { metadata: at('x'), spec: { ports: [{ port: 80 }] } })
  await clock.advance('1s')
  assert.equal(it.plane.applied.length, before + 2)
})

test('secrets are read once they are named, and their changes are picked up', async () => {
  await using it = await serving()
  const { client, clock } = it.cluster
  const tls = [{ hosts: ['web.example'], secretName: 'cert' }]
  await client.create(ingresses, ingressDraft('web', { tls }))
  await clock.advance('1s')
  const told = (problem: string): string =>
    `nginx-ingress-controller: Warning InvalidCertificate Secret cert cannot be used for TLS of web.example: ${problem}; the default certificate is used`
  assert.ok((await toldOf(it, 'web')).includes(told('there is no such Secret')))
  const data = { 'tls.crt': Buffer.from('x').toString('base64'), 'tls.key': Buffer.from('y').toString('base64') }
  await client.create(secrets, { metadata: at('cert'), type: 'kubernetes.io/tls', data })
  await clock.advance('1s')
  assert.ok((await toldOf(it, 'web')).includes(told('its tls.crt is not a certificate in PEM')))
  assert.equal(it.plane.routing?.serverNames[0]?.certificate, 'default')
})

test('what the data plane cannot do is told once, and a routing that fails is tried again', async () => {
  await using it = await serving()
  const { client, clock } = it.cluster
  let failures = 2
  it.plane.answer = (routing) => {
    if (failures-- > 0) throw new Error('no memory')
    return { how: 'reload', left: new Map(routing.routes.map(({ name }) => [name, ['CORS']])) }
  }
  await client.create(ingresses, ingressDraft('web', {}, { 'nginx.ingress.kubernetes.io/no-such': 'x' }))
  await clock.advance('5s')
  assert.equal(it.plane.applied.length, 1)
  await client.patch(ingresses, at('web'), { type: 'merge', body: { metadata: { labels: { a: 'b' } } } })
  await clock.advance('5s')
  const lines = (await toldOf(it, 'web')).map((line) => line.replace('nginx-ingress-controller: ', ''))
  assert.deepEqual(lines.toSorted(), [
    'Normal Sync Scheduled for sync',
    'Warning BackendUnavailable Path "/": there is no service web',
    'Warning NotSupported The data plane node cannot serve a part of this: CORS',
    'Warning UnknownAnnotation Annotation nginx.ingress.kubernetes.io/no-such is not known and has no effect',
  ])
})

test('names outside of the cluster are looked up', async () => {
  await using it = await serving()
  const { client, clock } = it.cluster
  await client.create(services, {
    metadata: at('web'),
    spec: { type: 'ExternalName', externalName: 'api.example.com' },
  })
  await client.create(ingresses, ingressDraft('web'))
  await clock.advance('3s')
  assert.deepEqual(serversOf(it), ['192.0.2.80:80'])
})

test('a data plane that has ended is started again and serves the same', async () => {
  await using it = await serving()
  const { client, clock } = it.cluster
  await client.create(ingresses, ingressDraft('web'))
  await clock.advance('1s')
  assert.deepEqual([hostsOf(it), it.plane.starts], [['web.example'], 1])
  const before = it.plane.applied.length
  it.plane.end(new Error('out of memory'))
  await clock.advance('1s')
  assert.deepEqual([hostsOf(it), it.plane.starts, it.plane.applied.length], [['web.example'], 2, before + 1])
})
