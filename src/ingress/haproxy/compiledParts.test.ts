// Compiling with what is remembered comes to the same as compiling from nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Action, Pool, Route, Routing, Rules } from '#ingress/routing.ts'
import { compile, CompiledParts } from './compile.ts'

const options = { folder: '/run/h', isUsable: () => true }
const poolNames = ['web', 'api']
const pool = fc.record({
  servers: fc.uniqueArray(fc.constantFrom(1, 2, 3, 1_000), { maxLength: 2 }),
  rest: fc.constantFrom<Partial<Pool>>(
    {},
    {},
    { protocol: 'grpc' },
    { protocol: 'https', tls: { certificate: 'inner' } },
    { balance: { kind: 'least-loaded' } },
    { affinity: { name: 'C', path: '/', secure: false, changeOnFailure: false } },
  ),
})
const forward = (overrides: Partial<Extract<Action, { kind: 'forward' }>>): Action => ({
  kind: 'forward',
  overrides: [],
  shares: [{ pool: 'web', weight: 1 }],
  keepsPool: false,
  ...overrides,
})
const action = fc.constantFrom<Action>(
  forward({}),
  forward({ shares: [{ pool: 'api', weight: 1 }] }),
  forward({
    shares: [
      { pool: 'web', weight: 9 },
      { pool: 'api', weight: 1 },
    ],
    keepsPool: true,
  }),
  { kind: 'respond', status: 404, body: 'nobody' },
  { kind: 'redirect', status: 308, scheme: 'https' },
  { kind: 'redirect', status: 308, location: 'a b' },
)
const rules = fc.constantFrom<Rules>(
  {},
  { largestBody: 1_000, buffersRequests: true },
  { timeouts: { read: 100_000 } },
  { basicAuthentication: { realm: 'r', users: new Map([['jo', '{SHA}x']]) } },
  { allowedSources: ['10.0.0.0/8'] },
)
const host = fc.constantFrom('a.test', 'b.test', 'a b')

/** Routes are made once and stay the same objects in all routings that have them, as those of a plan do. */
const steps = fc.array(fc.record({ host, action, rules }), { minLength: 1, maxLength: 6 }).chain((made) => {
  const routes = made.map(({ host: name, ...rest }, at): Route => ({
    name: `r${at}`,
    owner: `Ingress shop/${at % 2}`,
    match: { host: { kind: 'exact', name }, path: { kind: 'prefix', path: `/${at}` } },
    ...rest,
  }))
  return fc.array(
    fc
      .record({
        routes: fc.subarray(routes),
        pools: fc.tuple(pool, pool),
        key: fc.constantFrom('KEY', 'OTHER', undefined),
        status: fc.constantFrom(404, 503),
      })
      .map(({ routes: some, pools, key, status }): Routing => ({
        routes: some,
        pools: new Map(
          pools.map(({ servers, rest }, at) => [
            poolNames[at]!,
            {
              name: poolNames[at]!,
              servers: servers.map((last) => ({
                id: `10.0.0.${last}:80`,
                address: `10.0.0.${last}`,
                port: 80,
                draining: last === 3,
              })),
              protocol: 'http',
              balance: { kind: 'round-robin' },
              ...rest,
            },
          ]),
        ),
        certificates: new Map([
          ['default', { chain: 'CHAIN', key: 'KEY' }],
          ...(key === undefined ? [] : [['inner', { chain: 'CHAIN', key }] as const]),
        ]),
        serverNames: [],
        defaultCertificate: 'default',
        fallback: { kind: 'respond', status, body: '' },
      })),
    { minLength: 2, maxLength: 8 },
  )
})

test('routes that stay are not compiled again, and all comes to the same', () => {
  fc.assert(
    fc.property(steps, (routings) => {
      const parts = new CompiledParts()
      for (const routing of routings) assert.deepEqual(compile(routing, options, parts), compile(routing, options))
    }),
    { numRuns: 300 },
  )
})
