/** The service proxy against the real kernel: a node, two of its pods and a machine beside it, each a network namespace. Needs root and nft. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import type { Service } from '#api/core/v1/service.ts'
import { services } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'
import type { Frontend } from '#proxy/frontend.ts'
import { NftablesTable } from '#proxy/nftables.ts'
import { readListing } from '#proxy/nftText.ts'
import { proxyComponent } from '#proxy/proxy.ts'
import { Ruleset } from '#proxy/ruleset.ts'
import { planFrontends } from '#proxy/serviceTable.ts'

const host = systemHost(systemClock)
const prefix = `k8ts-px${process.pid}`
const file = (name: string): string => `/run/netns/${prefix}-${name}`
const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

/** Answers each connection or datagram with its own name and the address that it saw. */
const serverScript = `
  const [name, ...places] = process.argv.slice(1)
  let open = places.length
  const listening = () => { if (--open === 0) console.log('listening') }
  for (const place of places) {
    const [protocol, address, port] = place.split('/')
    if (protocol === 'tcp') require('net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + s.remoteAddress) }).listen(+port, address, listening)
    else {
      const socket = require('dgram').createSocket('udp4')
      socket.on('message', (_, from) => socket.send(name + ' ' + from.address, from.port, from.address))
      socket.bind(+port, address, listening)
    }
  }
`
/** Connects a number of times and prints each answer, or the error's code. */
const clientScript = `
  const [protocol, address, port, count] = process.argv.slice(1)
  const tcp = () => new Promise((done) => {
    let text = ''
    const socket = require('net').connect({ host: address, port: +port, timeout: 1000 })
    socket.on('data', (part) => (text += part))
    socket.on('timeout', () => { done('TIMEOUT'); socket.destroy() })
    socket.on('error', (error) => done(error.code))
    socket.on('close', () => done(text))
  })
  const udp = (socket) => new Promise((done) => {
    const timer = setTimeout(() => done('TIMEOUT'), 1000)
    socket.once('message', (text) => { clearTimeout(timer); done(String(text)) })
    socket.send('x', +port, address)
  })
  const main = async () => {
    const socket = protocol === 'tcp' ? undefined : require('dgram').createSocket('udp4').bind(+process.argv[5] || 0)
    for (let i = 0; i < +count; i++) console.log(await (socket ? udp(socket) : tcp()))
    socket?.close()
  }
  main()
`

/** Informers that a test fills by hand. */
function handFedInformers() {
  const made = new Map<string, WatchedInformer<KubeObject>>()
  const of = <T extends KubeObject>(resource: Resource<T>, selection: Selection = {}) => {
    const key = `${resource.plural} ${selection.fieldSelector ?? ''}`
    let informer = made.get(key)
    if (informer === undefined) {
      const options = { client: {} as Client, clock: systemClock, random: seededRandom(1) }
      informer = new WatchedInformer({ ...options, resource: resource as unknown as Resource, selection })
      made.set(key, informer)
    }
    return informer as unknown as WatchedInformer<T>
  }
  return { of, shared: { of } as unknown as Informers }
}

describe('the service proxy', { skip: reasonToSkip }, () => {
  const servers: ChildProcess[] = []
  const informers = handFedInformers()
  const stop = new AbortController()
  const problems: string[] = []
  let running: Promise<void>
  let revision = 1

  const enter = (place: string, ...command: string[]) =>
    runChecked(host.processes, ['nsenter', `--net=${file(place)}`, ...command], { timeoutMs: 20_000 })
  const connect = async (place: string, to: string, count = 1, localPort = 0) => {
    const [protocol, address, port] = to.split('/') as [string, string, string]
    const script = ['--eval', clientScript, protocol, address, port, String(count), String(localPort)]
    return (await enter(place, process.execPath, ...script)).trim().split('\n')
  }
  const distinct = async (place: string, to: string, count = 24) =>
    [...new Set(await connect(place, to, count))].toSorted()
  const serve = async (place: string, name: string, ...places: string[]) => {
    const argv = [`--net=${file(place)}`, process.execPath, '--eval', serverScript, name, ...places]
    const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    servers.push(child)
    await once(child.stdout, 'data')
  }
  const table = async () =>
    readListing((await host.nft(file('node')).describe({ family: 'ip', name: 'k8ts-services' })) ?? '')
  /** Waits until the kernel has what it was last told. */
  const until = async (what: string, isDone: () => Promise<boolean>) => {
    for (let tries = 0; tries < 100; tries++) {
      if (await isDone()) return
      await systemClock.sleep(20)
    }
    throw new Error(`Waited in vain until ${what}`)
  }
  const generation = async () => Number([...((await table()).elements.get('generation')?.keys() ?? [])][0] ?? 0)
  const change = async (act: () => void) => {
    const before = await generation()
    act()
    await until('the change is applied', async () => (await generation()) > before)
  }

  const metadata = (name: string) => ({
    name,
    namespace: 'default',
    uid: name,
    resourceVersion: String(revision++),
    labels: { 'kubernetes.io/service-name': name },
  })
  const service = (name: string, spec: object): Service => ({ metadata: metadata(name), spec }) as unknown as Service
  const slice = (name: string, ports: object[], ...endpoints: string[]): EndpointSlice =>
    ({
      metadata: metadata(name),
      addressType: 'IPv4',
      ports,
      endpoints: endpoints.map((address) => ({
        addresses: [address],
        nodeName: address.startsWith('10.244.1.') ? 'node' : 'other',
      })),
    }) as unknown as EndpointSlice

  before(async () => {
    const ip = (place: string, ...commands: string[]) => host.ip(file(place)).batch(commands)
    for (const place of ['node', 'pod1', 'pod2', 'other'])
      await runChecked(host.processes, ['ip', 'netns', 'add', `${prefix}-${place}`])
    await ip(
      'node',
      'link set lo up',
      `link add eth0 type veth peer name eth0 netns ${prefix}-other`,
      `link add pod1 type veth peer name eth0 netns ${prefix}-pod1`,
      `link add pod2 type veth peer name eth0 netns ${prefix}-pod2`,
      'link add cni0 type bridge forward_delay 0',
      'link set pod1 master cni0 up',
      'link set pod2 master cni0 up',
      'link set cni0 up',
      'link set eth0 up',
      'address add 10.244.1.1/24 dev cni0',
      'address add 10.89.250.11/24 dev eth0',
      'route add 10.244.2.0/24 via 10.89.250.1',
      'route add unreachable default metric 4294967295',
    )
    await enter('node', 'bridge', 'link', 'set', 'dev', 'pod1', 'hairpin', 'on')
    await enter('node', 'bridge', 'link', 'set', 'dev', 'pod2', 'hairpin', 'on')
    await enter('node', 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1')
    for (const [index, pod] of ['pod1', 'pod2'].entries())
      await ip(
        pod,
        'link set lo up',
        'link set eth0 up',
        `address add 10.244.1.${index + 2}/24 dev eth0`,
        'route add default via 10.244.1.1',
      )
    await ip(
      'other',
      'link set lo up',
      'link set eth0 up',
      'address add 10.89.250.1/24 dev eth0',
      'address add 10.244.2.2/32 dev lo',
      'route add 10.244.1.0/24 via 10.89.250.11',
    )
    await Promise.all([
      serve('pod1', 'pod1', 'tcp/10.244.1.2/8080', 'udp/10.244.1.2/5353'),
      serve('pod2', 'pod2', 'tcp/10.244.1.3/8080', 'udp/10.244.1.3/5353'),
      serve('other', 'other', 'tcp/10.244.2.2/8080', 'tcp/10.89.250.1/6443'),
      serve('node', 'node', 'tcp/10.89.250.11/6443'),
    ])

    const http = { name: '', port: 8080, protocol: 'TCP' }
    const three = ['10.244.1.2', '10.244.1.3', '10.244.2.2']
    const list: [Service, EndpointSlice | undefined][] = [
      [
        service('web', { clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30080 }] }),
        slice('web', [http], ...three),
      ],
      [
        service('kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] }),
        slice('kubernetes', [{ name: 'https', port: 6443, protocol: 'TCP' }], '10.89.250.11'),
      ],
      [service('empty', { clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30090 }] }), undefined],
      [
        service('sticky', {
          clusterIP: '10.96.0.8',
          ports: [{ port: 80, nodePort: 30088 }],
          sessionAffinity: 'ClientIP',
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } },
        }),
        slice('sticky', [http], ...three),
      ],
      [
        service('near', {
          clusterIP: '10.96.0.11',
          ports: [{ port: 80, nodePort: 30081 }],
          externalTrafficPolicy: 'Local',
        }),
        slice('near', [http], '10.244.1.2', '10.244.2.2'),
      ],
      [
        service('far', {
          clusterIP: '10.96.0.12',
          ports: [{ port: 80, nodePort: 30082 }],
          externalTrafficPolicy: 'Local',
          internalTrafficPolicy: 'Local',
          externalIPs: ['192.0.2.7'],
        }),
        slice('far', [http], '10.244.2.2'),
      ],
      [service('self', { clusterIP: '10.96.0.13', ports: [{ port: 80 }] }), slice('self', [http], '10.244.1.2')],
      [
        service('names', { clusterIP: '10.96.0.14', ports: [{ port: 53, protocol: 'UDP' }] }),
        slice('names', [{ name: '', port: 5353, protocol: 'UDP' }], '10.244.1.2'),
      ],
    ]
    informers.of(services).replace(
      list.map(([each]) => each),
      '1',
    )
    informers.of(endpointSlices).replace(
      list.map(([, each]) => each).filter((each) => each !== undefined),
      '1',
    )
    informers
      .of(nodes, { fieldSelector: 'metadata.name=node' })
      .replace([{ metadata: { name: 'node', uid: 'n' }, spec: { podCIDRs: ['10.244.1.0/24'] } } as never], '1')
    informers.of(pods, { fieldSelector: 'spec.nodeName=node' }).replace(
      [
        {
          metadata: { name: 'p', namespace: 'default', uid: 'p' },
          spec: { nodeName: 'node', containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 8081 }] }] },
          status: { phase: 'Running', podIP: '10.244.1.3' },
        } as never,
      ],
      '1',
    )
    const write = (line: string): void => void problems.push(line)
    const component = proxyComponent({
      nodeName: 'node',
      informers: informers.shared,
      host,
      namespaceFile: file('node'),
      clusterPodRanges: ['10.244.0.0/16'],
      serviceRanges: ['10.96.0.0/12'],
      log: createLogger({ clock: systemClock, sinks: [{ write }], level: 'warn' }),
    })
    await new Promise<void>((ready, failed) => {
      running = component.run(ready, stop.signal)
      running.catch(failed)
    })
  })
  after(async () => {
    stop.abort()
    await running
    for (const child of servers) child.kill('SIGKILL')
    for (const place of ['node', 'pod1', 'pod2', 'other'])
      await host.processes.run(['ip', 'netns', 'delete', `${prefix}-${place}`])
  })

  it('spreads the connections of pods and of the node over all endpoints', async () => {
    const fromPod = await distinct('pod1', 'tcp/10.96.0.7/80')
    assert.deepEqual(
      fromPod.map((line) => line.split(' ')[0]),
      ['other', 'pod1', 'pod2'],
    )
    // The other endpoints see the pod itself; only to itself it comes with another address.
    assert.deepEqual(fromPod.slice(0, 1), ['other 10.244.1.2'])
    assert.equal(fromPod[2], 'pod2 10.244.1.2')
    assert.notEqual(fromPod[1], 'pod1 10.244.1.2')
    const fromNode = await distinct('node', 'tcp/10.96.0.7/80')
    assert.deepEqual(
      fromNode.map((line) => line.split(' ')[0]),
      ['other', 'pod1', 'pod2'],
    )
  })

  it('lets a pod reach itself', async () => {
    assert.match((await connect('pod1', 'tcp/10.96.0.13/80'))[0]!, /^pod1 10\.244\.1\.1$/)
  })

  it('leads to an endpoint on the node itself, from pods and the node', async () => {
    assert.deepEqual(await connect('pod1', 'tcp/10.96.0.1/443'), ['node 10.244.1.2'])
    assert.equal((await connect('node', 'tcp/10.96.0.1/443'))[0]!.split(' ')[0], 'node')
  })

  it('serves node ports on every address of the node but the loopback', async () => {
    for (const [place, address] of [
      ['other', '10.89.250.11'],
      ['pod1', '10.89.250.11'],
      ['pod1', '10.244.1.1'],
      ['node', '10.89.250.11'],
      ['node', '10.244.1.1'],
    ] as const) {
      const answers = await distinct(place, `tcp/${address}/30080`)
      assert.deepEqual(
        answers.map((line) => line.split(' ')[0]),
        ['other', 'pod1', 'pod2'],
        `${place} to ${address}`,
      )
    }
    assert.deepEqual(await connect('node', 'tcp/127.0.0.1/30080'), ['ECONNREFUSED'])
  })

  it('serves host ports', async () => {
    assert.deepEqual(await connect('other', 'tcp/10.89.250.11/8081'), ['pod2 10.89.250.1'])
    assert.equal((await connect('node', 'tcp/10.89.250.11/8081'))[0]!.split(' ')[0], 'pod2')
    assert.deepEqual(await connect('pod1', 'tcp/10.89.250.11/8081'), ['pod2 10.244.1.2'])
  })

  it('refuses at once what has no endpoints, and ports that a service does not have', async () => {
    for (const [place, to] of [
      ['pod1', 'tcp/10.96.0.9/80'],
      ['node', 'tcp/10.96.0.9/80'],
      ['pod1', 'tcp/10.96.0.7/81'],
      ['node', 'tcp/10.96.0.7/81'],
      ['other', 'tcp/10.89.250.11/30090'],
      ['node', 'tcp/10.89.250.11/30090'],
      ['pod1', 'tcp/10.89.250.11/30090'],
    ] as const)
      assert.deepEqual(await connect(place, to), ['ECONNREFUSED'], `${place} to ${to}`)
  })

  it('keeps a client with its endpoint while that is there', async () => {
    const homes = await distinct('pod1', 'tcp/10.96.0.8/80', 12)
    assert.equal(homes.length, 1)
    assert.equal((await distinct('other', 'tcp/10.89.250.11/30088', 12)).length, 1)
    const home = homes[0]!.split(' ')[0]!
    const rest = Object.entries({ pod1: '10.244.1.2', pod2: '10.244.1.3', other: '10.244.2.2' }).filter(
      ([name]) => name !== home,
    )
    const http = [{ name: '', port: 8080, protocol: 'TCP' }]
    // Another endpoint goes: nothing changes. Its own goes: it gets another one and stays with that, also when the first is back.
    const own = { pod1: '10.244.1.2', pod2: '10.244.1.3', other: '10.244.2.2' }[home]!
    await change(() => informers.of(endpointSlices).change('MODIFIED', slice('sticky', http, own, rest[0]![1])))
    assert.deepEqual(await distinct('pod1', 'tcp/10.96.0.8/80', 12), homes)
    await change(() =>
      informers.of(endpointSlices).change('MODIFIED', slice('sticky', http, ...rest.map((each) => each[1]))),
    )
    const moved = await distinct('pod1', 'tcp/10.96.0.8/80', 12)
    assert.equal(moved.length, 1)
    assert.notDeepEqual(moved, homes)
    await change(() =>
      informers.of(endpointSlices).change('MODIFIED', slice('sticky', http, own, ...rest.map((each) => each[1]))),
    )
    assert.deepEqual(await distinct('pod1', 'tcp/10.96.0.8/80', 12), moved)
  })

  it('keeps traffic from outside on the node and its source, where that is asked for', async () => {
    assert.deepEqual(await distinct('other', 'tcp/10.89.250.11/30081', 12), ['pod1 10.89.250.1'])
    const fromPod = await distinct('pod2', 'tcp/10.89.250.11/30081')
    assert.deepEqual(fromPod, ['other 10.244.1.3', 'pod1 10.244.1.3'])
    assert.deepEqual(await connect('other', 'tcp/10.89.250.11/30082'), ['TIMEOUT'])
    assert.deepEqual(await connect('pod1', 'tcp/10.96.0.12/80'), ['TIMEOUT'])
    assert.deepEqual(await connect('pod1', 'tcp/192.0.2.7/80'), ['other 10.244.1.2'])
  })

  it('gives pods the address of the node beyond the pods', async () => {
    assert.deepEqual(await connect('pod1', 'tcp/10.89.250.1/6443'), ['other 10.89.250.11'])
    assert.deepEqual(await connect('pod1', 'tcp/10.244.2.2/8080'), ['other 10.244.1.2'])
  })

  it('leads a UDP flow anew when its endpoint goes', async () => {
    assert.deepEqual(await connect('pod2', 'udp/10.96.0.14/53', 1, 4444), ['pod1 10.244.1.3'])
    const names = [{ name: '', port: 5353, protocol: 'UDP' }]
    await change(() => informers.of(endpointSlices).change('MODIFIED', slice('names', names, '10.244.1.3')))
    const isForgotten = async () => {
      const flows = await enter('node', 'conntrack', '-L', '-p', 'udp', '--orig-dst', '10.96.0.14')
      return !flows.includes('src=10.244.1.2')
    }
    await until('the flow is forgotten', isForgotten)
    assert.match((await connect('pod2', 'udp/10.96.0.14/53', 1, 4444))[0]!, /^pod2 /)
  })

  it('replaces a table that was lost, at once or with the next change', async () => {
    await enter('node', 'nft', 'delete', 'table', 'ip', 'k8ts-services')
    const http = [{ name: '', port: 8080, protocol: 'TCP' }]
    informers.of(endpointSlices).change('MODIFIED', slice('self', http, '10.244.1.3'))
    await until('the table is back', async () => (await generation()) > 0)
    assert.deepEqual(await connect('pod1', 'tcp/10.96.0.13/80'), ['pod2 10.244.1.2'])
    assert.ok(problems.some((line) => /Cannot apply service rules|changed by others/.test(line)))
  })

  it('knows its own table in what nft prints, and what was changed by hand', async () => {
    const ranges = {
      clusterPodRanges: ['10.244.0.0/16'],
      nodePodRanges: ['10.244.1.0/24'],
      serviceRanges: ['10.96.0.0/12'],
    }
    const kernel = new NftablesTable(host.nft(file('pod2')), 4)
    const ports = [{ name: '', port: 8080, protocol: 'TCP' }]
    const sticky = service('s', { clusterIP: '10.96.0.7', ports: [{ port: 80 }], sessionAffinity: 'ClientIP' })
    const frontendsTo = (...addresses: string[]) =>
      planFrontends(sticky, [slice('s', ports, ...addresses)], { name: 'node' })
    const rules = new Ruleset(4, ranges)
    let before: Frontend | undefined
    const apply = (...addresses: string[]) => {
      const [next] = frontendsTo(...addresses)
      const difference = rules.change([{ key: next!.key, before, next }])
      before = next
      return kernel.apply(rules, difference)
    }
    await apply('10.244.1.2')
    await apply('10.244.1.2', '10.244.2.2')
    assert.equal(await kernel.verify(), undefined)
    const client = '10.244.1.9 . 10.96.0.7 . tcp . 80'
    await enter('pod2', 'nft', `add element ip k8ts-services affinity { ${client} timeout 200s : 20000000 }`)
    assert.equal(await kernel.verify(), undefined)
    await enter('pod2', 'nft', 'add rule ip k8ts-services services accept')
    assert.equal(await kernel.verify(), 'chain "services" was changed')
    assert.deepEqual(await apply('10.244.1.2'), { kind: 'whole' })
    assert.equal(await kernel.verify(), undefined)
    const text = await host.nft(file('pod2')).describe({ family: 'ip', name: 'k8ts-services' })
    const remembered = [...readListing(text!).elements.get('affinity')!]
    assert.match(remembered[0]![0], /^10\.244\.1\.9 \. 10\.96\.0\.7 \. tcp \. 80 expires 3m1\ds/)
    await kernel.remove()
    assert.deepEqual(await host.nft(file('pod2')).tables(), [])
  })

  it('forgets a service that was deleted', async () => {
    await change(() => {
      informers.of(services).change('DELETED', service('self', {}))
      informers.of(endpointSlices).change('DELETED', slice('self', []))
    })
    assert.deepEqual(await connect('pod1', 'tcp/10.96.0.13/80'), ['TIMEOUT'])
  })
})
