import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { fakeIp } from '#lib/host/netlink.ts'

import { clusterLayout } from './layout.ts'
import {
  checkNetwork,
  chooseNodeRange,
  findCollisions,
  hostAddress,
  linkAddress,
  nodeAddress,
  planBarrier,
  planPodRoutes,
  readBusyRanges,
} from './network.ts'

const network = { nodeRange: '10.89.7.0/24', podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }

describe('addresses', () => {
  it('are the first for the host and those from the eleventh for nodes', () => {
    assert.equal(hostAddress(network), '10.89.7.1')
    assert.equal(nodeAddress(network, 0), '10.89.7.11')
    assert.equal(nodeAddress(network, 239), '10.89.7.250')
    assert.throws(() => nodeAddress(network, 240), /room for 240/)
  })
  it('give link addresses', () => assert.equal(linkAddress('10.89.7.11'), '0a:58:0a:59:07:0b'))
})

describe('checkNetwork', () => {
  it('takes the usual ranges', () => checkNetwork(network))
  const cases: [string, Partial<typeof network>, RegExp][] = [
    ['no range', { podRange: '10.244.0.0' }, /Cannot use "10.244.0.0" as podRange: it must be an IPv4 range/],
    ['another family', { podRange: 'fd00::/64' }, /it must be an IPv4 range/],
    ['a wide node range', { nodeRange: '10.89.0.0/16' }, /it must be a \/24/],
    [
      'overlap',
      { podRange: '10.100.0.0/16' },
      /Cannot use podRange 10.100.0.0\/16: it overlaps serviceRange 10.96.0.0\/12/,
    ],
    ['a shell in it', { podRange: '10.0.0.0/8;reboot' }, /it must be an IPv4 range/],
  ]
  for (const [name, change, expected] of cases) {
    it(`refuses ${name}`, () => assert.throws(() => checkNetwork({ ...network, ...change }), expected))
  }
})

describe('chooseNodeRange', () => {
  const layout = clusterLayout('dev')
  const first = chooseNodeRange(layout, [])!
  const all = Array.from({ length: 254 }, (_, index) => `10.89.${index + 1}.0/24`)
  it('follows from the name', () => {
    assert.match(first, /^10\.89\.\d+\.0\/24$/)
    assert.equal(chooseNodeRange(layout, ['192.168.1.0/24']), first)
  })
  it('avoids what is taken, by a range or a single address', () => {
    assert.notEqual(chooseNodeRange(layout, [first]), first)
    assert.notEqual(chooseNodeRange(layout, [first.replace('.0/24', '.77')]), first)
    assert.equal(
      chooseNodeRange(
        layout,
        all.filter((range) => range !== '10.89.200.0/24'),
      ),
      '10.89.200.0/24',
    )
  })
  it('takes one inside a route to a whole private network when it must', () =>
    assert.equal(chooseNodeRange(layout, ['10.0.0.0/8']), first))
  it('finds nothing when all are taken', () => assert.equal(chooseNodeRange(layout, all), undefined))
})

describe('findCollisions', () => {
  it('names what overlaps, but neither wide routes nor others', () => {
    const busy = ['10.0.0.0/8', '10.244.3.0/24', '10.244.9.9', '192.168.0.0/16', 'fe80::/64']
    assert.deepEqual(findCollisions('10.244.0.0/16', busy), ['10.244.3.0/24', '10.244.9.9'])
  })
})

describe('readBusyRanges', () => {
  it('reads addresses and routes and leaves ours out', async () => {
    const ip = fakeIp({
      '-4 address show': [{ ifname: 'eth0', addr_info: [{ local: '192.0.2.2', prefixlen: 24 }] }],
      '-4 route show table all': [
        { dst: 'default' },
        { dst: '192.0.2.0/24', protocol: 'kernel' },
        { dst: '10.96.0.0/12', protocol: '89', type: 'unreachable' },
      ],
    })
    assert.deepEqual(await readBusyRanges(ip), ['192.0.2.2/24', '192.0.2.0/24'])
  })
})

describe('planBarrier', () => {
  it('covers exactly the ranges in use', () => {
    const layout = { ...clusterLayout('dev'), barrierMetric: 4_294_967_000 }
    assert.deepEqual(planBarrier(layout, network), [
      'route replace unreachable 10.244.0.0/16 metric 4294967000 protocol 89',
      'route replace unreachable 10.96.0.0/12 metric 4294967000 protocol 89',
      'route replace unreachable 10.89.7.0/24 metric 4294967000 protocol 89',
    ])
  })
})

describe('planPodRoutes', () => {
  const route = (dst: string, gateway: string, dev = 'k', metric = 5, protocol = '89') => ({
    dst,
    gateway,
    dev,
    metric,
    protocol,
  })
  const words = 'dev k metric 5 protocol 89'
  const one = { podRange: '10.244.1.0/24', nodeAddress: '10.89.7.11' }
  const cases: [string, ReturnType<typeof route>[], (typeof one)[], string[]][] = [
    ['a new way', [], [one], [`route replace 10.244.1.0/24 via 10.89.7.11 ${words}`]],
    ['nothing to do', [route('10.244.1.0/24', '10.89.7.11')], [one], []],
    ['a node gone', [route('10.244.1.0/24', '10.89.7.11')], [], [`route delete 10.244.1.0/24 ${words}`]],
    [
      'a node moved',
      [route('10.244.1.0/24', '10.89.7.12')],
      [one],
      [`route replace 10.244.1.0/24 via 10.89.7.11 ${words}`],
    ],
    [
      'routes of others',
      [
        route('10.244.2.0/24', '1.1.1.1', 'eth0'),
        route('10.244.2.0/24', '1.1.1.1', 'k', 6),
        route('10.0.0.0/8', '1.1.1.1', 'k', 5, 'static'),
      ],
      [],
      [],
    ],
  ]
  for (const [name, existing, wanted, expected] of cases)
    it(name, () => assert.deepEqual(planPodRoutes(existing, wanted, 'k', 5), expected))
})
