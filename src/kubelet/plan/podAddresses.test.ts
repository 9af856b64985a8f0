import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { orderPodAddresses } from './podAddresses.ts'

describe('orderPodAddresses', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[], readonly string[]])[] = [
    ['one family', ['10.1.0.2'], ['10.0.0.1'], ['10.1.0.2']],
    ['as the node has them', ['10.1.0.2', 'fd00::2'], ['10.0.0.1', 'fd01::1'], ['10.1.0.2', 'fd00::2']],
    ['the other way round', ['10.1.0.2', 'fd00::2'], ['fd01::1', '10.0.0.1'], ['fd00::2', '10.1.0.2']],
    ['one of each, however many there are', ['fd00::2', 'fd00::3', '10.1.0.2'], ['10.0.0.1'], ['10.1.0.2', 'fd00::2']],
    ['another family than the node has', ['fd00::2'], ['10.0.0.1'], ['fd00::2']],
    ['none yet', [], ['10.0.0.1'], []],
    ['a node without an address', ['fd00::2', '10.1.0.2'], [], ['fd00::2', '10.1.0.2']],
  ]
  for (const [name, addresses, node, expected] of cases)
    it(name, () => assert.deepEqual(orderPodAddresses(addresses, node), expected))
})
