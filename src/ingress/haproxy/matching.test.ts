import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { randomInteger, seededRandom } from '#lib/random.ts'
import { RouteTable } from '#ingress/node/match.ts'
import type { HostMatch, PathMatch, Route } from '#ingress/routing.ts'
import { endMark, planMatching } from './matching.ts'
import type { Candidate, Matching } from './matching.ts'

const candidate = (host: HostMatch, path: PathMatch, at: number): Candidate => {
  const route: Route = {
    name: `r${at}`,
    owner: 'test',
    match: { host, path },
    rules: {},
    action: { kind: 'respond', status: 200, body: '' },
  }
  return { route, conditions: [], outcome: `r${at}`, ...(path.kind === 'pattern' ? { pattern: path.pattern } : {}) }
}

/** Looks a request up as the rules of a front end do. */
function lookUp(matching: Matching, host: string, path: string): string | undefined {
  const suffix = matching.suffixes.find(([end]) => host.endsWith(end))?.[1]
  const dot = host.indexOf('.')
  for (const key of [host, dot < 0 ? '' : `*.${host.slice(dot + 1)}`, suffix ?? '', '*']) {
    const asked = `${key}${path}/${endMark}`
    let found: readonly [string, string] | undefined
    for (const entry of matching.paths)
      if (asked.startsWith(entry[0]) && (found === undefined || entry[0].length > found[0].length)) found = entry
    if (found === undefined) continue
    const [first, ...rest] = found[1].split(':')
    if (!first!.startsWith('?')) return first
    const shard = first === '?' ? [] : matching.shards[Number(first!.slice(1))]!
    const pattern = shard.find(([expression]) => {
      const flag = expression.includes('(?i)')
      return new RegExp(expression.replace('(?i)', ''), flag ? 'i' : '').test(key + path)
    })?.[1]
    const [rank, outcome] = pattern?.split(':') ?? []
    return (rank !== undefined && Number(rank) < Number(rest[0]) ? outcome : rest[1]) || undefined
  }
  return undefined
}

describe('planMatching', () => {
  it('finds what trying one route after the other finds', () => {
    const random = seededRandom(7)
    const one = <T>(from: readonly T[]): T => from[randomInteger(random, from.length)]!
    const names = ['a.test', 'b.a.test', 'c.b.a.test', 'test', 'x']
    const parts = ['', '/a', '/a/b', '/ab', '/a/b/c', '/b']
    let found = 0
    for (let round = 0; round < 400; round++) {
      const candidates = Array.from({ length: 1 + randomInteger(random, 12) }, (_, at) => {
        const kind = randomInteger(random, 5)
        const host: HostMatch =
          kind === 0
            ? { kind: 'any' }
            : kind < 3
              ? { kind: 'exact', name: one(names) }
              : { kind: 'wildcard', name: one(names), labels: kind === 3 ? 'one' : 'some' }
        const text = one(parts)
        const path: PathMatch =
          round % 2 === 0 && randomInteger(random, 4) === 0
            ? { kind: 'pattern', pattern: `${text}(/|$)`, ignoreCase: one([true, false]) }
            : { kind: one(['exact', 'prefix'] as const), path: text === '' ? '/' : text }
        return candidate(host, path, at)
      })
      const table = new RouteTable(candidates.map(({ route }) => route))
      const matching = planMatching(candidates)
      for (let ask = 0; ask < 30; ask++) {
        const host = one([...names, 'y.x', 'd.c.b.a.test'])
        const path = one(['/', '/a', '/a/', '/a/b', '/a/b/', '/ab', '/a/b/c/d', '/b', '/A', '/c'])
        const wanted = table.find({ host, path, method: 'GET', header: () => undefined, parameter: () => undefined })
        const outcome = lookUp(matching, host, path)
        assert.equal(
          outcome,
          wanted?.route.name,
          `${host}${path} in ${JSON.stringify(candidates.map(({ route }) => route.match))}`,
        )
        if (outcome !== undefined) found++
      }
    }
    assert.ok(found > 3_000, `only ${found} requests found a route`)
  })

  it('says each route of a host once, though others hold for the host, too', () => {
    const hosts = Array.from({ length: 1_000 }, (_, at) =>
      candidate({ kind: 'exact', name: `h${at}.test` }, { kind: 'prefix', path: '/' }, at),
    )
    const all = Array.from({ length: 100 }, (_, at) =>
      candidate({ kind: 'any' }, { kind: 'prefix', path: `/p${at}` }, 1_000 + at),
    )
    assert.equal(planMatching([...hosts, ...all]).paths.length, 1_100)
  })

  it('keeps the patterns of many hosts apart', () => {
    const hosts = Array.from({ length: 1_000 }, (_, at) =>
      candidate({ kind: 'exact', name: `h${at}.test` }, { kind: 'pattern', pattern: '/a(.*)', ignoreCase: true }, at),
    )
    const { shards } = planMatching(hosts)
    assert.equal(shards.flat().length, 1_000)
    assert.ok(Math.max(...shards.map(({ length }) => length)) < 150)
  })
})
