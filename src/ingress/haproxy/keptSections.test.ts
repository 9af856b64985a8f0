import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Action, Route, Routing, Rules } from '#ingress/routing.ts'
import { planChanges } from './changes.ts'
import { compile, type Compiled } from './compile.ts'
import type { ConfigurationOptions } from './configuration.ts'
import { withKeptSections, withSpares } from './keptSections.ts'

const options: ConfigurationOptions = {
  folder: '/run/h',
  listen: { http: [{ address: '0.0.0.0', port: 80 }], https: [] },
  generation: 1,
  threads: 1,
  headersTimeout: 20_000,
}
const lead = (pool: string): Action => ({
  kind: 'forward',
  overrides: [],
  shares: [{ pool, weight: 1 }],
  keepsPool: false,
})

/** Each host leads to the pool of its name, or to what is said. */
function compiled(
  routes: readonly { readonly host: string; readonly rules?: Rules; readonly action?: Action }[],
): Compiled {
  const names = [...new Set([...routes.map(({ host }) => host), 'shared'])]
  const routing: Routing = {
    routes: routes.map(({ host, rules = {}, action = lead(host) }): Route => ({
      name: host,
      owner: `Ingress shop/${host}`,
      match: { host: { kind: 'exact', name: host }, path: { kind: 'prefix', path: '/' } },
      rules,
      action,
    })),
    pools: new Map(
      names.map((name) => {
        const address = `10.0.0.${1 + (name.charCodeAt(1) % 200)}`
        const servers = [{ id: `${address}:80`, address, port: 80, draining: false }]
        return [name, { name, servers, protocol: 'http', balance: { kind: 'round-robin' } }]
      }),
    ),
    certificates: new Map(),
    serverNames: [],
    defaultCertificate: 'default',
    fallback: { kind: 'respond', status: 404, body: '' },
  }
  return compile(routing, { folder: '/run/h', isUsable: () => true })
}

/** What a process serves after the one before; undefined when there has to be a new one. */
function inPlace(before: Compiled, after: Compiled): Compiled | undefined {
  const kept = withKeptSections(before, after)
  return kept !== undefined && planChanges(before, kept, new Set(), options) !== undefined ? kept : undefined
}

/** Hosts with the rules and the pool that their requests meet. */
const meant = ({ matching, sections, pools }: Compiled) =>
  Object.fromEntries(
    matching.paths.map(([key, name]) => {
      const { pool, servers = [], options: words } = pools.get(name) ?? {}
      return [key, { rules: sections.get(`backend ${name}`), pool, servers, words }]
    }),
  )
const all = { limited: { largestBody: 1_000 }, plain: {} } as const

describe('kept sections', () => {
  test('a route for a pool that is new takes a spare section, one with other rules does not', () => {
    const first = withSpares(compiled([{ host: 'ha' }, { host: 'hb' }]), 1)
    const second = inPlace(first, compiled([{ host: 'ha' }, { host: 'hb' }, { host: 'hc' }]))!
    assert.equal(meant(second)['hc/']?.pool, 'hc')
    assert.equal(second.standIns?.size, 1)
    assert.equal(inPlace(first, compiled([{ host: 'ha' }, { host: 'hb', rules: all.limited }])), undefined)
    // What stands in the rules of front ends cannot have another name.
    const action: Action = {
      ...(lead('ha') as Extract<Action, { kind: 'forward' }>),
      keepsPool: false,
      overrides: [{ on: 'header', match: { name: 'X-A', kind: 'present', value: '' }, pool: 'shared' }],
    }
    assert.equal(inPlace(first, compiled([{ host: 'ha', action }, { host: 'hb' }])), undefined)
  })

  test('there are so many routes for which none is left', () => {
    const hosts = (count: number) =>
      compiled(Array.from({ length: count }, (_, at) => ({ host: `h${String.fromCodePoint(97 + at)}` })))
    const first = withSpares(hosts(1), 1)
    assert.notEqual(inPlace(first, hosts(17)), undefined)
    assert.equal(inPlace(first, hosts(18)), undefined)
  })

  test('a process with too many sections of no use is begun anew', () => {
    const of = (count: number): Compiled =>
      withSpares(
        compiled(
          Array.from({ length: count }, (_, at) => ({
            host: `h${at}`,
            action: { kind: 'respond', status: 404, body: `${at}` },
          })),
        ),
        1,
      )
    assert.equal(inPlace(of(102), of(1)), undefined)
    assert.notEqual(inPlace(of(101), of(1)), undefined)
    assert.notEqual(inPlace(of(331), of(221)), undefined)
    assert.equal(inPlace(of(340), of(221)), undefined)
  })

  test('serve what is meant, and no section ever serves two pools, in whatever process', () => {
    const route = fc.record({
      host: fc.constantFrom('ha', 'hb', 'hc', 'hd', 'he'),
      rules: fc.constantFrom<Rules>({}, {}, {}, all.limited),
    })
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(route, { selector: ({ host }) => host }), { minLength: 2, maxLength: 15 }),
        (steps) => {
          let served: Compiled | undefined
          const owners = new Map<string, string>()
          for (const [at, step] of steps.entries()) {
            const after = compiled(step)
            const kept = served === undefined ? undefined : inPlace(served, after)
            served = kept ?? withSpares(after, at)
            assert.deepEqual(meant(served), meant(after))
            for (const [name, { pool, servers }] of served.pools) {
              if (pool === '') assert.deepEqual(servers, [])
              else assert.equal(owners.getOrInsert(name, pool), pool)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
