import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Node } from '#api/core/v1/node.ts'

import { nodePortAddressesProblem, nodePortRangesOf } from './nodePortRanges.ts'

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
