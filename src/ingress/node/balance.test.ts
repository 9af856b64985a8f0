import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from '#lib/random.ts'
import { drawShare, eligible, pick } from './balance.ts'
import type { Candidate } from './balance.ts'

const server = (id: string, rest: Partial<Candidate> = {}): Candidate => ({
  id,
  draining: false,
  active: 0,
  failing: false,
  ...rest,
})
const ids = (servers: readonly Candidate[]): string => servers.map(({ id }) => id).join('')

describe('eligible servers', () => {
  const [a, b, draining, failing] = [
    server('a'),
    server('b'),
    server('d', { draining: true }),
    server('f', { failing: true }),
  ]
  const table: readonly (readonly [string, readonly Candidate[], readonly Candidate[], string])[] = [
    ['all that are well', [a, b], [], 'ab'],
    ['none that was tried', [a, b], [a], 'b'],
    ['none that ends while another stays', [a, draining], [], 'a'],
    ['those that end when no other is left', [a, draining], [a], 'd'],
    ['none that fails while another does not', [a, failing], [], 'a'],
    ['those that fail before those that end', [failing, draining], [], 'f'],
    ['none when all were tried', [a], [a], ''],
  ]
  for (const [what, servers, tried, expected] of table) {
    test(what, () => assert.equal(ids(eligible(servers, new Set(tried))), expected))
  }
})

test('round robin takes turns', () => {
  const servers = [server('a'), server('b'), server('c')]
  assert.equal(ids([0, 1, 2, 3].map((turn) => pick(servers, { kind: 'round-robin' }, turn, ''))), 'abca')
})

test('the least loaded gets the request, and equals take turns', () => {
  const busy = [server('a', { active: 2 }), server('b', { active: 1 }), server('c', { active: 3 })]
  assert.equal(pick(busy, { kind: 'least-loaded' }, 2, '').id, 'b')
  const idle = [server('a'), server('b')]
  assert.equal(ids([0, 1].map((turn) => pick(idle, { kind: 'least-loaded' }, turn, ''))), 'ab')
})

test('a hash keeps its server, and moves only the keys of a server that goes', () => {
  const servers = Array.from({ length: 10 }, (_, at) => server(`s${at}`))
  const keys = Array.from({ length: 1_000 }, (_, at) => `client ${at}`)
  const chosen = (from: readonly Candidate[]): string[] =>
    keys.map((key) => pick(from, { kind: 'hash', by: 'source' }, 0, key).id)
  const before = chosen(servers)
  const after = chosen(servers.filter(({ id }) => id !== 's3'))
  assert.ok(before.every((id, at) => id === 's3' || id === after[at]))
  for (const { id } of servers) {
    const share = before.filter((one) => one === id).length
    assert.ok(share > 60 && share < 150, `${id} has ${share} of 1,000 keys`)
  }
})

test('the lot falls by weights, and on nothing when all are 0', () => {
  const random = seededRandom(1)
  const count: Record<string, number> = {}
  const shares = [
    { pool: 'a', weight: 3 },
    { pool: 'b', weight: 1 },
    { pool: 'c', weight: 0 },
  ]
  for (let i = 0; i < 4_000; i++) {
    const pool = drawShare(shares, random)!
    count[pool] = (count[pool] ?? 0) + 1
  }
  assert.deepEqual(Object.keys(count).toSorted(), ['a', 'b'])
  assert.ok(count['b']! > 900 && count['b']! < 1_100, `${count['b']} of 4,000`)
  assert.equal(drawShare([{ pool: 'a', weight: 0 }], random), undefined)
  assert.equal(drawShare([], random), undefined)
})
