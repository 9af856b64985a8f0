import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Namespace } from '#api/core/v1/namespace.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { IndexedStore, keyOf } from '#client/index.ts'

import { planAnswer } from './answer.ts'
import type { Zone } from './answer.ts'
import type { DnsRecord, Query } from './message.ts'
import { clusterRecords } from './records.ts'

const services = new IndexedStore<Service>()
const slices = new IndexedStore<EndpointSlice>()
const namespaces = new IndexedStore<Namespace>()
const records = clusterRecords(services, slices, namespaces)
const zone: Zone = {
  domain: 'cluster.local',
  serverAddresses: ['10.96.0.10'],
  ranges: ['10.96.0.0/12', '10.244.0.0/16'],
  reverseZones: ['in-addr.arpa', 'ip6.arpa'],
  pods: 'insecure',
  ttl: 30,
  fallthrough: ['in-addr.arpa', 'ip6.arpa'],
}

function addService(key: string, spec: object): void {
  const [namespace, name] = key.split('/') as [string, string]
  services.set(key, { metadata: { namespace, name }, spec } as unknown as Service)
}
function addSlice(
  key: string,
  ports: object[],
  endpoints: Partial<Endpoint>[],
  addressType = 'IPv4',
  part = 'a',
): void {
  const [namespace, name] = key.split('/') as [string, string]
  const metadata = { namespace, name: `${name}-${part}`, labels: { 'kubernetes.io/service-name': name } }
  slices.set(keyOf(metadata), { metadata, addressType, ports, endpoints } as unknown as EndpointSlice)
}

for (const name of ['default', 'kube-system', 'empty'])
  namespaces.set(name, { metadata: { name } } as unknown as Namespace)
const http = { name: 'http', port: 80, protocol: 'TCP' }
addService('default/kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] })
addSlice('default/kubernetes', [{ name: 'https', port: 6443, protocol: 'TCP' }], [{ addresses: ['10.89.0.11'] }])
addService('kube-system/kube-dns', {
  clusterIP: '10.96.0.10',
  ports: [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ],
})
addService('default/plain', { clusterIP: '10.96.0.20', ports: [{ port: 80 }] })
addSlice(
  'default/plain',
  [{ name: '', port: 8080, protocol: 'TCP' }],
  [{ addresses: ['10.244.1.9'], hostname: 'named' }],
)
addService('default/both', { clusterIP: '10.96.0.21', clusterIPs: ['10.96.0.21', 'fd00:96::21'], ports: [http] })
addService('default/alias', { type: 'ExternalName', externalName: 'www.Example.com.' })
addService('default/number', { type: 'ExternalName', externalName: '192.0.2.1' })
addService('default/inner', { type: 'ExternalName', externalName: 'plain.default.svc.cluster.local' })
addService('default/broken', { type: 'ExternalName', externalName: 'nothing.default.svc.cluster.local' })
addService('default/outward', { type: 'ExternalName', externalName: 'alias.default.svc.cluster.local' })
addService('default/ring', { type: 'ExternalName', externalName: 'ring.default.svc.cluster.local' })
addService('default/set', { clusterIP: 'None', ports: [http] })
addSlice(
  'default/set',
  [http, { name: 'peer', port: 7000, protocol: 'UDP' }],
  [
    { addresses: ['10.244.1.2'], hostname: 'set-0', conditions: { ready: true } },
    { addresses: ['10.244.2.2'], hostname: 'Set-1' },
    { addresses: ['10.244.3.2'] },
    { addresses: ['10.244.9.9'], hostname: 'set-9', conditions: { ready: false } },
  ],
)
addSlice('default/set', [http], [{ addresses: ['fd00:244::2'], hostname: 'set-0' }], 'IPv6', 'b')
addService('default/waiting', { clusterIP: 'None', ports: [http] })
addSlice('default/waiting', [http], [{ addresses: ['10.244.4.2'], conditions: { ready: false } }])
addService('default/bare', { clusterIP: 'None' })
addSlice('default/bare', [], [{ addresses: ['10.244.5.2'] }])

function ask(name: string, type: string, turn = 0, isInternet = true): string[] {
  const query: Query = {
    id: 1,
    labels: name === '' ? [] : name.toLowerCase().split('.'),
    type,
    isInternet,
    questionBytes: Buffer.alloc(0),
    recursionDesired: true,
    checkingDisabled: false,
  }
  const answer = planAnswer(query, records, zone, turn)
  if (answer.do === 'forward') return ['forward']
  const { code, authoritative, answers = [], authority = [], additional = [] } = answer.reply
  const show = (record: DnsRecord): string => {
    const owner = record.name === name.toLowerCase() ? '' : `${record.name} `
    const { data } = record
    const text = typeof data === 'string' ? data : Object.values(data as object).join(' ')
    return `${owner}${record.type} ${text}${record.ttl === 30 ? '' : ` (${record.ttl})`}`
  }
  return [
    answer.do === 'follow' ? `follow ${answer.target}` : code,
    ...answers.map(show),
    ...authority.map((record) => `authority ${record.type}`),
    ...additional.map((record) => `also ${show(record)}`),
    ...(authoritative ? [] : ['not authoritative']),
  ]
}

const nothing = ['NOERROR', 'authority SOA']
const unknown = ['NXDOMAIN', 'authority SOA']
const c = 'cluster.local'

describe('planAnswer', () => {
  const cases: [string, string, string[]][] = [
    // Services with an address.
    [`kubernetes.default.svc.${c}`, 'A', ['NOERROR', 'A 10.96.0.1']],
    [`KuberNetes.Default.SVC.Cluster.Local`, 'A', ['NOERROR', 'A 10.96.0.1']],
    [`kubernetes.default.svc.${c}`, 'AAAA', nothing],
    [`kubernetes.default.svc.${c}`, 'MX', nothing],
    [`kubernetes.default.svc.${c}`, 'TXT', nothing],
    [`kubernetes.default.svc.${c}`, 'UNKNOWN_65', nothing],
    [`kubernetes.default.svc.${c}`, 'CNAME', nothing],
    [`kube-dns.kube-system.svc.${c}`, 'A', ['NOERROR', 'A 10.96.0.10']],
    [`both.default.svc.${c}`, 'A', ['NOERROR', 'A 10.96.0.21']],
    [`both.default.svc.${c}`, 'AAAA', ['NOERROR', 'AAAA fd00:96::21']],
    [`nothing.default.svc.${c}`, 'A', unknown],
    [`kubernetes.nowhere.svc.${c}`, 'A', unknown],
    [`kubernetes.empty.svc.${c}`, 'A', unknown],
    [`kubernetes.default.${c}`, 'A', unknown],
    [`*.default.svc.${c}`, 'A', unknown],
    // Ports.
    [
      `_https._tcp.kubernetes.default.svc.${c}`,
      'SRV',
      ['NOERROR', `SRV 0 100 443 kubernetes.default.svc.${c}`, `also kubernetes.default.svc.${c} A 10.96.0.1`],
    ],
    [`_https._tcp.kubernetes.default.svc.${c}`, 'A', nothing],
    [`_HTTPS._TCP.kubernetes.default.svc.${c}`, 'AAAA', nothing],
    [`_https._udp.kubernetes.default.svc.${c}`, 'SRV', unknown],
    [`_http._tcp.kubernetes.default.svc.${c}`, 'SRV', unknown],
    [`_tcp.kubernetes.default.svc.${c}`, 'SRV', nothing],
    [`_udp.kubernetes.default.svc.${c}`, 'SRV', unknown],
    [`https._tcp.kubernetes.default.svc.${c}`, 'SRV', unknown],
    [`_a._https._tcp.kubernetes.default.svc.${c}`, 'SRV', unknown],
    [`_tcp.plain.default.svc.${c}`, 'SRV', unknown],
    [
      `_dns._udp.kube-dns.kube-system.svc.${c}`,
      'SRV',
      ['NOERROR', `SRV 0 100 53 kube-dns.kube-system.svc.${c}`, `also kube-dns.kube-system.svc.${c} A 10.96.0.10`],
    ],
    [
      `kube-dns.kube-system.svc.${c}`,
      'SRV',
      ['NOERROR', `SRV 0 100 53 kube-dns.kube-system.svc.${c}`, `also A 10.96.0.10`],
    ],
    [
      `_http._tcp.both.default.svc.${c}`,
      'SRV',
      [
        'NOERROR',
        `SRV 0 100 80 both.default.svc.${c}`,
        `also both.default.svc.${c} A 10.96.0.21`,
        `also both.default.svc.${c} AAAA fd00:96::21`,
      ],
    ],
    // Services without an address.
    [`set.default.svc.${c}`, 'A', ['NOERROR', 'A 10.244.1.2', 'A 10.244.2.2', 'A 10.244.3.2']],
    [`set.default.svc.${c}`, 'AAAA', ['NOERROR', 'AAAA fd00:244::2']],
    [`set-0.set.default.svc.${c}`, 'A', ['NOERROR', 'A 10.244.1.2']],
    [`set-0.set.default.svc.${c}`, 'AAAA', ['NOERROR', 'AAAA fd00:244::2']],
    [`set-1.set.default.svc.${c}`, 'A', ['NOERROR', 'A 10.244.2.2']],
    [`set-1.set.default.svc.${c}`, 'AAAA', nothing],
    [`10-244-3-2.set.default.svc.${c}`, 'A', ['NOERROR', 'A 10.244.3.2']],
    [`10-244-1-2.set.default.svc.${c}`, 'A', unknown],
    [`set-9.set.default.svc.${c}`, 'A', unknown],
    [`x.set-0.set.default.svc.${c}`, 'A', unknown],
    [`waiting.default.svc.${c}`, 'A', unknown],
    [`bare.default.svc.${c}`, 'A', ['NOERROR', 'A 10.244.5.2']],
    [`named.plain.default.svc.${c}`, 'A', ['NOERROR', 'A 10.244.1.9']],
    [
      `_http._tcp.set.default.svc.${c}`,
      'SRV',
      [
        'NOERROR',
        `SRV 0 33 80 set-0.set.default.svc.${c}`,
        `SRV 0 33 80 set-1.set.default.svc.${c}`,
        `SRV 0 33 80 10-244-3-2.set.default.svc.${c}`,
        `also set-0.set.default.svc.${c} A 10.244.1.2`,
        `also set-0.set.default.svc.${c} AAAA fd00:244::2`,
        `also set-1.set.default.svc.${c} A 10.244.2.2`,
        `also 10-244-3-2.set.default.svc.${c} A 10.244.3.2`,
      ],
    ],
    [`_peer._tcp.set.default.svc.${c}`, 'SRV', unknown],
    [`_http._tcp.waiting.default.svc.${c}`, 'SRV', unknown],
    // Aliases.
    [`alias.default.svc.${c}`, 'CNAME', ['NOERROR', 'CNAME www.example.com']],
    [`alias.default.svc.${c}`, 'A', ['follow www.example.com', 'CNAME www.example.com']],
    [`alias.default.svc.${c}`, 'AAAA', ['follow www.example.com', 'CNAME www.example.com']],
    [
      `outward.default.svc.${c}`,
      'A',
      ['follow www.example.com', `CNAME alias.default.svc.${c}`, `alias.default.svc.${c} CNAME www.example.com`],
    ],
    [`inner.default.svc.${c}`, 'A', ['NOERROR', `CNAME plain.default.svc.${c}`, `plain.default.svc.${c} A 10.96.0.20`]],
    [`inner.default.svc.${c}`, 'AAAA', ['NOERROR', `CNAME plain.default.svc.${c}`, 'authority SOA']],
    [`broken.default.svc.${c}`, 'A', ['NXDOMAIN', `CNAME nothing.default.svc.${c}`, 'authority SOA']],
    [`ring.default.svc.${c}`, 'A', ['SERVFAIL', 'not authoritative']],
    [`number.default.svc.${c}`, 'A', unknown],
    [`x.alias.default.svc.${c}`, 'A', unknown],
    [`_http._tcp.alias.default.svc.${c}`, 'SRV', unknown],
    // Pods.
    [`10-244-1-2.default.pod.${c}`, 'A', ['NOERROR', 'A 10.244.1.2']],
    [`10-244-1-2.default.pod.${c}`, 'AAAA', nothing],
    [`fd00-244--2.default.pod.${c}`, 'AAAA', ['NOERROR', 'AAAA fd00:244::2']],
    [`10-244-1-2.nowhere.pod.${c}`, 'A', unknown],
    [`10-244-1-256.default.pod.${c}`, 'A', unknown],
    [`10-244-1.default.pod.${c}`, 'A', unknown],
    [`web.default.pod.${c}`, 'A', unknown],
    [`x.10-244-1-2.default.pod.${c}`, 'A', unknown],
    // Names that only have others below them.
    [c, 'A', nothing],
    [`svc.${c}`, 'A', nothing],
    [`pod.${c}`, 'A', nothing],
    [`default.svc.${c}`, 'A', nothing],
    [`default.pod.${c}`, 'A', nothing],
    [`nowhere.svc.${c}`, 'A', unknown],
    [`dns.${c}`, 'A', nothing],
    // The zone itself.
    [c, 'SOA', ['NOERROR', `SOA ns.dns.${c} hostmaster.${c} 1 7200 1800 86400 30`]],
    [c, 'NS', ['NOERROR', `NS ns.dns.${c}`, `also ns.dns.${c} A 10.96.0.10`]],
    [`ns.dns.${c}`, 'A', ['NOERROR', 'A 10.96.0.10']],
    [`dns-version.${c}`, 'TXT', ['NOERROR', 'TXT 1.1.0 (28800)']],
    [`dns-version.${c}`, 'A', nothing],
    [`x.dns-version.${c}`, 'TXT', unknown],
    [`google.com.${c}`, 'A', unknown],
    [`google.com.default.svc.${c}`, 'A', unknown],
    [`google.com.svc.${c}`, 'A', unknown],
    // Names of addresses.
    ['1.0.96.10.in-addr.arpa', 'PTR', ['NOERROR', `PTR kubernetes.default.svc.${c}`]],
    ['1.0.96.10.in-addr.arpa', 'A', nothing],
    ['2.1.244.10.in-addr.arpa', 'PTR', ['NOERROR', `PTR set-0.set.default.svc.${c}`]],
    ['2.3.244.10.in-addr.arpa', 'PTR', ['NOERROR', `PTR 10-244-3-2.set.default.svc.${c}`]],
    ['11.0.89.10.in-addr.arpa', 'PTR', ['NOERROR', `PTR 10-89-0-11.kubernetes.default.svc.${c}`]],
    ['9.9.244.10.in-addr.arpa', 'PTR', unknown],
    ['77.1.244.10.in-addr.arpa', 'PTR', unknown],
    ['1.2.0.192.in-addr.arpa', 'PTR', ['forward']],
    ['96.10.in-addr.arpa', 'PTR', ['forward']],
    ['1.0.96.010.in-addr.arpa', 'PTR', ['forward']],
    [
      '1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa',
      'PTR',
      ['NOERROR', `PTR both.default.svc.${c}`],
    ],
    // Everything else.
    ['example.com', 'A', ['forward']],
    ['local', 'A', ['forward']],
    ['notcluster.local', 'A', ['forward']],
    ['', 'NS', ['forward']],
  ]
  for (const [name, type, expected] of cases)
    it(`${name || '.'} ${type}`, () => assert.deepEqual(ask(name, type), expected))

  it('begins with another record each time', () => {
    assert.deepEqual(ask(`set.default.svc.${c}`, 'A', 1), ['NOERROR', 'A 10.244.2.2', 'A 10.244.3.2', 'A 10.244.1.2'])
    assert.deepEqual(ask(`set.default.svc.${c}`, 'A', 5), ['NOERROR', 'A 10.244.3.2', 'A 10.244.1.2', 'A 10.244.2.2'])
  })
  it('refuses other classes', () =>
    assert.deepEqual(ask('version.bind', 'TXT', 0, false), ['REFUSED', 'not authoritative']))
  it('does not take a dot in a label for the end of one', () => {
    const labels = ['kubernetes.default', 'svc', 'cluster', 'local']
    const query = { labels, type: 'A', isInternet: true } as unknown as Query
    const answer = planAnswer(query, records, zone)
    assert.equal(answer.do === 'reply' && answer.reply.code, 'NXDOMAIN')
  })
  it('follows changes', () => {
    addService('default/late', { clusterIP: '10.96.0.50', ports: [http] })
    assert.deepEqual(ask(`late.default.svc.${c}`, 'A'), ['NOERROR', 'A 10.96.0.50'])
    addService('default/late', { clusterIP: '10.96.0.51', ports: [http] })
    assert.deepEqual(ask(`late.default.svc.${c}`, 'A'), ['NOERROR', 'A 10.96.0.51'])
    assert.deepEqual(ask('50.0.96.10.in-addr.arpa', 'PTR'), unknown)
    services.delete('default/late')
    assert.deepEqual(ask(`late.default.svc.${c}`, 'A'), unknown)
    assert.deepEqual(ask('51.0.96.10.in-addr.arpa', 'PTR'), unknown)
  })
})
