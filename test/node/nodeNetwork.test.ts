/**
 * The network between nodes in the real kernel: `a` and `c` share a link, `b` is behind a router; each has a pod. All are
 * network namespaces. Needs root.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import { nodes, type Node } from '#api/core/v1/node.ts'
import type { Client } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { seededRandom } from '#lib/random.ts'
import { nodeNetworkComponent } from '#nodeNetwork/nodeNetwork.ts'
import { usualTunnels, type Between } from '#nodeNetwork/settings.ts'

const clock = new SimulatedClock()
const host = { ...systemHost(systemClock), clock }
const prefix = `k8ts-nn${process.pid}`
const file = (name: string): string => `/run/netns/${prefix}-${name}`
const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

const names = ['a', 'b', 'c'] as const
type Name = (typeof names)[number]
const places = { a: { link: 1, index: 11 }, b: { link: 2, index: 12 }, c: { link: 1, index: 13 } } as const
const addressOf = (name: Name): string => `10.89.${250 + places[name].link}.${places[name].index}`
const numberOf = (name: Name): number => names.indexOf(name)
const rangesOf = (name: Name): string[] => [`10.244.${numberOf(name)}.0/24`, `fd00:244:0:${numberOf(name)}::/64`]
const podOf = (name: Name): string => `10.244.${numberOf(name)}.2`
const podOf6 = (name: Name): string => `fd00:244:0:${numberOf(name)}::2`

/** Takes all that comes and answers with how much it was. */
const serverScript = `
  require('net').createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0
    socket.on('data', (part) => (bytes += part.length))
    socket.on('end', () => socket.end(String(bytes)))
    socket.on('error', () => {})
  }).listen(8080, '::', () => console.log('listening'))
`
/** Sends so many bytes and prints the answer, or the error's code. */
const clientScript = `
  const [address, bytes] = process.argv.slice(1)
  const socket = require('net').connect({ host: address, port: 8080, timeout: 3000 })
  let text = ''
  socket.on('data', (part) => (text += part))
  socket.on('timeout', () => { text = 'TIMEOUT'; socket.destroy() })
  socket.on('error', (error) => { text = error.code })
  socket.on('close', () => console.log(text))
  socket.on('connect', () => socket.end(Buffer.alloc(+bytes)))
`

describe('the network between nodes', { skip: reasonToSkip }, () => {
  const servers: ChildProcess[] = []
  const enter = (place: string, ...command: string[]) =>
    runChecked(host.processes, ['nsenter', `--net=${file(place)}`, ...command], { timeoutMs: 20_000 })
  const send = async (from: string, to: string, bytes = 10) =>
    (await enter(from, process.execPath, '--eval', clientScript, to, String(bytes))).trim()
  const ip = (place: string) => host.ip(file(place))
  const routes = async (place: string, family: 4 | 6 = 4) =>
    (await ip(place).show([`-${family}`, 'route', 'show']))
      .filter(({ protocol }) => protocol === '89')
      .map(({ dst, gateway, dev }) => `${String(dst)} via ${String(gateway)} dev ${String(dev)}`)
      .toSorted()
  const entries = async (place: string) => {
    const forwarding = await ip(place).bridge.show(['fdb', 'show', 'dev', 'k8ts-vxlan'])
    const neighbours = await ip(place).show(['neigh', 'show', 'dev', 'k8ts-vxlan', 'nud', 'permanent'])
    return { forwarding: forwarding.map(({ dst }) => dst), neighbours: neighbours.map(({ dst }) => dst).toSorted() }
  }
  const until = async (what: string, isDone: () => Promise<boolean> | boolean) => {
    for (let tries = 0; tries < 200; tries++) {
      await clock.advance(25)
      if (await isDone()) return
      await systemClock.sleep(10)
    }
    throw new Error(`Waited in vain until ${what}`)
  }

  let revision = 1
  const node = (name: Name, ranges = rangesOf(name), address = addressOf(name)): Node =>
    ({
      metadata: { name, uid: name, resourceVersion: String(revision++) },
      spec: { podCIDR: ranges[0], podCIDRs: ranges },
      status: { addresses: [{ type: 'InternalIP', address }] },
    }) as unknown as Node

  /** What runs on the nodes: each with its own copy of them. */
  const agents = (between: Between, uses: (name: Name) => boolean = () => true) => {
    const stop = new AbortController()
    const mtus = new Map<Name, number>()
    const problems: string[] = []
    const informer = new WatchedInformer<Node>({
      client: {} as Client,
      clock,
      random: seededRandom(1),
      resource: nodes,
      selection: {},
    })
    const running = names.map((name) =>
      nodeNetworkComponent({
        host,
        namespaceFile: file(name),
        node: name,
        client: {} as Client,
        informers: { of: () => informer } as unknown as Informers,
        between,
        tunnels: usualTunnels,
        keyFile: '/nowhere',
        podNetwork: {
          async apply({ podMtu }) {
            mtus.set(name, podMtu)
            return uses(name)
          },
          changed: (signal) => untilAborted(signal),
        },
        report: (problem, error) =>
          void problems.push(`${name}: ${problem} ${error === undefined ? '' : String(error)}`),
      }).run(() => {}, stop.signal),
    )
    return {
      mtus,
      problems,
      tell: (...all: Node[]) => informer.replace(all, String(revision++)),
      async [Symbol.asyncDispose]() {
        stop.abort()
        await Promise.all(running)
      },
    }
  }

  before(async () => {
    const all = ['router', ...names, ...names.map((name) => `pod-${name}`)]
    for (const name of all) await runChecked(host.processes, ['ip', 'netns', 'add', `${prefix}-${name}`])
    for (const name of all) {
      await ip(name).batch(['link set lo up'])
      const forwards = name.startsWith('pod') ? [] : ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
      if (forwards.length > 0) await enter(name, 'sysctl', '-qw', ...forwards)
    }
    await ip('router').batch(
      [1, 2].flatMap((link) => [
        `link add link${link} type bridge forward_delay 0`,
        `link set link${link} up`,
        `address add 10.89.${250 + link}.1/24 dev link${link}`,
      ]),
    )
    for (const name of names) {
      const { link } = places[name]
      await ip(name).batch([
        `link add eth0 type veth peer name n-${name} netns ${file('router')}`,
        `address add ${addressOf(name)}/24 dev eth0`,
        'link set eth0 up',
        `route add 10.89.${250 + (3 - link)}.0/24 via 10.89.${250 + link}.1`,
        `link add pods type veth peer name eth0 netns ${file(`pod-${name}`)}`,
        'link set pods up',
        ...rangesOf(name).map(
          (range) =>
            `address add ${range.replace(/0?\/(24|64)$/, '1/$1')} dev pods${range.includes(':') ? ' nodad' : ''}`,
        ),
      ])
      await ip('router').batch([`link set n-${name} master link${link} up`])
      await ip(`pod-${name}`).batch([
        'link set eth0 up',
        `address add ${podOf(name)}/24 dev eth0`,
        `address add ${podOf6(name)}/64 dev eth0 nodad`,
        `route add default via ${podOf(name).replace(/2$/, '1')}`,
        `route add ::/0 via ${podOf6(name).replace(/2$/, '1')}`,
      ])
      const argv = [`--net=${file(`pod-${name}`)}`, process.execPath, '--eval', serverScript]
      const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
      servers.push(child)
      await once(child.stdout, 'data')
    }
  })
  after(async () => {
    for (const child of servers) child.kill('SIGKILL')
    for (const name of ['router', ...names, ...names.map((each) => `pod-${each}`)])
      await host.processes.run(['ip', 'netns', 'delete', `${prefix}-${name}`])
  })

  it('leads no further than the link by plain routes, and says so', async () => {
    await using on = agents('routes')
    on.tell(...names.map((name) => node(name, rangesOf(name).slice(0, 1))))
    await until('a leads to c', async () => (await routes('a')).length === 1 && on.problems.length === 3)
    assert.deepEqual(await routes('a'), ['10.244.2.0/24 via 10.89.251.13 dev eth0'])
    assert.equal(await send('pod-a', podOf('c')), '10')
    assert.match(await send('pod-a', podOf('b')), /TIMEOUT|ENETUNREACH|EHOSTUNREACH/)
    assert.equal(on.mtus.get('a'), 1500)
    assert.match(
      on.problems.join('\n'),
      /a: Pods of some nodes cannot be reached: node "b" \(10\.89\.252\.12\) shares no link/,
    )
  })

  it('leads nowhere from a node whose pods are connected by somebody else', async () => {
    const foreign = new Set<Name>()
    await using on = agents('vxlan', (name) => !foreign.has(name))
    on.tell(...names.map((name) => node(name, rangesOf(name).slice(0, 1))))
    await until('a leads to both', async () => (await routes('a')).length === 2)
    foreign.add('a')
    await clock.advance(30_000)
    await until('a has no tunnel', async () => (await ip('a').show(['link', 'show', 'type', 'vxlan'])).length === 0)
    assert.deepEqual(await routes('a'), [])
    assert.equal((await routes('b')).length, 2)
  })

  describe('with VXLAN where there is no common link', () => {
    let on: ReturnType<typeof agents>
    before(async () => {
      on = agents('auto')
      on.tell(...names.map((name) => node(name)))
      await until('all lead to b', async () => {
        const [four, six] = [await routes('b'), await routes('b', 6)]
        return (
          four.length === 2 &&
          six.length === 2 &&
          (await routes('c', 6)).length === 2 &&
          (await routes('a', 6)).length === 2
        )
      })
    })
    after(async () => await on[Symbol.asyncDispose]())

    it('leads by routes where it can and by tunnel elsewhere', async () => {
      assert.deepEqual(await routes('a'), [
        '10.244.1.0/24 via 10.244.1.0 dev k8ts-vxlan',
        '10.244.2.0/24 via 10.89.251.13 dev eth0',
      ])
      assert.equal(await send('pod-a', podOf('c')), '10')
      assert.equal(await send('pod-a', podOf('b')), '10')
      assert.equal(await send('pod-b', podOf('c')), '10')
      assert.equal(await send('pod-a', podOf6('b')), '10')
      // Nodes of IPv4 addresses alone have no plain way for IPv6.
      assert.equal(await send('pod-a', podOf6('c')), '10')
    })

    it('leads from a node itself, and back', async () => {
      assert.equal(await send('a', podOf('b')), '10')
      assert.equal(await send('b', podOf('a')), '10')
      assert.equal(await send('b', podOf6('a')), '10')
    })

    it('says how large packets may be, and carries what is larger', async () => {
      assert.deepEqual([...on.mtus.values()], [1450, 1450, 1450])
      const [link] = await ip('a').show(['link', 'show', 'dev', 'k8ts-vxlan'])
      assert.equal(link!.mtu, 1450)
      // These pods were there before the tunnel, with links for 1500 bytes.
      assert.equal(await send('pod-a', podOf('b'), 1_000_000), '1000000')
      assert.equal(await send('pod-b', podOf6('a'), 1_000_000), '1000000')
    })

    it('puts right what others delete', async () => {
      await ip('a').batch([
        'route delete 10.244.1.0/24 dev k8ts-vxlan',
        'route delete 10.244.2.0/24 dev eth0',
        'neigh delete 10.244.1.0 dev k8ts-vxlan',
      ])
      const [peer] = await ip('a').bridge.show(['fdb', 'show', 'dev', 'k8ts-vxlan'])
      await ip('a').bridge.batch([`fdb delete ${String(peer!.mac)} dev k8ts-vxlan dst ${String(peer!.dst)}`])
      await ip('b').batch(['link delete k8ts-vxlan'])
      assert.notEqual(await send('pod-a', podOf('b')), '10')
      await clock.advance(30_000)
      await until('all is there', async () => (await routes('a')).length === 2 && (await routes('b', 6)).length === 2)
      assert.equal(await send('pod-a', podOf('b')), '10')
      assert.equal(await send('pod-a', podOf('c')), '10')
    })

    it('follows a node that gets another range', async () => {
      on.tell(node('a'), node('b', ['10.244.9.0/24']), node('c'))
      await until('the other range is known', async () => (await routes('a'))[1]?.startsWith('10.244.9.0/24') === true)
      assert.deepEqual(await routes('a'), [
        '10.244.2.0/24 via 10.89.251.13 dev eth0',
        '10.244.9.0/24 via 10.244.9.0 dev k8ts-vxlan',
      ])
      const { neighbours } = await entries('a')
      assert.deepEqual(neighbours, ['10.244.9.0', 'fd00:244:0:2::'])
      await until('b has its own', async () => {
        const [shown] = await ip('b').show(['address', 'show', 'dev', 'k8ts-vxlan'])
        return JSON.stringify(shown).includes('10.244.9.0')
      })
    })

    it('follows a node that moves to the common link, and leaves no tunnel behind', async () => {
      on.tell(node('a', ['10.244.0.0/24']), node('b', ['10.244.1.0/24'], '10.89.251.12'), node('c', ['10.244.2.0/24']))
      await until('a has no tunnel', async () => (await ip('a').show(['link', 'show', 'type', 'vxlan'])).length === 0)
      await until('a leads to both', async () => (await routes('a')).length === 2)
      assert.deepEqual(await routes('a'), [
        '10.244.1.0/24 via 10.89.251.12 dev eth0',
        '10.244.2.0/24 via 10.89.251.13 dev eth0',
      ])
      assert.deepEqual(await routes('a', 6), [])
      assert.equal(on.mtus.get('a'), 1500)
    })

    it('forgets a node that is gone', async () => {
      on.tell(node('a', ['10.244.0.0/24']), node('c', ['10.244.2.0/24']))
      await until('a leads to c alone', async () => (await routes('a')).length === 1)
      assert.deepEqual(await routes('a'), ['10.244.2.0/24 via 10.89.251.13 dev eth0'])
    })
  })
})
