import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { countSetsAndChains, fakeNft, maxSetsAndChains, parseTables, systemNft } from './nft.ts'
import { fakeProcesses } from './process.ts'

describe('countSetsAndChains', () => {
  const cases: [string, string, number][] = [
    ['an empty table', 'table ip kube {\n}', 0],
    [
      'sets, maps and chains in a table',
      'table ip k {\n set a {\n type ipv4_addr\n }\n map b { type ipv4_addr : verdict; }\n chain c {\n }\n}',
      3,
    ],
    [
      'added ones',
      'add table ip k\nadd set ip k a { type ipv4_addr; }\nadd chain ip k c { type nat hook output priority 0; }',
      2,
    ],
    ['elements are no sets', 'add element ip k a { 10.0.0.1, 10.0.0.2 }\n elements = { 10.0.0.3 }', 0],
    ['a set written in a rule', 'tcp dport { 80, 443 } accept\n ip saddr vmap { 10.0.0.1 : accept }', 2],
    ['a comment', '# chain c { { {', 0],
    ['the verb set is none', 'meta mark set numgen random mod 3\n ct mark set 1', 0],
  ]
  for (const [name, text, expected] of cases) it(name, () => assert.equal(countSetsAndChains(text), expected))
})

describe('systemNft', () => {
  it('applies a text in one transaction', async () => {
    const processes = fakeProcesses()
    await systemNft(processes, '/run/x.net').apply('table ip k { }')
    assert.deepEqual(processes.commands, [
      { argv: ['nsenter', '--net=/run/x.net', 'nft', '-f', '-'], input: 'table ip k { }' },
    ])
  })
  it('says why nft refused', async () => {
    const processes = fakeProcesses(() => ({ code: 1, stderr: '-:1:1-3: Error: syntax error\n' }))
    await assert.rejects(systemNft(processes).apply('bad'), {
      message: 'Cannot run "nft -f -": -:1:1-3: Error: syntax error',
    })
  })
  it('refuses what could lock up the kernel before it is sent', async () => {
    const processes = fakeProcesses()
    const many = 'chain c { }\n'.repeat(maxSetsAndChains + 1)
    await assert.rejects(systemNft(processes).apply(many), /5001 sets and chains, at most 5000 are safe/)
    assert.deepEqual(processes.commands, [])
  })
  it('reads the list of tables', () => {
    assert.deepEqual(parseTables('table ip kube\ntable inet filter\n'), [
      { family: 'ip', name: 'kube' },
      { family: 'inet', name: 'filter' },
    ])
  })
})

describe('fakeNft', () => {
  it('knows tables that texts add and delete', async () => {
    const nft = fakeNft()
    await nft.apply('add table ip a\ntable ip b {\n}')
    await nft.apply('delete table ip a')
    assert.deepEqual(await nft.tables(), [{ family: 'ip', name: 'b' }])
    assert.equal(await nft.describe({ family: 'ip', name: 'a' }), undefined)
  })
})
