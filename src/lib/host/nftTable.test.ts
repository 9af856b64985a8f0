import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Nft } from './nft.ts'
import { NftTables, readTable, renderTable } from './nftTable.ts'
import type { TableContent } from './nftTable.ts'

const content = (elements: Readonly<Record<string, Readonly<Record<string, string>>>>, name = 't'): TableContent => ({
  family: 'ip',
  name,
  sets: new Map([
    ['friends', 'type ipv4_addr : mark;'],
    ['homes', 'type ipv4_addr; flags interval;'],
  ]),
  chains: new Map([
    ['forward', ['type filter hook forward priority 0; policy accept;', 'jump ask']],
    ['ask', ['ip saddr @homes counter drop']],
  ]),
  elements: new Map(['friends', 'homes'].map((set) => [set, new Map(Object.entries(elements[set] ?? {}))] as const)),
})

/** Takes texts, and prints a listing that it is given. */
function scriptedNft(): Nft & { readonly applied: string[]; listing: string | undefined; refuse: boolean } {
  const nft = {
    applied: [] as string[],
    listing: undefined as string | undefined,
    refuse: false,
    apply: async (text: string) => {
      if (nft.refuse) throw new Error('refused')
      nft.applied.push(text)
    },
    tables: async () => [],
    describe: async () => nft.listing,
  }
  return nft
}

const listed = `table ip t {
	map friends {
		type ipv4_addr : mark
		elements = { 10.0.0.1 : 0x80000005,
			     10.0.0.2 : 0x00000007 }
	}

	set homes {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0/8 }
	}

	set generation {
		type mark
		elements = { 0x00000001 }
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		jump ask
	}

	chain ask {
		ip saddr @homes counter packets 7 bytes 420 drop
	}
}
`
const wanted = content({ friends: { '10.0.0.1': '2147483653', '10.0.0.2': '7' }, homes: { '10.0.0.0/8': '' } })

test('a table is declared before it is filled', () => {
  assert.equal(
    renderTable(wanted, 1),
    `add table ip t
delete table ip t
add table ip t
add map ip t friends { type ipv4_addr : mark; }
add set ip t homes { type ipv4_addr; flags interval; }
add set ip t generation { type mark; elements = { 1 }; }
add chain ip t forward { type filter hook forward priority 0; policy accept; }
add chain ip t ask
add rule ip t forward jump ask
add rule ip t ask ip saddr @homes counter drop
add element ip t friends { 10.0.0.1 : 2147483653, 10.0.0.2 : 7 }
add element ip t homes { 10.0.0.0/8 }
`,
  )
})

test('a listing is read with decimal marks and without counts', () => {
  const { elements, chains } = readTable(listed)
  assert.deepEqual(
    [...elements.get('friends')!],
    [
      ['10.0.0.1', '2147483653'],
      ['10.0.0.2', '7'],
    ],
  )
  assert.equal(chains.get('ask'), '\t\tip saddr @homes counter drop\n')
})

test('what elements have counted is read beside them', () => {
  const { elements, counts } = readTable(`table ip t {
	set denials {
		type mark
		counter
		elements = { 0x00000005 counter packets 0 bytes 0, 0x00000006 counter packets 17 bytes 1020 }
	}

	map peers {
		type ipv4_addr : mark
		elements = { 10.0.0.1 counter packets 3 bytes 90 : 0x00000007 }
	}
}
`)
  const read = [...elements].map(([set, entries]) => [set, [...entries], [...(counts.get(set) ?? [])]])
  assert.deepEqual(read, [
    [
      'denials',
      [
        ['5', ''],
        ['6', ''],
      ],
      [
        ['5', 0],
        ['6', 17],
      ],
    ],
    ['peers', [['10.0.0.1', '7']], [['10.0.0.1', 3]]],
  ])
})

test('changes are one transaction over all tables, which needs the generation before', async () => {
  const nft = scriptedNft()
  const tables = new NftTables(nft)
  assert.deepEqual(await tables.apply([content({}), content({}, 'u')]), { kind: 'whole' })
  assert.deepEqual(await tables.apply([content({}), content({}, 'u')]), { kind: 'nothing' })
  const next = [content({ friends: { '10.0.0.1': '1' } }), content({ homes: { '10.0.0.0/8': '' } }, 'u')]
  assert.deepEqual(await tables.apply(next), { kind: 'difference', size: 2 })
  const last = [content({ friends: { '10.0.0.1': '2' } }), content({}, 'u')]
  assert.deepEqual(await tables.apply(last), { kind: 'difference', size: 3 })
  assert.deepEqual(nft.applied.slice(1), [
    `delete element ip t generation { 1 }
add element ip t generation { 2 }
add element ip t friends { 10.0.0.1 : 1 }
delete element ip u generation { 1 }
add element ip u generation { 2 }
add element ip u homes { 10.0.0.0/8 }
`,
    `delete element ip t generation { 2 }
add element ip t generation { 3 }
delete element ip t friends { 10.0.0.1 }
add element ip t friends { 10.0.0.1 : 2 }
delete element ip u generation { 2 }
add element ip u generation { 3 }
delete element ip u homes { 10.0.0.0/8 }
`,
  ])
})

test('after a refusal the tables are replaced whole, in a generation that was not there before', async () => {
  const nft = scriptedNft()
  const tables = new NftTables(nft)
  await tables.apply([content({})])
  nft.refuse = true
  await assert.rejects(tables.apply([wanted]), /refused/)
  nft.refuse = false
  nft.listing = listed.replace('elements = { 0x00000001 }', 'elements = { 0x00000029 }')
  assert.deepEqual(await tables.apply([wanted]), { kind: 'whole' })
  assert.match(nft.applied.at(-1)!, /generation \{ type mark; elements = \{ 42 \}; \}/)
})

test('tables that lose most of what they hold are made anew', async () => {
  const tables = new NftTables(scriptedNft())
  const many = Object.fromEntries(Array.from({ length: 2_001 }, (_, at) => [`10.0.${at >> 8}.${at & 255}`, '1']))
  await tables.apply([content({ friends: many })])
  assert.deepEqual(await tables.apply([content({})]), { kind: 'whole' })
})

test('what others change is found', async () => {
  const rows: readonly [string, (text: string) => string | undefined, string | undefined][] = [
    ['nothing', (text) => text, undefined],
    ['counts', (text) => text.replace('packets 7', 'packets 9'), undefined],
    ['the table', () => undefined, 'ip t: the table has gone'],
    ['a set', (text) => text.replace('set homes', 'set houses'), 'ip t: there is no set "homes"'],
    ['an element', (text) => text.replace('10.0.0.2 :', '10.0.0.3 :'), 'ip t: set "friends" lacks "10.0.0.2"'],
    [
      'a value',
      (text) => text.replace('0x00000007', '0x00000008'),
      'ip t: set "friends" leads "10.0.0.2" to "8" and not to "7"',
    ],
    [
      'one more',
      (text) => text.replace('10.0.0.0/8', '10.0.0.0/8, 11.0.0.0/8'),
      'ip t: set "homes" has 2 elements and not 1',
    ],
    [
      'a rule more',
      (text) => text.replace('jump ask', 'accept\n\t\tjump ask'),
      'ip t: chain "forward" has other rules',
    ],
    ['another rule', (text) => text.replace('jump ask', 'accept'), 'ip t: chain "forward" was changed'],
    ['a chain', (text) => text.replace('chain ask', 'chain tell'), 'ip t: there is no chain "ask"'],
  ]
  for (const [what, change, problem] of rows) {
    const nft = scriptedNft()
    const tables = new NftTables(nft)
    await tables.apply([wanted])
    nft.listing = listed
    assert.equal(await tables.verify(), undefined)
    nft.listing = change(listed)
    assert.equal(await tables.verify(), problem, what)
    assert.deepEqual(await tables.apply([wanted]), { kind: problem === undefined ? 'nothing' : 'whole' }, what)
  }
})
