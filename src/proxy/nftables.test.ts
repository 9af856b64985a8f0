import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'

import type { Frontend } from './frontend.ts'
import { memoryNft } from './memoryNft.ts'
import { NftablesTable } from './nftables.ts'
import { renderTable } from './nftText.ts'
import { Ruleset } from './ruleset.ts'

const ranges = {
  clusterPodRanges: ['10.244.0.0/16'],
  nodePodRanges: ['10.244.1.0/24'],
  serviceRanges: ['10.96.0.0/12'],
}

/** One sticky service of so many backends. */
function sticky(count: number): Frontend {
  const backends = Array.from({ length: count }, (_, i) => ({
    address: `10.244.${1 + (i >> 8)}.${i & 255}`,
    port: 80,
    local: true,
  }))
  return {
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
}

describe('NftablesTable', () => {
  let nft = memoryNft()
  let table = new NftablesTable(nft, 4)
  let held: Frontend | undefined
  let rules = new Ruleset(4, ranges)
  /** Makes it a service of so many backends. */
  const apply = (count: number) => {
    const next = sticky(count)
    const difference = rules.change([{ key: next.key, before: held, next }])
    held = next
    return table.apply(rules, difference)
  }
  const kernel = () => nft.state.get('ip k8ts-services')!
  beforeEach(() => {
    nft = memoryNft()
    table = new NftablesTable(nft, 4)
    held = undefined
    rules = new Ruleset(4, ranges)
  })

  it('sends all at first, then differences, and nothing when nothing has changed', async () => {
    assert.deepEqual(await apply(2), { kind: 'whole' })
    assert.deepEqual(await apply(2), { kind: 'nothing' })
    assert.deepEqual(await apply(3), { kind: 'difference', size: 6 })
    assert.equal(nft.applied.length, 2)
    assert.equal(kernel().sets.get('vip_numbers')!.size, 3)
  })
  it('sends all when the ranges of the node change', async () => {
    await apply(2)
    assert.deepEqual(
      await table.apply(
        (rules = new Ruleset(4, { ...ranges, nodePodRanges: ['10.244.9.0/24'] }, [sticky(2)])),
        undefined,
      ),
      { kind: 'whole' },
    )
    assert.match(kernel().chains.get('postrouting')!.join('\n'), /10\.244\.9\.0\/24/)
  })
  it('sends all after a failure', async () => {
    await apply(2)
    nft.refuseWith = 'no memory'
    await assert.rejects(apply(3), /no memory/)
    assert.deepEqual(await apply(3), { kind: 'whole' })
  })
  it('notices with the next difference that the table has gone', async () => {
    await apply(2)
    nft.state.clear()
    await assert.rejects(apply(3), /No such table/)
    assert.deepEqual(await apply(3), { kind: 'whole' })
  })
  it('notices with the next difference that another process has replaced the table', async () => {
    await apply(2)
    await new NftablesTable(nft, 4).apply(new Ruleset(4, ranges, [sticky(2)]), undefined)
    await assert.rejects(apply(3), /No such element: delete element ip k8ts-services generation/)
    assert.deepEqual(await apply(3), { kind: 'whole' })
  })
  it('makes the table anew, with room for twice as much, when a set is full', async () => {
    await apply(2)
    assert.equal(kernel().sizes.get('vip_backends'), 1_024)
    // Each backend is there by its slot and by its number.
    assert.deepEqual(await apply(512), { kind: 'difference', size: 2_042 })
    assert.deepEqual(await apply(513), { kind: 'whole' })
    assert.equal(kernel().sizes.get('vip_backends'), 4_096)
    assert.equal(await table.verify(), undefined)
    assert.deepEqual(await apply(514), { kind: 'difference', size: 6 })
  })
  it('keeps clients with their backends when the table is replaced', async () => {
    await nft.apply(renderTable(new Ruleset(4, ranges, [sticky(2)]), 9))
    const client = '10.244.1.9 . 10.96.0.7 . tcp . 80'
    const sets = kernel().sets
    sets.get('affinity')!.set(`${client} expires 1m30s500ms`, '20000000')
    sets.get('affinity')!.set('10.244.1.9 . 10.96.0.8 . tcp . 80 expires 1m30s', '20000000')
    await apply(2)
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
      'set "vip_backends" leads "10.96.0.7 . tcp . 80 . 1" to "10.244.1.9 . 80" and not to "10.244.1.1 . 80"',
    ],
    ['a missing chain', () => kernel().chains.delete('outside'), 'there is no chain "outside"'],
    ['a further chain', () => kernel().chains.set('more', []), 'there is a chain "more"'],
    ['a further rule', () => kernel().chains.get('services')!.push('accept'), 'chain "services" has other rules'],
    ['a changed rule', () => kernel().chains.get('services')!.fill('accept'), 'chain "services" was changed'],
    ['a missing set', () => kernel().sets.delete('hairpin'), 'there is no set "hairpin"'],
  ]
  for (const [name, edit, expected] of edits) {
    it(`finds ${name}, and replaces the table`, async () => {
      await apply(2)
      assert.equal(await table.verify(), undefined)
      const before = structuredClone(kernel())
      edit(nft)
      assert.equal(await table.verify(), expected)
      assert.deepEqual(await apply(2), { kind: 'whole' })
      assert.deepEqual(kernel().chains, before.chains)
      assert.equal(await table.verify(), undefined)
    })
  }
  it('is not disturbed by remembered clients', async () => {
    await apply(2)
    kernel().sets.get('affinity')!.set('10.244.1.9 . 10.96.0.7 . tcp . 80 expires 1m', '20000000')
    assert.equal(await table.verify(), undefined)
  })
  it('compares what was listed after a change with that, and what was listed before it with nothing', async () => {
    await apply(2)
    const describe = nft.describe.bind(nft)
    nft.describe = async (what) => {
      const text = await describe(what)
      await apply(3)
      return text
    }
    assert.equal(await table.verify(), undefined)
    assert.equal(table.verifications, 0)
    nft.describe = async (what) => {
      await apply(4)
      return describe(what)
    }
    assert.equal(await table.verify(), undefined)
    assert.equal(table.verifications, 1)
    nft.describe = async (what) => {
      await apply(5)
      kernel().sets.get('vips')!.clear()
      return describe(what)
    }
    assert.match((await table.verify())!, /"vips" lacks/)
  })
  it('replaces the table for a change that is too long to arrive as a whole', async () => {
    await apply(1)
    assert.deepEqual(await apply(2_000), { kind: 'whole' })
    assert.equal(await table.verify(), undefined)
  })
  it('replaces the table when it is told that others have changed it, also while it is changed', async () => {
    await apply(2)
    table.distrust()
    assert.deepEqual(await apply(2), { kind: 'whole' })
    const running = apply(3)
    table.distrust()
    await running
    assert.equal(table.isCurrent, false)
    assert.deepEqual(await apply(3), { kind: 'whole' })
  })
  it('knows the generations that it has made', async () => {
    await nft.apply(renderTable(new Ruleset(4, ranges), 4))
    assert.equal(table.isOwnGeneration(4), false)
    await apply(2)
    await apply(3)
    assert.deepEqual(
      [4, 5, 6, 7].map((generation) => table.isOwnGeneration(generation)),
      [false, true, true, false],
    )
  })
  it('takes the table away', async () => {
    await apply(2)
    await table.remove()
    assert.equal(nft.state.size, 0)
  })
})
