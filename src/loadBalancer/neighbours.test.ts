import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { planNeighbours, type NeighbourPlan } from './neighbours.ts'

describe('the kernel answers for exactly what is wanted', () => {
  const rows: readonly [string, string[], string[], string[], NeighbourPlan][] = [
    [
      'addresses come',
      [],
      [],
      ['192.0.2.7', '2001:db8::7'],
      {
        commands: [
          'route replace 192.0.2.7/32 dev k8ts-lb protocol 89',
          'neigh replace proxy 192.0.2.7 dev eth0',
          'route replace 2001:db8::7/128 dev k8ts-lb protocol 89',
          'neigh replace proxy 2001:db8::7 dev eth0',
        ],
        arrived: ['192.0.2.7', '2001:db8::7'],
        gone: [],
      },
    ],
    ['nothing changes', ['192.0.2.7'], ['192.0.2.7'], ['192.0.2.7'], { commands: [], arrived: [], gone: [] }],
    [
      'an address goes',
      ['192.0.2.7', '2001:db8::7'],
      ['192.0.2.7', '2001:db8::7'],
      [],
      {
        commands: [
          'neigh delete proxy 192.0.2.7 dev eth0',
          'route delete 192.0.2.7/32 dev k8ts-lb protocol 89',
          'neigh delete proxy 2001:db8::7 dev eth0',
          'route delete 2001:db8::7/128 dev k8ts-lb protocol 89',
        ],
        arrived: [],
        gone: ['192.0.2.7', '2001:db8::7'],
      },
    ],
    [
      'what somebody took away comes back',
      ['192.0.2.7'],
      [],
      ['192.0.2.7'],
      { commands: ['neigh replace proxy 192.0.2.7 dev eth0'], arrived: ['192.0.2.7'], gone: [] },
    ],
    ['what others answer for stays', [], ['192.0.2.99'], [], { commands: [], arrived: [], gone: [] }],
  ]
  for (const [name, routes, answered, wanted, expected] of rows) {
    test(name, () => {
      const state = { routes: new Set(routes), answered: new Set(answered) }
      assert.deepEqual(planNeighbours(state, new Set(wanted), 'eth0'), expected)
    })
  }
})
