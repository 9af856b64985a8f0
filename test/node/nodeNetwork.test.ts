/** The network between nodes in the real kernel, by plain routes and in VXLAN. Needs root. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { names, nodeNetworkFixture, podOf, podOf6, rangesOf, type Name } from './nodeNetworkFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

describe('the network between nodes', { skip: reasonToSkip }, () => {
  const fixture = nodeNetworkFixture(`k8ts-nn${process.pid}`)
  const { agents, clock, ip, make, node, remove, routes, send, until } = fixture
  const entries = async (place: string) => {
    const forwarding = await ip(place).bridge.show(['fdb', 'show', 'dev', 'k8ts-vxlan'])
    const neighbours = await ip(place).show(['neigh', 'show', 'dev', 'k8ts-vxlan', 'nud', 'permanent'])
    return { forwarding: forwarding.map(({ dst }) => dst), neighbours: neighbours.map(({ dst }) => dst).toSorted() }
  }

  before(make)
  after(remove)

  it('leads no further than the link by plain routes, and says so', async () => {
    await using on = agents('routes')
    on.tell(...names.map((name) => node(name, rangesOf(name).slice(0, 1))))
    await until('a leads to c', async () => (await routes('a')).length === 1 && on.problems.length === 3)
    assert.deepEqual(await routes('a'), ['10.244.2.0/24 via 10.89.251.13 dev eth0'])
    assert.equal(await send('pod-a', podOf('c')), '10')
    assert.match(await fixture.attempt('pod-a', podOf('b')), /TIMEOUT|ENETUNREACH|EHOSTUNREACH/)
    assert.equal(on.mtus.get('a'), 1500)
    assert.match(
      on.problems.join('\n'),
      /a: Pods of some nodes cannot be reached: node "b" \(10\.89\.252\.12\) shares no link/,
    )
  })

  it('leads nowhere from a node whose pods are connected by somebody else', async () => {
    const foreign = new Set<Name>()
    await using on = agents('vxlan', { uses: (name) => !foreign.has(name) })
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
      assert.notEqual(await fixture.attempt('pod-a', podOf('b')), '10')
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
