/** Endpoints and slices follow pods, and services lead to them. */
import assert from 'node:assert/strict'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { quantile } from '../../../bench/measurement.ts'
import { httpPort, namespace, udpPort, type NetworkTest, type Stage } from './stage.ts'

const tcp = 'TCP' as const

/** `IP:PORT` of all endpoints of a service, by its Endpoints and by its slices; nothing while they disagree. */
async function endpointsOf({ client }: Stage, name: string): Promise<readonly string[] | undefined> {
  const { items } = await client.list(endpointSlices, {
    namespace,
    labelSelector: `kubernetes.io/service-name=${name}`,
  })
  const bySlices = items
    .flatMap(({ endpoints: list, ports }) =>
      (list ?? []).flatMap(({ addresses }) =>
        addresses.flatMap((ip) => (ports ?? []).map(({ port }) => `${ip}:${port}`)),
      ),
    )
    .toSorted()
  const { items: found } = await client.list(endpoints, { namespace, fieldSelector: `metadata.name=${name}` })
  const byEndpoints = found
    .flatMap(({ subsets = [] }) => subsets)
    .flatMap(({ addresses = [], ports }) =>
      addresses.flatMap(({ ip }) => (ports ?? []).map(({ port }) => `${ip}:${port}`)),
    )
    .toSorted()
  return bySlices.join() === byEndpoints.join() ? bySlices : undefined
}

const holds = (stage: Stage, name: string, expected: readonly string[]) =>
  stage.until(async () => (await endpointsOf(stage, name))?.join() === expected.toSorted().join())

const remove = (stage: Stage, name: string) => stage.client.delete(pods, { name, namespace })

/** A service without a selector and slices of its own. */
async function serveByHand(
  stage: Stage,
  name: string,
  slices: readonly { readonly ip: string; readonly port: string; readonly number: number }[],
): Promise<string> {
  const ports = [
    { name: 'first', port: 80, protocol: tcp },
    { name: 'second', port: 81, protocol: tcp },
  ]
  const { spec } = await stage.client.create(services, { metadata: { name, namespace }, spec: { ports } })
  for (const [index, { ip, port, number }] of slices.entries())
    await stage.client.create(endpointSlices, {
      metadata: { name: `${name}-${index}`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [ip] }],
      ports: [{ name: port, port: number, protocol: tcp }],
    })
  return spec.clusterIP!
}

export const endpointTests: readonly NetworkTest[] = [
  {
    name: '[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service',
    async run(stage) {
      const ports = [{ name: 'example', port: 80, targetPort: httpPort, protocol: tcp }]
      await stage.serve('matched', { selector: { matched: 'one' }, ports })
      await stage.serve('matched-both', { selector: { group: 'matched' }, ports })
      const [one, two] = await Promise.all([
        stage.startServer('matched-1', { matched: 'one', group: 'matched' }),
        stage.startServer('matched-2', { matched: 'two', group: 'matched' }),
      ])
      await holds(stage, 'matched', [`${one.ip}:${httpPort}`])
      await holds(stage, 'matched-both', [`${one.ip}:${httpPort}`, `${two.ip}:${httpPort}`])
      const { items } = await stage.client.list(endpointSlices, {
        namespace,
        labelSelector: 'kubernetes.io/service-name=matched',
      })
      assert.deepEqual(
        items.flatMap(({ endpoints: list }) =>
          (list ?? []).map(({ targetRef, conditions }) => [targetRef?.name, conditions?.ready]),
        ),
        [['matched-1', true]],
      )
    },
  },
  {
    name: '[sig-network] Services should serve a basic endpoint from pods',
    async run(stage) {
      const ports = [{ port: 80, targetPort: httpPort, protocol: tcp }]
      const { spec } = await stage.serve('basic', { selector: { basic: 'yes' }, ports })
      await holds(stage, 'basic', [])
      const one = await stage.startServer('basic-1', { basic: 'yes' })
      await holds(stage, 'basic', [`${one.ip}:${httpPort}`])
      await stage.look(`retry says basic-1 http http://${spec.clusterIP}/`)
      const two = await stage.startServer('basic-2', { basic: 'yes' })
      await holds(stage, 'basic', [`${one.ip}:${httpPort}`, `${two.ip}:${httpPort}`])
      await remove(stage, 'basic-1')
      await holds(stage, 'basic', [`${two.ip}:${httpPort}`])
      await stage.look(`retry says basic-2 http http://${spec.clusterIP}/`)
      await remove(stage, 'basic-2')
      await holds(stage, 'basic', [])
    },
  },
  {
    name: '[sig-network] Services should serve multiport endpoints from pods',
    async run(stage) {
      const { spec } = await stage.serve('multiport', {
        selector: { multiport: 'yes' },
        ports: [
          { name: 'portname1', port: 80, targetPort: 'first', protocol: tcp },
          { name: 'portname2', port: 81, targetPort: 'second', protocol: tcp },
        ],
      })
      await holds(stage, 'multiport', [])
      const start = (name: string, port: string) =>
        stage.startServer(
          name,
          { multiport: 'yes' },
          {
            containers: [
              {
                name: 'http',
                image: 'alpine/socat:1.7.4.4',
                command: [
                  'sh',
                  '-c',
                  `mkdir /www && hostname > /www/index.html && exec httpd -f -p ${httpPort} -h /www`,
                ],
                ports: [{ name: port, containerPort: httpPort }],
              },
            ],
          },
        )
      const one = await start('multiport-1', 'first')
      await holds(stage, 'multiport', [`${one.ip}:${httpPort}`])
      const two = await start('multiport-2', 'second')
      await holds(stage, 'multiport', [`${one.ip}:${httpPort}`, `${two.ip}:${httpPort}`])
      await stage.look(
        [
          `retry says multiport-1 http http://${spec.clusterIP}:80/`,
          `retry says multiport-2 http http://${spec.clusterIP}:81/`,
        ].join('\n'),
      )
      await Promise.all([remove(stage, 'multiport-1'), remove(stage, 'multiport-2')])
      await holds(stage, 'multiport', [])
    },
  },
  {
    name: '[sig-network] Services should serve endpoints on same port and different protocols',
    async run(stage) {
      const http = { name: 'tcp', port: 80, targetPort: httpPort, protocol: tcp }
      const udp = { name: 'udp', port: 80, targetPort: udpPort, protocol: 'UDP' as const }
      const { spec } = await stage.serve('both-protocols', { ports: [http, udp] })
      const ip = spec.clusterIP!
      await stage.look(`retry finds '^server-' http http://${ip}/\nretry finds '^server-' udp ${ip} 80`)
      await stage.client.patch(
        services,
        { name: 'both-protocols', namespace },
        { type: 'merge', body: { spec: { ports: [http] } } },
      )
      await stage.look(
        `silent() { ! finds '^server-' udp ${ip} 80; }\nretry silent\nretry finds '^server-' http http://${ip}/`,
      )
    },
  },
  {
    name: '[sig-network] EndpointSlice should support a Service with multiple ports specified in multiple EndpointSlices',
    async run(stage) {
      const server = await stage.startServer(
        'by-hand',
        {},
        {
          containers: [
            {
              name: 'http',
              image: 'alpine/socat:1.7.4.4',
              command: [
                'sh',
                '-c',
                'mkdir /a /b && echo a > /a/index.html && echo b > /b/index.html && httpd -p 8080 -h /a && exec httpd -f -p 8090 -h /b',
              ],
            },
          ],
        },
      )
      const ip = await serveByHand(stage, 'ports-by-hand', [
        { ip: server.ip, port: 'first', number: 8080 },
        { ip: server.ip, port: 'second', number: 8090 },
      ])
      await stage.look(`retry says a http http://${ip}:80/\nretry says b http http://${ip}:81/`)
    },
  },
  {
    name: '[sig-network] EndpointSlice should support a Service with multiple endpoint IPs specified in multiple EndpointSlices',
    async run(stage) {
      const [one, two] = stage.servers
      const ip = await serveByHand(stage, 'addresses-by-hand', [
        { ip: one!.ip, port: 'first', number: httpPort },
        { ip: two!.ip, port: 'second', number: httpPort },
      ])
      await stage.look(`retry says ${one!.name} http http://${ip}:80/\nretry says ${two!.name} http http://${ip}:81/`)
    },
  },
  {
    name: '[sig-network] Service endpoints latency should not be very high',
    async run(stage) {
      const ports = [{ port: 80, targetPort: httpPort, protocol: tcp }]
      const measure = async (name: string): Promise<number> => {
        const begun = performance.now()
        await stage.serve(name, { ports })
        await stage.until(async () => (await endpointsOf(stage, name))?.length === stage.servers.length)
        return (performance.now() - begun) / 1000
      }
      const seconds: number[] = []
      const names = Array.from({ length: 60 }, (_, index) => `latency-${index}`)
      for (let at = 0; at < names.length; at += 15)
        seconds.push(...(await Promise.all(names.slice(at, at + 15).map(measure))))
      assert.ok(quantile(seconds, 0.5) <= 20, `half of them took longer than ${quantile(seconds, 0.5)} s`)
      assert.ok(quantile(seconds, 0.9) <= 50, `a tenth of them took longer than ${quantile(seconds, 0.9)} s`)
    },
  },
]
