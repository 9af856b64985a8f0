import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'

import { countSetsAndChains, maxSetsAndChains, safeTextBytes } from '#lib/host/nft.ts'

import type { Backend, Family, Frontend, FrontendChange } from './frontend.ts'
import { memoryNft } from './memoryNft.ts'
import { readTable } from '#lib/host/nftTable.ts'
import { readRemembered, renderDifference, renderTable as renderPieces } from './nftText.ts'
import { maxDispatchChains, Ruleset } from './ruleset.ts'
import { numberBackends, setNames } from './sets.ts'

const ranges = {
  clusterPodRanges: ['10.244.0.0/16', 'fd00:244::/48'],
  nodePodRanges: ['10.244.1.0/24', 'fd00:244:0:1::/64'],
  serviceRanges: ['10.96.0.0/12', 'fd00:96::/108'],
}
const backend = (last: number): Backend => ({ address: `10.244.${last}.1`, port: 8080, local: last === 1 })

function frontend(key: string, rest: Partial<Frontend> = {}): Frontend {
  const [address, transport, port] = key.split('/')
  const isNodePort = address === '4' || address === '6'
  return {
    key,
    owner: 'default/web',
    age: '',
    family: address!.includes(':') || address === '6' ? 6 : 4,
    ...(isNodePort ? {} : { address: address! }),
    isClusterAddress: address!.startsWith('10.96.') || address!.startsWith('fd00:96:'),
    transport: transport as 'tcp',
    port: Number(port),
    masquerade: 'others',
    inside: { backends: [], whenEmpty: 'refuse' },
    ...rest,
  }
}
const rulesOf = (table: ReadonlyMap<string, Frontend>, family: Family = 4): Ruleset =>
  new Ruleset(family, ranges, table.values())
const renderTable = (rules: Ruleset, generation: number): string => [...renderPieces(rules, generation)].join('')
const changesOf = (before: ReadonlyMap<string, Frontend>, next: ReadonlyMap<string, Frontend>): FrontendChange[] =>
  [...new Set([...before.keys(), ...next.keys()])].map((key) => ({ key, before: before.get(key), next: next.get(key) }))
const tableOf = (...frontends: Frontend[]): Map<string, Frontend> => new Map(frontends.map((each) => [each.key, each]))
const to = (...numbers: number[]) => ({ backends: numbers.map(backend), whenEmpty: 'refuse' as const })

function golden(name: string, text: string): void {
  const file = new URL(`testdata/${name}`, import.meta.url)
  if (process.argv.includes('--update')) writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
}

const everything = tableOf(
  frontend('10.96.0.1/tcp/443', {
    inside: { backends: [{ address: '10.89.0.11', port: 6443, local: false }], whenEmpty: 'refuse' },
  }),
  frontend('10.96.0.7/tcp/80', { inside: to(1, 2, 3) }),
  frontend('10.96.0.7/udp/53', { inside: to(1, 2) }),
  frontend('10.96.0.8/tcp/80', { inside: to(2, 1), affinitySeconds: 10_800 }),
  frontend('10.96.0.9/tcp/80'),
  frontend('10.96.0.10/sctp/9', { inside: { backends: [], whenEmpty: 'drop' } }),
  frontend('4/tcp/30080', { masquerade: 'all', inside: to(1, 2, 3) }),
  frontend('4/tcp/30081', { inside: to(1, 2), outside: to(1) }),
  frontend('4/tcp/30082', { inside: to(2), outside: { backends: [], whenEmpty: 'drop' }, affinitySeconds: 60 }),
  frontend('4/tcp/30083', { masquerade: 'all' }),
  frontend('192.0.2.9/tcp/80', { masquerade: 'all', inside: to(1) }),
  frontend('192.0.2.9/tcp/81', { masquerade: 'all' }),
  frontend('192.0.2.10/tcp/80', { masquerade: 'all', inside: to(1), sources: ['10.0.0.0/8', '198.51.100.7/32'] }),
  frontend('4/tcp/8080', { masquerade: 'none', inside: to(1) }),
)

describe('renderTable', () => {
  it('writes every kind of frontend', () => golden('everything.nft.golden', renderTable(rulesOf(everything), 1)))
  it('writes an empty table', () => golden('empty.nft.golden', renderTable(rulesOf(new Map()), 1)))
  it('writes IPv6', () => {
    const inside = { backends: [{ address: 'fd00:244:0:1::5', port: 80, local: true }], whenEmpty: 'refuse' as const }
    const table = tableOf(
      frontend('fd00:96::7/tcp/80', { inside, affinitySeconds: 60 }),
      frontend('6/tcp/30080', { masquerade: 'all', inside }),
    )
    golden('ipv6.nft.golden', renderTable(rulesOf(table, 6), 1))
  })
  it('makes no more sets and chains for more services', () => {
    const many = (count: number) =>
      tableOf(
        ...Array.from({ length: count }, (_, i) =>
          frontend(`10.96.${i >> 8}.${i & 255}/tcp/80`, { inside: to(1, 2, 3) }),
        ),
      )
    const count = (table: Map<string, Frontend>) => countSetsAndChains(renderTable(rulesOf(table), 1))
    assert.equal(count(many(1)), count(many(3000)))
  })
  it('leaves frontends out rather than to make too many chains', () => {
    const table = new Map<string, Frontend>()
    for (let seconds = 1; seconds <= 3 * maxDispatchChains; seconds++) {
      const key = `10.96.${seconds >> 8}.${seconds & 255}/tcp/80`
      table.set(key, frontend(key, { inside: to(1), affinitySeconds: seconds }))
    }
    const plan = rulesOf(table)
    const leftOut = [...plan.leftOut]
    assert.equal(plan.frontends.size + leftOut.length, table.size)
    assert.ok(leftOut.length > 0)
    assert.ok(countSetsAndChains(renderTable(plan, 1)) < maxSetsAndChains)
  })
})

describe('numberBackends', () => {
  it('gives the same number whatever others there are', () => {
    const one = numberBackends([backend(1)]).get('10.244.1.1 . 8080')
    assert.equal(numberBackends([backend(3), backend(1), backend(2)]).get('10.244.1.1 . 8080'), one)
  })
  it('never gives one twice, nor one that may be a slot', () => {
    const backends = Array.from({ length: 5000 }, (_, i) => ({
      address: `10.${i >> 8}.${i & 255}.1`,
      port: 80,
      local: false,
    }))
    const numbers = [...numberBackends(backends).values()]
    assert.equal(new Set(numbers).size, 5000)
    assert.ok(Math.min(...numbers) >= 0x0100_0000)
  })
})

/** Tables over few keys, so that two of them have much in common. */
const anyTable = fc
  .uniqueArray(
    fc.record({
      key: fc.constantFrom(
        '10.96.0.1/tcp/80',
        '10.96.0.1/udp/53',
        '10.96.0.2/tcp/80',
        '4/tcp/30080',
        '4/tcp/30081',
        '192.0.2.9/tcp/80',
      ),
      masquerade: fc.constantFrom('others' as const, 'all' as const, 'none' as const),
      backends: fc.shuffledSubarray([1, 2, 3, 4]),
      whenEmpty: fc.constantFrom('refuse' as const, 'drop' as const),
      outside: fc.option(fc.subarray([1, 2]), { nil: undefined }),
      affinitySeconds: fc.option(fc.constantFrom(10, 20), { nil: undefined }),
    }),
    { selector: (each) => each.key },
  )
  .map((list) =>
    tableOf(
      ...list.map(({ key, masquerade, backends, whenEmpty, outside, affinitySeconds }) =>
        frontend(key, {
          masquerade,
          inside: { backends: backends.map(backend), whenEmpty },
          ...(outside === undefined ? {} : { outside: { backends: outside.map(backend), whenEmpty: 'drop' as const } }),
          ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
        }),
      ),
    ),
  )

describe('a change of rules', () => {
  it('leads from any table to any other, to exactly what a whole new one would be, but for chains of before', () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyTable, { minLength: 2, maxLength: 5 }), async (tables) => {
        const changed = memoryNft()
        const rules = rulesOf(tables[0]!)
        await changed.apply(renderPieces(rules, 1))
        let generation = 1
        for (let i = 1; i < tables.length; i++) {
          const difference = rules.change(changesOf(tables[i - 1]!, tables[i]!))
          for (const step of renderDifference(4, difference, generation)) {
            await changed.apply(step.text)
            generation = step.generation
          }
        }
        const whole = memoryNft()
        await whole.apply(renderPieces(rulesOf(tables.at(-1)!), generation))
        const [is, wanted] = [changed, whole].map((nft) => nft.state.get('ip k8ts-services')!)
        assert.deepEqual(is!.sets, wanted!.sets)
        for (const [name, chain] of wanted!.chains) assert.deepEqual(is!.chains.get(name), chain)
        assert.deepEqual([...is!.chains.keys()].toSorted(), [...rules.chains.keys()].toSorted())
      }),
      { numRuns: 120 },
    ))

  it('is small for a small change', () => {
    const web = frontend('10.96.0.7/tcp/80', { inside: to(1, 4, 3) })
    const difference = rulesOf(everything).change(changesOf(everything, new Map([...everything, [web.key, web]])))
    golden('change.nft.golden', [...renderDifference(4, difference, 1)].map(({ text }) => text).join(''))
  })

  it('is told in several texts when it is large, each with whole frontends and a generation of its own', async () => {
    const table = new Map<string, Frontend>()
    for (let i = 0; i < 2_000; i++) {
      const key = `10.96.${i >> 8}.${i & 255}/tcp/80`
      table.set(key, frontend(key, { inside: to(1, 2, 3), affinitySeconds: 10 }))
    }
    const rules = rulesOf(new Map())
    const nft = memoryNft()
    await nft.apply(renderPieces(rules, 1))
    // Whether there is room for them is for others to see.
    nft.state.get('ip k8ts-services')!.sizes.clear()
    const steps = [...renderDifference(4, rules.change(changesOf(new Map(), table)), 1)]
    assert.ok(steps.length > 5)
    assert.deepEqual(
      steps.map(({ generation }) => generation),
      steps.map((_, index) => index + 2),
    )
    for (const { text } of steps) {
      assert.ok(text.length <= safeTextBytes, `${text.length}`)
      await nft.apply(text)
      const { vips, vip_backends: backends } = Object.fromEntries(nft.state.get('ip k8ts-services')!.sets)
      assert.equal(backends!.size, 6 * vips!.size)
    }
    const whole = memoryNft()
    await whole.apply(renderPieces(rulesOf(table), steps.length + 1))
    assert.deepEqual(nft.state.get('ip k8ts-services')!.sets, whole.state.get('ip k8ts-services')!.sets)
  })

  it('asks for a new table when chains of before leave no room', () => {
    const sticky = (seconds: number): Frontend =>
      frontend('10.96.0.7/tcp/80', { inside: to(1), affinitySeconds: seconds })
    const rules = rulesOf(tableOf(sticky(1)))
    let before = sticky(1)
    for (let seconds = 2; seconds < maxDispatchChains; seconds++) {
      const next = sticky(seconds)
      const { isWorn } = rules.change([{ key: next.key, before, next }])
      before = next
      if (!isWorn) continue
      assert.equal([...new Ruleset(4, ranges, [next]).leftOut].length, 0)
      return
    }
    assert.fail('the chains have no end')
  })
})

describe('readTable of a table of services', () => {
  const listed = async (rules: Ruleset) => {
    const nft = memoryNft()
    await nft.apply(renderPieces(rules, 7))
    return readTable((await nft.describe({ family: 'ip', name: 'k8ts-services' }))!)
  }
  it('reads back what was written', async () => {
    const rules = rulesOf(everything)
    const listing = await listed(rules)
    for (const set of setNames) assert.deepEqual(listing.elements.get(set), new Map(rules.entries(set)), set)
    assert.deepEqual([...listing.chains.keys()], [...rules.chains.keys()])
    assert.deepEqual(listing.elements.get('generation'), new Map([['7', '']]))
  })
  it('reads clients that are remembered by hashes, with those numbers of backends that there are', () => {
    const inside = { backends: [{ address: 'fd00:244:0:1::5', port: 80, local: true }], whenEmpty: 'refuse' as const }
    const sticky = frontend('fd00:96::7/tcp/80', { inside, affinitySeconds: 60 })
    const [number] = numberBackends(inside.backends).values()
    const entries = [
      [`17 . 4294967290 timeout 50s expires 40s`, String(number)],
      ['18 . 5 expires 2h', String(number)],
      ['19 . 6 timeout 50s expires 40s', '20000000'],
      ['20 . 7 timeout 50s expires 300ms', String(number)],
    ] as const
    const listing = { elements: new Map([['affinity', new Map(entries)]]), counts: new Map(), chains: new Map() }
    assert.deepEqual(readRemembered(listing, [sticky, frontend('fd00:96::8/tcp/80', { inside })]), [
      { key: '17 . 4294967290', number, timeoutSeconds: 50, expiresSeconds: 40 },
      { key: '18 . 5', number, timeoutSeconds: 60, expiresSeconds: 60 },
    ])
  })
  it('reads what the real nft prints', () => {
    const listing = readTable(readFileSync(new URL('testdata/listing.txt', import.meta.url), 'utf8'))
    assert.deepEqual(Object.fromEntries([...listing.elements].map(([name, set]) => [name, Object.fromEntries(set)])), {
      vips: { '10.96.1.2 . tcp . 80': 'goto c_vip_others_2_10800s' },
      vip_backends: {
        '10.96.1.2 . tcp . 80 . 0': '10.244.1.2 . 8080',
        '10.96.1.2 . tcp . 80 . 2794206171': '10.244.2.3 . 8080',
      },
      affinity: {
        '10.244.1.9 . 10.96.0.8 . tcp . 80 expires 1m39s976ms': '20000000',
        '10.244.1.8 . 10.96.0.8 . tcp . 80 timeout 10s expires 9s': '20000001',
        '10.244.1.7 . 10.96.9.9 . tcp . 80 expires 2h': '20000002',
      },
      generation: { '2': '' },
    })
    assert.deepEqual(readRemembered(listing, everything.values()), [
      { key: '10.244.1.9 . 10.96.0.8 . tcp . 80', number: 20000000, timeoutSeconds: 10800, expiresSeconds: 99 },
      { key: '10.244.1.8 . 10.96.0.8 . tcp . 80', number: 20000001, timeoutSeconds: 10800, expiresSeconds: 9 },
    ])
  })
})
