/** Names in pods: services, pods with a host name, aliases, and resolv.conf itself. */
import assert from 'node:assert/strict'
import { services } from '#api/core/v1/service.ts'
import { httpPort, nameOf, namespace, type NetworkTest } from './stage.ts'

const port = { name: 'http', port: 80, protocol: 'TCP', targetPort: httpPort } as const
/** Words that look up a name and find an address, an alias or a place in the answer. */
const address = (name: string, ip: string): string => `retry finds '^Address: ${ip}$' nslookup -type=a ${name}`
const alias = (name: string, target: string): string =>
  `retry finds 'canonical name = ${target}$' nslookup -type=cname ${name}`

/** A pod with a host name and a domain, whose service leads to it, and what it finds. */
const withHostname = (pod: string, service: string, script: (fullName: string) => string): NetworkTest['run'] =>
  async function run({ client, look }) {
    await client.create(services, {
      metadata: { name: service, namespace },
      spec: { clusterIP: 'None', selector: { querier: pod }, ports: [port], publishNotReadyAddresses: true },
    })
    const fullName = `${pod}.${nameOf(service)}`
    const own = 'own=$(hostname -i | cut -d" " -f1)'
    await look(`${own}\n${script(fullName)}`, {
      labels: { querier: pod },
      spec: { hostname: pod, subdomain: service },
    })
  }

export const nameTests: readonly NetworkTest[] = [
  {
    name: '[sig-network] DNS should provide DNS for the cluster',
    async run({ client, look }) {
      const { spec } = await client.get(services, { name: 'kubernetes', namespace: 'default' })
      await look(address('kubernetes.default.svc.cluster.local', spec.clusterIP!))
    },
  },
  {
    name: '[sig-network] DNS should provide /etc/hosts entries for the cluster',
    run: withHostname('dns-querier-1', 'dns-test-service-1', (fullName) =>
      ['cat /etc/hosts', `grep "^$own[[:space:]]${fullName}[[:space:]]dns-querier-1$" /etc/hosts`].join('\n'),
    ),
  },
  {
    name: '[sig-network] DNS should provide DNS for pods for Hostname',
    run: withHostname('dns-querier-2', 'dns-test-service-2', (fullName) =>
      [address(fullName, '$own').replaceAll("'", '"'), '[ "$(hostname)" = dns-querier-2 ]'].join('\n'),
    ),
  },
  {
    name: '[sig-network] DNS should provide DNS for pods for Subdomain',
    run: withHostname('dns-querier-3', 'dns-test-service-3', (fullName) =>
      [
        address(nameOf('dns-test-service-3'), '$own').replaceAll("'", '"'),
        address(fullName, '$own').replaceAll("'", '"'),
        `[ "$(hostname -f)" = ${fullName} ]`,
      ].join('\n'),
    ),
  },
  {
    name: '[sig-network] DNS should provide DNS for services',
    async run({ serve, look, servers }) {
      await serve('names-headless', { clusterIP: 'None', ports: [port] })
      const { spec } = await serve('names', { ports: [port] })
      const backwards = (ip: string): string => `${ip.split('.').toReversed().join('.')}.in-addr.arpa`
      const place = (service: string, target: string, number: number): string =>
        `retry finds 'service = 0 [0-9]* ${number} ${target}$' nslookup -type=srv _http._tcp.${nameOf(service)}`
      await look(
        [
          ...servers.map(({ ip }) => address(nameOf('names-headless'), ip)),
          ...servers.map(({ ip }) =>
            place('names-headless', `${ip.replaceAll('.', '-')}.${nameOf('names-headless')}`, httpPort),
          ),
          address(nameOf('names'), spec.clusterIP!),
          place('names', nameOf('names'), 80),
          `retry finds 'name = ${nameOf('names')}$' nslookup -type=ptr ${backwards(spec.clusterIP!)}`,
          ...servers.map(
            ({ ip }) => `retry finds 'name = ${ip.replaceAll('.', '-')}\\.' nslookup -type=ptr ${backwards(ip)}`,
          ),
        ].join('\n'),
      )
    },
  },
  {
    name: '[sig-network] DNS should resolve DNS of partial qualified names for services',
    async run({ serve, look }) {
      await serve('partly', { ports: [port] })
      await serve('partly-headless', { clusterIP: 'None', ports: [port] })
      // The first domain of the search list that knows the name counts, as in a resolver.
      const search = `
        search() { for domain in $(sed -n 's/^search //p' /etc/resolv.conf); do nslookup -type=srv "$1.$domain" && return 0; done; return 1; }`
      const names = ['', `.${namespace}`, `.${namespace}.svc`]
      await look(
        [
          search,
          ...names.flatMap((rest) => [
            `retry finds '^server-' http http://partly${rest}/`,
            `retry finds '^server-' http http://partly-headless${rest}:${httpPort}/`,
            `retry finds 'service = 0 100 80 ' search _http._tcp.partly${rest}`,
            `retry finds 'service = 0 33 ${httpPort} ' search _http._tcp.partly-headless${rest}`,
          ]),
        ].join('\n'),
      )
    },
  },
  {
    name: '[sig-network] DNS should provide DNS for ExternalName services',
    async run({ client, look }) {
      const at = { name: 'elsewhere', namespace }
      const spec = { type: 'ExternalName', externalName: 'foo.example.com' } as const
      await client.create(services, { metadata: at, spec })
      await look(alias(nameOf('elsewhere'), 'foo.example.com'))
      await client.patch(services, at, { type: 'merge', body: { spec: { externalName: 'bar.example.com' } } })
      await look(alias(nameOf('elsewhere'), 'bar.example.com'))
      const here = { type: 'ClusterIP', externalName: null, ports: [port] }
      const { spec: changed } = await client.patch(services, at, { type: 'merge', body: { spec: here } })
      await look(address(nameOf('elsewhere'), changed.clusterIP!))
    },
  },
  {
    name: '[sig-network] DNS should support configurable pod DNS nameservers',
    async run({ look }) {
      const said = await look('cat /etc/resolv.conf', {
        spec: { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'], searches: ['resolv.conf.local'] } },
      })
      assert.deepEqual(said.split('\n').toSorted(), ['nameserver 192.0.2.1', 'search resolv.conf.local'])
    },
  },
]
