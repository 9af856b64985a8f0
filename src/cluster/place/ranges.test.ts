import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { fakeIp } from '#lib/host/netlink.ts'

import { clusterLayout } from './layout.ts'
import {
  checkNetwork,
  chooseNodeRange,
  findCollisions,
  hostAddresses,
  linkAddress,
  linkLocalAddress,
  nodeAddresses,
  rangesProblem,
  readBusyRanges,
} from './ranges.ts'

const network = { nodeRange: '10.89.7.0/24', podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }
const dual = {
  nodeRange: '10.89.7.0/24,fd00:10:89:7::/64',
  podRange: '10.244.0.0/16,fd00:10:244::/56',
  serviceRange: '10.96.0.0/12,fd00:10:96::/112',
}

describe('rangesProblem', () => {
  const cases: [string, RegExp | undefined][] = [
    ['10.244.0.0/16', undefined],
    ['fd00:10:244::/56', undefined],
    ['10.244.0.0/16,fd00:10:244::/56', undefined],
    ['fd00:10:244::/56, 10.244.0.0/16', undefined],
    ['10.244.0.0', /^it must be a range such as/],
    ['10.244.0.0/16,', /^it must be a range such as/],
    ['10.244.0.0/16,10.245.0.0/16', /^both are IPv4; it must be a range/],
    ['10.244.0.0/16,fd00::/56,fd01::/56', /^it must be a range such as/],
  ]
  for (const [text, expected] of cases)
    it(JSON.stringify(text), () => {
      if (expected === undefined) assert.equal(rangesProblem(text), undefined)
      else assert.match(rangesProblem(text)!, expected)
    })
})

describe('addresses', () => {
  it('are the first for the host and those from the eleventh for nodes', () => {
    assert.deepEqual(hostAddresses(network), ['10.89.7.1'])
    assert.deepEqual(nodeAddresses(network, 0), ['10.89.7.11'])
    assert.deepEqual(nodeAddresses(network, 239), ['10.89.7.250'])
    assert.throws(() => nodeAddresses(network, 240), /room for 240/)
  })
  it('are of both families where there are two ranges', () => {
    assert.deepEqual(hostAddresses(dual), ['10.89.7.1', 'fd00:10:89:7::1'])
    assert.deepEqual(nodeAddresses(dual, 1), ['10.89.7.12', 'fd00:10:89:7::c'])
  })
  it('give link addresses', () => {
    assert.equal(linkAddress('10.89.7.11'), '0a:58:0a:59:07:0b')
    assert.equal(linkAddress('fd00:10:89:7::b'), '0a:58:00:00:00:0b')
    assert.equal(linkLocalAddress('fd00:10:89:7::b'), 'fe80::b')
  })
})

describe('checkNetwork', () => {
  it('takes the usual ranges', () => {
    checkNetwork(network)
    checkNetwork(dual)
  })
  const cases: [string, Partial<typeof network>, RegExp][] = [
    ['no range', { podRange: '10.244.0.0' }, /Cannot use "10.244.0.0" as podRange: it must be a range such as/],
    [
      'another family',
      { podRange: 'fd00::/64' },
      /Cannot use podRange fd00::\/64 with nodeRange 10.89.7.0\/24: the families differ/,
    ],
    ['a wide node range', { nodeRange: '10.89.0.0/16' }, /it must be a \/24/],
    [
      'overlap',
      { podRange: '10.100.0.0/16' },
      /Cannot use podRange 10.100.0.0\/16: it overlaps serviceRange 10.96.0.0\/12/,
    ],
    ['a shell in it', { podRange: '10.0.0.0/8;reboot' }, /it must be a range such as/],
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
  it('finds one of each family with the same number', () => {
    assert.equal(chooseNodeRange(layout, [], [6]), `fd00:10:89:${Number(first.split('.')[2])}::/64`)
    assert.equal(chooseNodeRange(layout, [], [4, 6]), `${first},fd00:10:89:${Number(first.split('.')[2])}::/64`)
    const taken = `fd00:10:89:${Number(first.split('.')[2])}::7`
    assert.notEqual(chooseNodeRange(layout, [taken], [4, 6])!.split(',')[0], first)
  })
  it('finds nothing when all are taken', () => assert.equal(chooseNodeRange(layout, all), undefined))
})

describe('findCollisions', () => {
  it('names what overlaps, but neither wide routes nor others', () => {
    const busy = ['10.0.0.0/8', '10.244.3.0/24', '10.244.9.9', '192.168.0.0/16', 'fe80::/64']
    assert.deepEqual(findCollisions('10.244.0.0/16', busy), ['10.244.3.0/24', '10.244.9.9'])
    assert.deepEqual(findCollisions('fe80::/10', busy), ['fe80::/64'])
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
