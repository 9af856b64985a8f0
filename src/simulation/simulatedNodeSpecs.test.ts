import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidrContains, parseCidr } from '#lib/net/cidr.ts'
import { parseIp } from '#lib/net/ip.ts'
import { simulatedNodeSpecs, simulatedServerAddress } from './simulatedNodeSpecs.ts'

test('simulated nodes have names, addresses and ranges of their own', () => {
  const specs = simulatedNodeSpecs({ count: 5_000 })
  assert.deepEqual(specs[0], {
    name: 'simulated-1',
    address: '198.18.0.1',
    ttlSeconds: 300,
    podCidrs: ['100.64.1.0/24'],
  })
  const all = specs.flatMap(({ name, address, podCidrs = [] }) => [name, address, ...podCidrs])
  assert.equal(new Set([...all, simulatedServerAddress]).size, 15_001)
})

test('simulated nodes are numbered on, and take what they have in common', () => {
  assert.deepEqual(
    simulatedNodeSpecs({ count: 2, from: 7, prefix: 'big-', podBlocks: 'none', labels: { size: 'big' } }),
    [
      { name: 'big-7', address: '198.18.0.7', ttlSeconds: 0, labels: { size: 'big' } },
      { name: 'big-8', address: '198.18.0.8', ttlSeconds: 0, labels: { size: 'big' } },
    ],
  )
})

test('there are no more simulated nodes than blocks of addresses', () => {
  assert.equal(simulatedNodeSpecs({ count: 16_383 }).at(-1)!.podCidrs![0], '100.127.255.0/24')
  for (const options of [{ count: 16_384 }, { count: 1, from: 16_384 }, { count: 1, from: 0 }, { count: -1 }]) {
    assert.throws(() => simulatedNodeSpecs(options), /there are numbers from 1 to 16383/)
  }
})

test('the address of the server is the last of the range of simulated nodes', () => {
  assert.equal(simulatedServerAddress, '198.19.255.254')
  assert.ok(cidrContains(parseCidr('198.18.0.0/15')!, parseIp(simulatedServerAddress)!))
})
