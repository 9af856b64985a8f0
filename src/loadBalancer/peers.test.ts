import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { Peers } from './peers.ts'

function setUp() {
  const clock = new SimulatedClock()
  const dead = new Set<string>()
  const changes: string[] = []
  let probes = 0
  const peers = new Peers({
    clock,
    async probe(name) {
      probes++
      return !dead.has(name)
    },
    changed: () => changes.push([...peers.gone].join()),
  })
  const stop = new AbortController()
  const running = peers.run(stop.signal)
  const end = async (): Promise<void> => {
    stop.abort()
    await clock.advance(0)
    await running
    assert.equal(clock.pending, 0)
  }
  return { clock, dead, changes, peers, end, probes: () => probes }
}

test('a node that does not answer three times is gone, and there again once it answers', async () => {
  const { clock, dead, changes, peers, end } = setUp()
  peers.watch(new Set(['n1', 'n2']))
  await clock.advance(10_000)
  assert.deepEqual(changes, [])
  dead.add('n1')
  await clock.advance(2_000)
  assert.deepEqual(changes, [])
  await clock.advance(1_500)
  assert.deepEqual(changes, ['n1'])
  dead.delete('n1')
  await clock.advance(1_000)
  assert.deepEqual(changes, ['n1', ''])
  await end()
})

test('a short silence is none', async () => {
  const { clock, dead, changes, peers, end } = setUp()
  peers.watch(new Set(['n1']))
  await clock.advance(500)
  dead.add('n1')
  await clock.advance(2_000)
  dead.delete('n1')
  await clock.advance(1_000)
  dead.add('n1')
  await clock.advance(2_000)
  assert.deepEqual(changes, [])
  await end()
})

test('nobody is asked who is not watched', async () => {
  const { clock, dead, peers, end, probes } = setUp()
  await clock.advance(60_000)
  assert.equal(probes(), 0)
  dead.add('n1')
  peers.watch(new Set(['n1']))
  await clock.advance(5_000)
  assert.deepEqual([...peers.gone], ['n1'])
  peers.watch(new Set())
  const before = probes()
  assert.deepEqual([...peers.gone], [])
  await clock.advance(60_000)
  assert.ok(probes() - before <= 1)
  await end()
})
