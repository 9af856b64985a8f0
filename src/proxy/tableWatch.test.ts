import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { tableWatch } from './tableWatch.ts'

const own = (generation: number): string[] => [
  `delete element ip k8ts-services generation { 0x${(generation - 1).toString(16).padStart(8, '0')} }`,
  `add element ip k8ts-services generation { 0x${generation.toString(16).padStart(8, '0')} }`,
]
const end = '# new generation 12 by process 4711 (nft)'

describe('tableWatch', () => {
  const cases: [string, string[], string[]][] = [
    [
      'our own change',
      [...own(7), 'add element ip k8ts-services vips { 10.96.0.7 . tcp . 80 : goto c_vip_others_2 }', end],
      [],
    ],
    ['a rule that somebody has added', ['add rule ip k8ts-services services accept', end], ['ip']],
    ['a chain that somebody has emptied', ['delete rule ip k8ts-services go_vip handle 12', end], ['ip']],
    [
      'an element that somebody has removed',
      ['delete element ip k8ts-services vips { 10.96.0.7 . tcp . 80 }', end],
      ['ip'],
    ],
    ['the table deleted', ['delete set ip k8ts-services vips', 'delete table ip k8ts-services', end], ['ip']],
    ['the other family', ['delete table ip6 k8ts-services', end], ['ip6']],
    ['both at once', ['delete table ip6 k8ts-services', 'delete table ip k8ts-services', end], ['ip6', 'ip']],
    ['the generation of another process', [...own(8), end], ['ip']],
    [
      'other tables',
      ['add table ip mine', 'add chain ip mine k8ts-services', 'add rule inet k8ts-services x accept', end],
      [],
    ],
    ['a name that only begins like ours', ['delete table ip k8ts-services-backup', end], []],
    ['a change before our own', ['add rule ip k8ts-services services accept', end, ...own(7), end], ['ip']],
    ['nothing before the transaction ends', ['delete table ip k8ts-services'], []],
  ]
  for (const [name, lines, expected] of cases)
    it(name, () => {
      const read = tableWatch((family, generation) => family === 'ip' && generation <= 7)
      assert.deepEqual(
        lines.flatMap((line) => read(line)),
        expected,
      )
    })
})
