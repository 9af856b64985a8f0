import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'

import { memoryNft } from './memoryNft.ts'
import { NftablesTable } from './nftables.ts'
import { renderTable } from './nftText.ts'
import { planRules } from './ruleset.ts'
import type { Plan } from './ruleset.ts'
import type { Frontend } from './serviceTable.ts'

const ranges = {
  clusterPodRanges: ['10.244.0.0/16'],
  nodePodRanges: ['10.244.1.0/24'],
  serviceRanges: ['10.96.0.0/12'],
}

/** A plan with one sticky service of so many backends. */
function planOf(count: number, nodePodRanges = ranges.nodePodRanges): Plan {
  const backends = Array.from({ length: count }, (_, i) => ({ address: `10.244.1.${i + 1}`, port: 80, local: true }))
  const frontend: Frontend = {
    key: '10.96.0.7/tcp/80',
    owner: 'default/web',
    age: '',
    family: 4,
    address: '10.96.0.7',
    isClusterAddress: true,
    transport: 'tcp',
    port: 80,
    masquerade: 'others',
    inside: { backends, whenEmpty: 'refuse' },
    affinitySeconds: 100,
  }
  return planRules(new Map([[frontend.key, frontend]]), 4, { ...ranges, nodePodRanges })
}

describe('NftablesTable', () => {
  let nft = memoryNft()
  let table = new NftablesTable(nft, 4)
  const kernel = () => nft.state.get('ip k8ts-services')!
  beforeEach(() => {
    nft = memoryNft()
    table = new NftablesTable(nft, 4)
  })

  it('sends all at first, then differences, and nothing when nothing has changed', async () => {
    assert.deepEqual(await table.apply(planOf(2)), { kind: 'whole' })
    assert.deepEqual(await table.apply(planOf(2)), { kind: 'nothing' })
    assert.deepEqual(await table.apply(planOf(3)), { kind: 'difference', size: 6 })
    assert.equal(nft.applied.length, 2)
    assert.equal(kernel().sets.get('vip_numbers')!.size, 3)
  })
  it('sends all when the ranges of the node change', async () => {
    await table.apply(planOf(2))
    assert.deepEqual(await table.apply(planOf(2, ['10.244.9.0/24'])), { kind: 'whole' })
    assert.match(kernel().chains.get('postrouting')!.join('\n'), /10\.244\.9\.0\/24/)
  })
  it('sends all after a failure', async () => {
    await table.apply(planOf(2))
    nft.refuseWith = 'no memory'
    await assert.rejects(table.apply(planOf(3)), /no memory/)
    assert.deepEqual(await table.apply(planOf(3)), { kind: 'whole' })
  })
  it('notices with the next difference that the table has gone', async () => {
    await table.apply(planOf(2))
    nft.state.clear()
    await assert.rejects(table.apply(planOf(3)), /No such table/)
    assert.deepEqual(await table.apply(planOf(3)), { kind: 'whole' })
  })
  it('notices with the next difference that another process has replaced the table', async () => {
    await table.apply(planOf(2))
    await new NftablesTable(nft, 4).apply(planOf(2))
    await assert.rejects(table.apply(planOf(3)), /No such element: delete element ip k8ts-services generation/)
    assert.deepEqual(await table.apply(planOf(3)), { kind: 'whole' })
  })
  it('keeps clients with their backends when the table is replaced', async () => {
    await nft.apply(renderTable(planOf(2), 9))
    const client = '10.244.1.9 . 10.96.0.7 . tcp . 80'
    const sets = kernel().sets
    sets.get('affinity')!.set(`${client} expires 1m30s500ms`, '20000000')
    sets.get('affinity')!.set('10.244.1.9 . 10.96.0.8 . tcp . 80 expires 1m30s', '20000000')
    await table.apply(planOf(2))
    assert.deepEqual(kernel().sets.get('affinity'), new Map([[`${client} timeout 100s expires 90s`, '20000000']]))
    assert.deepEqual(kernel().sets.get('generation'), new Map([['10', '']]))
  })

  const edits: [string, (kernel: ReturnType<typeof memoryNft>) => void, string][] = [
    ['that the table has gone', (k) => k.state.clear(), 'the table has gone'],
    ['a missing element', () => kernel().sets.get('vips')!.clear(), 'set "vips" lacks "10.96.0.7 . tcp . 80"'],
    [
      'a further element',
      () => kernel().sets.get('cluster_addresses')!.set('10.96.0.1', ''),
      'set "cluster_addresses" has 2 elements and not 1',
    ],
    [
      'an element that leads elsewhere',
      () => kernel().sets.get('vip_backends')!.set('10.96.0.7 . tcp . 80 . 1', '10.244.1.9 . 80'),
      'set "vip_backends" leads "10.96.0.7 . tcp . 80 . 1" to "10.244.1.9 . 80" and not to "10.244.1.2 . 80"',
    ],
    ['a missing chain', () => kernel().chains.delete('outside'), 'there is no chain "outside"'],
    ['a further chain', () => kernel().chains.set('more', []), 'there is a chain "more"'],
    ['a changed rule', () => kernel().chains.get('services')!.push('accept'), 'chain "services" was changed'],
    ['a missing set', () => kernel().sets.delete('hairpin'), 'there is no set "hairpin"'],
  ]
  for (const [name, edit, expected] of edits) {
    it(`finds ${name}, and replaces the table`, async () => {
      await table.apply(planOf(2))
      assert.equal(await table.verify(), undefined)
      const before = structuredClone(kernel())
      edit(nft)
      assert.equal(await table.verify(), expected)
      assert.deepEqual(await table.apply(planOf(2)), { kind: 'whole' })
      assert.deepEqual(kernel().chains, before.chains)
      assert.equal(await table.verify(), undefined)
    })
  }
  it('is not disturbed by remembered clients', async () => {
    await table.apply(planOf(2))
    kernel().sets.get('affinity')!.set('10.244.1.9 . 10.96.0.7 . tcp . 80 expires 1m', '20000000')
    assert.equal(await table.verify(), undefined)
  })
  it('takes the table away', async () => {
    await table.apply(planOf(2))
    await table.remove()
    assert.equal(nft.state.size, 0)
  })
})
