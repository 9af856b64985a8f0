import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bitmap } from './bitmap.ts'
import {
  addressAt,
  addressIndex,
  cidrContains,
  cidrsOverlap,
  cidrSize,
  formatCidr,
  formatMask,
  hosts,
  lastAddress,
  parseCidr,
  subnetAt,
} from './cidr.ts'
import type { Cidr } from './cidr.ts'
import {
  canonicalIp,
  compareIp,
  formatIp,
  ipBytes,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  ipFromNumber,
  ipToNumber,
  reverseName,
} from './ip.ts'
import { IpRange, reservedAddresses } from './ipRange.ts'
import { seededRandom } from '#lib/random.ts'

describe('addresses', () => {
  const texts: [string, string | undefined][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['10.1', undefined],
    ['010.0.0.1', undefined],
    ['10.0.0.256', undefined],
    ['fe80::1%eth0', undefined],
    ['', undefined],
    ['1.2.3.4/8', undefined],
    ['x'.repeat(10_000), undefined],
  ]
  for (const [text, want] of texts) {
    test(`"${text.slice(0, 50)}" is ${want}`, () => assert.equal(canonicalIp(text), want))
  }

  test('numbers and bytes go both ways', () => {
    for (const text of ['0.0.0.0', '10.1.2.3', '255.255.255.255']) {
      assert.equal(formatIp(ipFromNumber(4, ipToNumber(ipBytes(text)))), text)
    }
    for (const text of ['::', 'fd00::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']) {
      assert.equal(formatIp(ipFromNumber(6, ipToNumber(ipBytes(text)))), text)
    }
    assert.throws(() => ipFromNumber(4, 1n << 32n), RangeError)
  })

  test('kinds', () => {
    const kinds = (text: string) => {
      const ip = ipBytes(text)
      return [isLoopback(ip), isUnspecified(ip), isMulticast(ip), isLinkLocal(ip)].map(Number).join('')
    }
    const rows = [
      '127.1.2.3',
      '::1',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      'ff02::1',
      '239.1.1.1',
      '169.254.1.1',
      'fe80::1',
      '10.0.0.1',
      'fd00::1',
    ]
    assert.deepEqual(rows.map(kinds), [
      '1000',
      '1000',
      '0100',
      '0100',
      '0011',
      '0011',
      '0010',
      '0001',
      '0001',
      '0000',
      '0000',
    ])
  })

  test('order and reverse names', () => {
    const sorted = ['::1', '10.0.0.2', '9.0.0.1', 'fd00::'].map(ipBytes).sort(compareIp).map(formatIp)
    assert.deepEqual(sorted, ['9.0.0.1', '10.0.0.2', '::1', 'fd00::'])
    assert.equal(reverseName(ipBytes('10.0.0.1')), '1.0.0.10.in-addr.arpa')
    assert.equal(
      reverseName(ipBytes('2001:db8::1')),
      '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
    )
  })
})

const cidr = (text: string): Cidr => parseCidr(text)!

describe('blocks', () => {
  const texts: [string, string | undefined][] = [
    ['10.96.0.0/16', '10.96.0.0/16'],
    ['10.96.3.7/16', '10.96.0.0/16'],
    ['10.0.0.1/32', '10.0.0.1/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00::5/64', 'fd00::/64'],
    ['10.0.0.0/33', undefined],
    ['10.0.0.0/08', undefined],
    ['10.0.0.0/-1', undefined],
    ['10.0.0.0', undefined],
    ['/8', undefined],
    ['fd00::/129', undefined],
  ]
  for (const [text, want] of texts) {
    test(`"${text}" is ${want}`, () => {
      const parsed = parseCidr(text)
      assert.equal(parsed && formatCidr(parsed), want)
    })
  }

  test('containing and overlapping', () => {
    const contains = (block: string, ip: string) => cidrContains(cidr(block), ipBytes(ip))
    assert.deepEqual(
      [
        contains('10.0.0.0/9', '10.127.255.255'),
        contains('10.0.0.0/9', '10.128.0.0'),
        contains('0.0.0.0/0', '1.2.3.4'),
        contains('::/0', '1.2.3.4'),
        contains('fd00::/12', 'fd0f::1'),
        contains('fd00::/12', 'fd10::1'),
      ],
      [true, false, true, false, true, false],
    )
    assert.deepEqual(
      [
        cidrsOverlap(cidr('10.0.0.0/8'), cidr('10.4.0.0/16')),
        cidrsOverlap(cidr('10.4.0.0/16'), cidr('10.0.0.0/8')),
        cidrsOverlap(cidr('10.4.0.0/16'), cidr('10.5.0.0/16')),
      ],
      [true, true, false],
    )
  })

  test('places', () => {
    assert.equal(cidrSize(cidr('10.0.0.0/24')), 256n)
    assert.equal(formatIp(addressAt(cidr('10.96.0.0/16'), 10)), '10.96.0.10')
    assert.equal(formatIp(addressAt(cidr('10.96.0.0/16'), 256)), '10.96.1.0')
    assert.equal(addressIndex(cidr('10.96.0.0/16'), ipBytes('10.96.1.0')), 256n)
    assert.throws(() => addressAt(cidr('10.0.0.0/24'), 256), /Block 10\.0\.0\.0\/24 has no address 256/)
    assert.equal(formatIp(lastAddress(cidr('10.0.0.0/20'))), '10.0.15.255')
    assert.equal(formatMask(cidr('10.0.0.0/20')), '255.255.240.0')
    assert.equal(formatCidr(subnetAt(cidr('10.244.0.0/16'), 24, 3)), '10.244.3.0/24')
    assert.equal(formatCidr(subnetAt(cidr('fd00::/48'), 64, 2)), 'fd00:0:0:2::/64')
    assert.throws(() => subnetAt(cidr('10.244.0.0/16'), 24, 256), RangeError)
    assert.deepEqual([...hosts(cidr('10.0.0.0/30'))].map(formatIp), ['10.0.0.1', '10.0.0.2'])
    assert.deepEqual([...hosts(cidr('10.0.0.4/31'))].map(formatIp), ['10.0.0.4', '10.0.0.5'])
    assert.deepEqual([...hosts(cidr('fd00::/126'))].map(formatIp), ['fd00::1', 'fd00::2', 'fd00::3'])
  })
})

describe('allocation', () => {
  test('a bitmap hands out every number once, the kept-back ones last', () => {
    const bitmap = new Bitmap(100, 20)
    const random = seededRandom(1)
    const taken = Array.from({ length: 100 }, () => bitmap.takeNext(random)!)
    assert.equal(new Set(taken).size, 100)
    assert.ok(taken.slice(0, 80).every((index) => index >= 20))
    assert.equal(bitmap.takeNext(random), undefined)
    assert.equal(bitmap.takeFirst(), undefined)
    assert.equal(bitmap.release(33), true)
    assert.equal(bitmap.release(33), false)
    assert.equal(bitmap.takeNext(random), 33)
    assert.throws(() => bitmap.take(100), /100 is outside 0-99/)
  })

  test('full words are skipped and every place is reachable', () => {
    const bitmap = new Bitmap(70)
    for (let i = 0; i < 70; i++) if (i !== 67) bitmap.take(i)
    assert.equal(bitmap.takeFirst(), 67)
    assert.equal(bitmap.free, 0)
    assert.equal([...bitmap.taken()].length, 70)
  })

  test('a range never hands out its base or broadcast address', () => {
    const range = new IpRange(cidr('10.0.0.0/29'))
    const addresses: string[] = []
    for (let ip = range.takeFirst(); ip; ip = range.takeFirst()) addresses.push(formatIp(ip))
    assert.deepEqual(addresses, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    assert.deepEqual(
      ['10.0.0.0', '10.0.0.7', '10.0.1.0', '10.0.0.3'].map((text) => range.take(ipBytes(text))),
      ['outside', 'outside', 'outside', 'taken'],
    )
    assert.equal(range.release(ipBytes('10.0.0.3')), true)
    assert.equal(range.take(ipBytes('10.0.0.3')), 'free')
    assert.equal(range.has(ipBytes('10.0.0.3')), true)
  })

  test('a large IPv6 block is cut to as many addresses as a /12 of IPv4', () => {
    const range = new IpRange(cidr('fd00::/64'))
    assert.equal(range.size, 2 ** 20)
    assert.equal(range.take(ipBytes('fd00::10:0')), 'free')
    assert.equal(range.take(ipBytes('fd00::10:1')), 'outside')
  })

  test('kept-back addresses follow KEP-3070', () => {
    const rows = ['10.0.0.0/29', '10.0.0.0/28', '10.0.0.0/27', '10.0.0.0/24', '10.0.0.0/20', '10.0.0.0/12', 'fd00::/64']
    assert.deepEqual(
      rows.map((text) => reservedAddresses(cidr(text))),
      [0, 0, 16, 16, 255, 256, 256],
    )
  })
})
