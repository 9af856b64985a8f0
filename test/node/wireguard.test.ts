/** The network between nodes in WireGuard: of the kernel where it has it, of wireguard-go elsewhere. Needs root. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'

import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { endWireguardProcess, enterWireguard, findWireguardProcess } from '#nodeNetwork/wireguardProcess.ts'

import { ensureProgram } from '../../tools/programs.ts'
import { addressOf, names, nodeNetworkFixture, podOf, podOf6, rangesOf, type Name } from './nodeNetworkFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'
const device = 'k8ts-wireguard'

/** Counts what passes the link of a node: in clear (by eight letters Z in a packet), of the tunnel, and as large as may be. */
const wireTable = `
table inet wire {
  counter clear {}
  counter tunnelled {}
  counter full {}
  counter larger {}
  chain count {
    @th,4096,64 0x5a5a5a5a5a5a5a5a counter name clear
    udp dport 51820 @th,64,32 0x04000000 counter name tunnelled
    udp dport 51820 meta length 1500 counter name full
    meta length > 1500 counter name larger
  }
  chain in { type filter hook prerouting priority -500; iifname eth0 jump count; }
  chain out { type filter hook postrouting priority 500; oifname eth0 jump count; }
}
`

describe('the network between nodes in WireGuard', { skip: reasonToSkip }, () => {
  const fixture = nodeNetworkFixture(`k8ts-wg${process.pid}`)
  const { agents, clock, enter, file, host, hold, ip, keys, node, routes, send, until, wireguardPlace } = fixture
  let isInKernel = false
  /** What passed the link of `a` since the last time. */
  const wire = async () => {
    const text = await enter('a', 'nft', '--json', 'reset', 'counters', 'table', 'inet', 'wire')
    const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] }
    return Object.fromEntries(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])))
  }
  const wg = async (name: Name, ...words: string[]) =>
    await runChecked(host.processes, enterWireguard(wireguardPlace(name), !isInKernel, ['wg', ...words]))
  /** Where a node reaches its peers, by their keys. */
  const peersOf = async (name: Name): Promise<Readonly<Record<string, string>>> => {
    const lines = (await wg(name, 'show', device, 'endpoints')).trim().split('\n')
    return Object.fromEntries(lines.filter(Boolean).map((line) => line.split('\t') as [string, string]))
  }
  /** Undefined for all where the kernel holds the links. */
  const processes = async () => await Promise.all(names.map((name) => findWireguardProcess(wireguardPlace(name))))
  const links = async (name: Name) => (await ip(name).show(['link', 'show'])).filter(({ ifname }) => ifname === device)

  let on: ReturnType<typeof agents>
  /** Whether all routes to others, of both families, lead into these links, which are as large as they should be. */
  const isReached = async (by = device, mtu = 1440) => {
    for (const name of names) {
      const all = [...(await routes(name)), ...(await routes(name, 6))]
      if (all.length !== 4 || !all.every((route) => route.endsWith(` dev ${by}`))) return false
      if ((await ip(name).show(['link', 'show', 'dev', by]))[0]!.mtu !== mtu) return false
    }
    return true
  }
  const start = async () => {
    on = agents('wireguard')
    on.tell(...names.map((name) => node(name)))
    await until('all lead to all', () => isReached())
  }

  before(async () => {
    await ensureProgram('wg', 'wireguard-tools', console.error)
    await fixture.make()
    isInKernel = (await ip('router').attempt(['link add trial type wireguard'])).length === 0
    if (!isInKernel) await ensureProgram('wireguard-go', 'wireguard-go', console.error)
    await runChecked(host.processes, ['nsenter', `--net=${file('a')}`, 'nft', '-f', '-'], { input: wireTable })
    await using vxlan = agents('vxlan')
    vxlan.tell(...names.map((name) => node(name)))
    await until('all lead to all in VXLAN', () => isReached('k8ts-vxlan', 1450))
    assert.equal(await send('pod-a', podOf('b'), 100_000), '100000')
    const { clear, tunnelled } = await wire()
    assert.ok(clear! > 0 && tunnelled === 0, 'what is in clear is seen as such')
  })
  before(start)
  after(async () => {
    await on?.[Symbol.asyncDispose]()
    for (const name of names) {
      await ip(name).attempt([`link delete ${device}`])
      await endWireguardProcess({ ...wireguardPlace(name), host: systemHost(systemClock) })
    }
    await fixture.remove()
  })

  it('carries what pods and nodes send, and nobody on the way can read it', async () => {
    await wire()
    assert.equal(await send('pod-a', podOf('b'), 100_000), '100000')
    assert.equal(await send('pod-b', podOf6('a'), 100_000), '100000')
    assert.equal(await send('pod-a', podOf('c')), '10')
    assert.equal(await send('a', podOf('b')), '10')
    assert.equal(await send('b', podOf6('a')), '10')
    const { clear, tunnelled } = await wire()
    assert.equal(clear, 0)
    assert.ok(tunnelled! > 100, `${tunnelled} packets in the tunnel`)
    assert.deepEqual(
      on.problems.filter((problem) => !problem.includes('has not told its WireGuard key yet')),
      [],
    )
  })

  it('fills packets as far as the link takes them, and no further', async () => {
    assert.deepEqual([...on.mtus.values()], [1440, 1440, 1440])
    assert.equal((await links('a'))[0]!.mtu, 1440)
    for (const address of [podOf('b'), podOf6('b')]) {
      await wire()
      // These pods have links for 1500 bytes, and are told that the tunnel takes less.
      assert.equal(await send('pod-a', address, 1_000_000), '1000000')
      const { full, larger } = await wire()
      assert.ok(full! > 500, `${full} full packets to ${address}`)
      assert.equal(larger, 0)
    }
  })

  it('keeps connections while an agent starts anew', async () => {
    const held = await hold('pod-a', podOf('b'))
    const processesBefore = await processes()
    const latestHandshakes = async () => (await wg('a', 'show', device, 'latest-handshakes')).split('\n').toSorted()
    const handshakes = await latestHandshakes()
    await on[Symbol.asyncDispose]()
    await start()
    for (const time of ['first', 'second']) {
      on.mtus.clear()
      await until(`all agents have looked the ${time} time`, async () => {
        await clock.advance(30_000)
        return on.mtus.size === names.length
      })
    }
    assert.equal(await held.end(), 'answer 2')
    assert.deepEqual(await processes(), processesBefore)
    assert.equal(
      processesBefore.every((each) => each === undefined),
      isInKernel,
    )
    assert.deepEqual(await latestHandshakes(), handshakes)
  })

  it('finds its process again without the note of it', { skip: isInKernel }, async () => {
    const known = await processes()
    for (const name of names) rmSync(`${wireguardPlace(name).folder}/pid`)
    assert.deepEqual(await processes(), known)
  })

  it('puts right what others change', async () => {
    const before = await peersOf('a')
    await wg('a', 'set', device, 'peer', keys.get('b')!, 'remove')
    await wg('a', 'set', device, 'listen-port', '51821')
    await ip('a').batch([`address delete 10.244.0.0/32 dev ${device}`, `link set ${device} mtu 1300 down`])
    assert.notEqual(await fixture.attempt('pod-a', podOf('b')), '10')
    await clock.advance(30_000)
    await until('a leads to both', () => isReached())
    assert.deepEqual(await peersOf('a'), before)
    assert.equal(await send('pod-a', podOf('b')), '10')
    assert.equal(await send('a', podOf('b')), '10')
  })

  it('makes the link again that is gone, and lets the others know at once', async () => {
    const deleteLink = async (name: Name) => await ip(name).batch([`link delete ${device}`])
    const killProcess = async (name: Name) => {
      const [, ofB] = await processes()
      if (ofB === undefined) await deleteLink(name)
      else host.processes.kill(ofB.pid, 'SIGKILL')
    }
    const indexOf = async (name: Name) => (await links(name))[0]?.ifindex
    const known = await processes()
    for (const [name, lose] of [
      ['b', killProcess],
      ['a', deleteLink],
    ] as const) {
      const before = await indexOf(name)
      await lose(name)
      if (isInKernel) await clock.advance(30_000)
      await until('there is another link', async () => ![undefined, before].includes(await indexOf(name)))
      await until('all lead to all', () => isReached())
      // The other one has not lost what they had agreed, and would go on with it.
      const [from, to] = name === 'b' ? (['a', 'b'] as const) : (['b', 'a'] as const)
      assert.equal(await send(`pod-${from}`, podOf(to)), '10')
    }
    const now = await processes()
    assert.deepEqual([now[0]?.pid === known[0]?.pid, now[1]?.pid === known[1]?.pid], [isInKernel, isInKernel])
  })

  it('follows a node that goes, and comes back with another key', async () => {
    const key = keys.get('b')!
    await on[Symbol.asyncDispose]()
    on = agents('wireguard', { on: ['a', 'c'] })
    on.tell(node('a'), node('c'))
    await until('a has forgotten b', async () => (await routes('a')).length === 1)
    assert.deepEqual(Object.keys(await peersOf('a')), [keys.get('c')])
    assert.match(await fixture.attempt('pod-a', podOf('b')), /TIMEOUT|ENETUNREACH|EHOSTUNREACH/)
    await on[Symbol.asyncDispose]()

    rmSync(fixture.keyFile('b'))
    await start()
    const knows = async (name: Name) => keys.get('b')! in (await peersOf(name))
    await until(
      'the others know the key',
      async () => keys.get('b') !== key && (await knows('a')) && (await knows('c')),
    )
    assert.deepEqual(Object.keys(await peersOf('a')).toSorted(), [keys.get('b')!, keys.get('c')!].toSorted())
    assert.equal(await send('pod-a', podOf('b')), '10')
    assert.equal(await send('pod-b', podOf('c')), '10')
  })

  it('follows a node to another address, and keeps its connections', async () => {
    const held = await hold('pod-a', podOf('b'))
    await ip('b').batch([
      `address delete ${addressOf('b')}/24 dev eth0`,
      'address add 10.89.252.22/24 dev eth0',
      'route add 10.89.251.0/24 via 10.89.252.1',
    ])
    on.tell(node('a'), node('b', rangesOf('b'), '10.89.252.22'), node('c'))
    const key = keys.get('b')!
    await until('a knows', async () => (await peersOf('a'))[key] === '10.89.252.22:51820')
    assert.equal(await held.end(), 'answer 2')
    assert.equal(await send('pod-b', podOf('a')), '10')
  })

  it('carries over IPv6 between nodes', async () => {
    const addresses = { a: 'fd00:10:89:251::11', c: 'fd00:10:89:251::13' } as const
    for (const name of ['a', 'c'] as const) await ip(name).batch([`address add ${addresses[name]}/64 dev eth0 nodad`])
    on.tell(node('a', rangesOf('a'), addresses.a), node('c', rangesOf('c'), addresses.c))
    const key = keys.get('c')!
    await until('a knows', async () => (await peersOf('a'))[key] === `[${addresses.c}]:51820`)
    await until('c has its link', async () => (await links('c'))[0]?.mtu === 1420)
    assert.equal(on.mtus.get('a'), 1420)
    await wire()
    assert.equal(await send('pod-a', podOf('c'), 1_000_000), '1000000')
    const { clear, full, larger } = await wire()
    assert.ok(full! > 500, `${full} full packets`)
    assert.deepEqual([clear, larger], [0, 0])
  })

  it('leaves nothing behind where somebody else connects the pods', async () => {
    await on[Symbol.asyncDispose]()
    on = agents('wireguard', { uses: () => false })
    on.tell(node('a'), node('b', rangesOf('b'), '10.89.252.22'), node('c'))
    await until('no link is left', async () => (await Promise.all(names.map(links))).flat().length === 0)
    await until('no process is left', async () => (await processes()).every((each) => each === undefined))
    assert.deepEqual(await routes('a'), [])
  })
})
