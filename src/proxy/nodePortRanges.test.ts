import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Node } from '#api/core/v1/node.ts'

import {
  healthCheckAddresses,
  nodePortAddressesProblem,
  nodePortRangesOf,
  type ListenAddress,
} from './nodePortRanges.ts'

const nodeWith = (...addresses: readonly (readonly [type: string, address: string])[]): Node =>
  ({ status: { addresses: addresses.map(([type, address]) => ({ type, address })) } }) as unknown as Node

describe('nodePortRangesOf', () => {
  const both = nodeWith(
    ['Hostname', 'one'],
    ['ExternalIP', '192.0.2.1'],
    ['InternalIP', '10.89.0.11'],
    ['InternalIP', '10.89.0.12'],
    ['InternalIP', 'FD00:89:0::11'],
  )
  const cases: [string, readonly string[] | undefined, Node | undefined, readonly string[] | undefined][] = [
    ['everywhere when nothing is said', undefined, both, undefined],
    ['everywhere when the list is empty', [], both, undefined],
    [
      'at the first address of each family, internal ones first',
      ['primary'],
      both,
      ['10.89.0.11/32', 'fd00:89::11/128'],
    ],
    [
      'at an external one where there is no other',
      ['primary'],
      nodeWith(['ExternalIP', '192.0.2.1']),
      ['192.0.2.1/32'],
    ],
    ['nowhere while the node is not known', ['primary'], undefined, []],
    [
      'in ranges, each once and without those within another',
      ['10.1.0.0/16', '10.0.0.0/8', '192.0.2.7/24', '192.0.2.0/24', 'fd00::/8'],
      both,
      ['10.0.0.0/8', '192.0.2.0/24', 'fd00::/8'],
    ],
    ['everywhere in a family of which no range is named', ['10.0.0.0/8'], both, ['10.0.0.0/8', '::/0']],
  ]
  for (const [name, values, node, expected] of cases)
    it(name, () => assert.deepEqual(nodePortRangesOf(values, node), expected))
})

describe('nodePortAddressesProblem', () => {
  const problem = 'it must be ranges such as 10.89.0.0/16, or primary alone'
  const cases: [readonly string[], string | undefined][] = [
    [[], undefined],
    [['primary'], undefined],
    [['10.0.0.0/8', 'fd00::/8'], undefined],
    [['primary', '10.0.0.0/8'], problem],
    [['10.0.0.1'], problem],
    [[''], problem],
  ]
  for (const [values, expected] of cases)
    it(`${JSON.stringify(values)}: ${expected ?? 'none'}`, () =>
      assert.equal(nodePortAddressesProblem(values), expected))
})

describe('healthCheckAddresses', () => {
  const addresses = ['127.0.0.1', '10.89.0.11', '10.89.0.11', '192.0.2.1', '::1', 'fd00:89::11']
  const both = [4, 6] as const
  const cases: [string, readonly string[] | undefined, readonly (4 | 6)[], readonly ListenAddress[]][] = [
    ['everywhere', undefined, [4], [{ host: '0.0.0.0' }]],
    ['everywhere in both families', undefined, both, [{ host: '::' }]],
    ['everywhere in both families, by ranges', ['0.0.0.0/0', '::/0'], both, [{ host: '::' }]],
    ['at the addresses in a range', ['10.89.0.0/16', '::/0'], [4], [{ host: '10.89.0.11' }]],
    [
      'at those of one family, and everywhere in the other',
      ['10.89.0.0/16', '::/0'],
      both,
      [{ host: '10.89.0.11' }, { host: '::', ipv6Only: true }],
    ],
    ['the same the other way round', ['0.0.0.0/0', 'fd00::/8'], both, [{ host: '0.0.0.0' }, { host: 'fd00:89::11' }]],
    [
      'at addresses in several ranges',
      ['192.0.2.0/24', '127.0.0.0/8'],
      both,
      [{ host: '127.0.0.1' }, { host: '192.0.2.1' }],
    ],
    ['nowhere', ['198.51.100.0/24'], [4], []],
  ]
  for (const [name, ranges, families, expected] of cases)
    it(name, () => assert.deepEqual(healthCheckAddresses(ranges, families, addresses), expected))
})
