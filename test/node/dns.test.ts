/**
 * The DNS server of a node, beside its service proxy, asked by a pod: each is a network namespace. Needs root and nft.
 * This file is also the program that runs in the namespaces of the node and of the server that it asks for other names.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { decode, encode } from 'dns-packet'

import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { dnsComponent } from '#dns/dns.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'
import { proxyComponent } from '#proxy/proxy.ts'
import { busyboxIn } from './busybox.ts'

const host = systemHost(systemClock)
const role = process.env.DNS_TEST_ROLE

const metadata = (name: string, namespace = 'default') => ({
  name,
  namespace,
  uid: name,
  resourceVersion: '1',
  labels: { 'kubernetes.io/service-name': name },
})
const objects: Readonly<Record<string, readonly object[]>> = {
  services: [
    {
      metadata: metadata('kube-dns', 'kube-system'),
      spec: {
        clusterIP: '10.96.0.10',
        selector: { 'k8s-app': 'kube-dns' },
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    },
    {
      metadata: metadata('web'),
      spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    },
    { metadata: metadata('set'), spec: { clusterIP: 'None', ports: [] } },
    { metadata: metadata('alias'), spec: { type: 'ExternalName', externalName: 'www.example.com' } },
  ],
  endpointslices: [
    {
      // An endpoint that answers nothing: the proxy must not lead there.
      metadata: metadata('kube-dns', 'kube-system'),
      addressType: 'IPv4',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
      endpoints: [{ addresses: ['10.244.1.99'] }],
    },
    {
      metadata: metadata('set'),
      addressType: 'IPv4',
      ports: [],
      endpoints: Array.from({ length: 100 }, (_, i) => ({ addresses: [`10.244.1.${i + 2}`], hostname: `set-${i}` })),
    },
  ],
  servicecidrs: [],
  configmaps: [],
  namespaces: ['default', 'kube-system'].map((name) => ({ metadata: { name, uid: name, resourceVersion: '1' } })),
  pods: [],
  nodes: [],
}

/** In the namespace of the node: its proxy and its DNS server. */
async function runNode(resolvConf: string): Promise<void> {
  const made = new Map<string, WatchedInformer<KubeObject>>()
  const of = (resource: Resource, selection: Selection = {}) => {
    const key = `${resource.plural} ${selection.fieldSelector ?? ''}`
    let informer = made.get(key)
    if (informer === undefined) {
      const options = { client: {} as Client, clock: systemClock, random: seededRandom(1), resource, selection }
      informer = new WatchedInformer(options)
      informer.replace(objects[resource.plural]! as KubeObject[], '1')
      made.set(key, informer)
    }
    return informer
  }
  const informers = { of, partOf: (resource: Resource) => of(resource) } as unknown as Informers
  const log = createLogger({ clock: systemClock, sinks: [{ write: (line) => console.error(line) }], level: 'warn' })
  const stop = new AbortController()
  process.on('SIGTERM', () => stop.abort())
  // Changes come as lines: the plural of a kind, and an object of it.
  createInterface(process.stdin).on('line', (line) => {
    const [plural, object] = JSON.parse(line) as [string, KubeObject]
    for (const [key, informer] of made) if (key.startsWith(`${plural} `)) informer.change('MODIFIED', object)
  })
  const proxy = proxyComponent({
    nodeName: 'node',
    informers,
    host,
    clusterPodRanges: ['10.244.0.0/16'],
    serviceRanges: ['10.96.0.0/12'],
    log,
  })
  const dns = dnsComponent({
    informers,
    host,
    random: seededRandom(1),
    domain: 'cluster.local',
    serviceAddresses: ['10.96.0.10'],
    nodeAddresses: ['10.89.251.11'],
    ranges: ['10.96.0.0/12', '10.244.0.0/16'],
    resolvConf,
    log,
    needs: ['proxy'],
  })
  await runComponents([proxy, dns], stop.signal, (name, event) => {
    if (name === 'dns' && event === 'ready') console.log('ready')
  })
  process.stdin.destroy()
}

/** In the namespace beside: a server that knows one address for every name. */
function runUpstream(): void {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const { id, questions } = decode(message)
    const answers = questions[0]!.type === 'A' ? [{ ...questions[0], ttl: 60, data: '192.0.2.99' }] : []
    socket.send(encode({ type: 'response', id, questions, answers }), from.port, from.address)
  })
  socket.bind(53, '10.89.251.1', () => console.log('ready'))
}

/** What a pod asks: a method of Node's resolver and its arguments, and prints what came of it. */
const askScript = `
  const { Resolver } = require('dns/promises')
  const resolver = new Resolver({ timeout: 10_000, tries: 1 })
  const [server, method, ...words] = process.argv.slice(1)
  resolver.setServers([server])
  resolver[method](...words).then((found) => console.log(JSON.stringify(found)), (error) => console.log(error.code))
`

const isRoot = process.getuid?.() === 0

if (role === 'node') await runNode(process.env.DNS_TEST_RESOLV_CONF!)
else if (role === 'upstream') runUpstream()
else
  describe('the DNS server of a node', { skip: isRoot ? false : 'needs root' }, () => {
    const prefix = `k8ts-dn${process.pid}`
    const file = (name: string): string => `/run/netns/${prefix}-${name}`
    const children: ChildProcess[] = []
    let folder: string

    const enter = (place: string, ...command: string[]) =>
      runChecked(host.processes, ['nsenter', `--net=${file(place)}`, ...command], { timeoutMs: 60_000 })
    const ask = async (place: string, method: string, ...words: string[]): Promise<unknown> => {
      const server = place === 'other' ? '10.89.251.11' : '10.96.0.10'
      const text = (await enter(place, process.execPath, '--eval', askScript, server, method, ...words)).trim()
      return text.startsWith('[') ? JSON.parse(text) : text
    }
    const run = async (place: string, environment: Record<string, string>) => {
      const argv = [`--net=${file(place)}`, process.execPath, fileURLToPath(import.meta.url)]
      // Without the marks of the test runner, which would make a test file of it.
      const { NODE_TEST_CONTEXT: _, ...rest } = process.env
      const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...rest, ...environment } })
      children.push(child)
      await Promise.race([
        once(child.stdout, 'data'),
        once(child, 'exit').then(([code]) => {
          throw new Error(`The program in ${place} ended with ${code}`)
        }),
      ])
      return child
    }

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'dns-test-'))
      const resolvConf = join(folder, 'resolv.conf')
      await writeFile(resolvConf, 'nameserver 10.96.0.10\nnameserver 10.89.251.1\n')
      for (const place of ['node', 'pod', 'other'])
        await runChecked(host.processes, ['ip', 'netns', 'add', `${prefix}-${place}`])
      await host
        .ip(file('node'))
        .batch([
          'link set lo up',
          `link add eth0 type veth peer name eth0 netns ${prefix}-other`,
          `link add pod type veth peer name eth0 netns ${prefix}-pod`,
          'link add cni0 type bridge forward_delay 0',
          'link set pod master cni0 up',
          'link set cni0 up',
          'link set eth0 up',
          'address add 10.244.1.1/24 dev cni0',
          'address add 10.89.251.11/24 dev eth0',
          'route add unreachable default metric 4294967295',
        ])
      await enter('node', 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1')
      await host
        .ip(file('pod'))
        .batch([
          'link set lo up',
          'link set eth0 up',
          'address add 10.244.1.2/24 dev eth0',
          'route add default via 10.244.1.1',
        ])
      await host
        .ip(file('other'))
        .batch([
          'link set lo up',
          'link set eth0 up',
          'address add 10.89.251.1/24 dev eth0',
          'route add 10.244.0.0/16 via 10.89.251.11',
        ])
      await run('other', { DNS_TEST_ROLE: 'upstream' })
      await run('node', { DNS_TEST_ROLE: 'node', DNS_TEST_RESOLV_CONF: resolvConf })
    })
    after(async () => {
      for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
      for (const place of ['node', 'pod', 'other'])
        await host.processes.run(['ip', 'netns', 'delete', `${prefix}-${place}`])
      await rm(folder, { recursive: true, force: true })
    })

    const cases: [string, string[], unknown][] = [
      ['a service', ['resolve4', 'web.default.svc.cluster.local'], ['10.96.0.7']],
      ['itself', ['resolve4', 'kube-dns.kube-system.svc.cluster.local'], ['10.96.0.10']],
      ['another family', ['resolve6', 'web.default.svc.cluster.local'], 'ENODATA'],
      ['a service that is not', ['resolve4', 'nothing.default.svc.cluster.local'], 'ENOTFOUND'],
      ['a pod by its host name', ['resolve4', 'set-7.set.default.svc.cluster.local'], ['10.244.1.9']],
      [
        'a port',
        ['resolveSrv', '_http._tcp.web.default.svc.cluster.local'],
        [{ name: 'web.default.svc.cluster.local', port: 80, priority: 0, weight: 100, type: 'SRV' }],
      ],
      ['an address', ['reverse', '10.96.0.7'], ['web.default.svc.cluster.local']],
      ['an address of a pod', ['reverse', '10.244.1.2'], ['set-0.set.default.svc.cluster.local']],
      ['the version', ['resolveTxt', 'dns-version.cluster.local'], [['1.1.0']]],
      ['an alias', ['resolveCname', 'alias.default.svc.cluster.local'], ['www.example.com']],
      ['what an alias leads to', ['resolve4', 'alias.default.svc.cluster.local'], ['192.0.2.99']],
      ['other names', ['resolve4', 'www.example.org'], ['192.0.2.99']],
    ]
    for (const [name, words, expected] of cases)
      it(`tells a pod of ${name}`, async () => {
        const [method = '', ...rest] = words
        assert.deepEqual(await ask('pod', method, ...rest), expected)
      })

    it('tells a pod of more than fits into a datagram', async () => {
      const found = (await ask('pod', 'resolve4', 'set.default.svc.cluster.local')) as string[]
      assert.equal(new Set(found).size, 100)
    })
    it('tells the node itself', async () =>
      assert.deepEqual(await ask('node', 'resolve4', 'web.default.svc.cluster.local'), ['10.96.0.7']))
    it('listens on the address of the node', async () =>
      assert.deepEqual(await ask('other', 'resolve4', 'web.default.svc.cluster.local'), ['10.96.0.7']))
    it('passes nothing on for the server that it would ask', async () =>
      assert.equal(await ask('other', 'resolve4', 'www.example.net'), 'EREFUSED'))
    it('is understood by busybox', async () => {
      const text = await enter(
        'pod',
        await busyboxIn(host, folder),
        'nslookup',
        'web.default.svc.cluster.local',
        '10.96.0.10',
      )
      assert.match(text, /Address: 10\.96\.0\.7/)
    })
    let revision = 1
    const change = (plural: string, object: { readonly metadata: object; readonly [part: string]: unknown }): void => {
      const resourceVersion = String(++revision)
      const next = { ...object, metadata: { ...object.metadata, resourceVersion } }
      children.at(-1)!.stdin!.write(`${JSON.stringify([plural, next])}\n`)
    }
    /** Asks until the answer is this one. */
    const comesToSay = async (expected: unknown, ...words: [string, string, ...string[]]): Promise<void> => {
      const deadline = Date.now() + 90_000
      for (;;) {
        const found = await ask(...words)
        if (isDeepStrictEqual(found, expected)) return
        assert.ok(Date.now() < deadline, `${words.join(' ')}: still ${JSON.stringify(found)}`)
      }
    }
    const configMap = (Corefile: string) => ({
      metadata: { name: 'coredns', namespace: 'kube-system', uid: 'c' },
      data: { Corefile },
    })

    it('follows a changed service', async () => {
      const [, web] = objects['services'] as [object, { metadata: object; spec: object }]
      change('services', { ...web, spec: { ...web.spec, clusterIP: '10.96.0.70' } })
      await comesToSay(['10.96.0.70'], 'pod', 'resolve4', 'web.default.svc.cluster.local')
    })
    it('follows the Corefile, and keeps to the last one that can be read', async () => {
      const zones =
        '. {\n kubernetes cluster.local\n hosts {\n 192.0.2.7 seven.example\n fallthrough\n }\n prometheus\n}'
      change('configmaps', configMap(zones))
      await comesToSay(['192.0.2.7'], 'pod', 'resolve4', 'seven.example')
      assert.deepEqual(await ask('pod', 'resolve4', 'www.example.com'), 'EREFUSED')
      change('configmaps', configMap('. {\n etcd\n}'))
      change('configmaps', configMap(`${zones}\nexample.com {\n forward . 10.89.251.1\n}`))
      await comesToSay(['192.0.2.99'], 'pod', 'resolve4', 'www.example.com')
      assert.deepEqual(await ask('pod', 'resolve4', 'seven.example'), ['192.0.2.7'])
    })
    it('serves metrics at the address of the service', async () => {
      const busybox = await busyboxIn(host, folder)
      const text = await enter('pod', busybox, 'wget', '-qO-', 'http://10.96.0.10:9153/metrics')
      assert.match(text, /^coredns_dns_requests_total\{.*type="A"\} \d+$/m)
      assert.match(text, /^coredns_reload_failed_total 1$/m)
      assert.match(text, /^process_resident_memory_bytes \d+/m)
    })
    it('stands aside when the service selects other pods, and comes back', async () => {
      const [kubeDns] = objects['services'] as [{ metadata: object; spec: object }]
      const [slice] = objects['endpointslices'] as [{ metadata: object }]
      // The server beside knows one address for every name, and nothing of the cluster.
      change('endpointslices', { ...slice, endpoints: [{ addresses: ['10.89.251.1'] }] })
      change('services', { ...kubeDns, spec: { ...kubeDns.spec, selector: { app: 'my-dns' } } })
      await comesToSay(['192.0.2.99'], 'pod', 'resolve4', 'web.default.svc.cluster.local')
      assert.doesNotMatch(await enter('node', 'ip', 'address', 'show', 'dev', 'lo'), /10\.96\.0\.10/)
      change('services', kubeDns)
      await comesToSay(['10.96.0.70'], 'pod', 'resolve4', 'web.default.svc.cluster.local')
    })
    it('leaves nothing on the loopback when it stops', async () => {
      const node = children.at(-1)!
      node.kill('SIGTERM')
      assert.deepEqual(await once(node, 'exit'), [0, null])
      assert.doesNotMatch(await enter('node', 'ip', 'address', 'show', 'dev', 'lo'), /10\.96\.0\.10/)
    })
  })
