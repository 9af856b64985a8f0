import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Plugin } from './plugin.ts'
import { Reservation } from './reservation.ts'
import { podOf } from './testObjects.ts'
import type { Hook } from './verdicts.ts'

type Outcome = 'refuses' | 'throws'

interface Row {
  readonly name: string
  /** What the second of three plugins does, in which hook. */
  readonly second?: { readonly hook: 'reserve' | 'permit' | 'preBind'; readonly outcome: Outcome }
  /** Which hooks were called, in order, as `hook plugin state`. */
  readonly calls: readonly string[]
  readonly told: unknown
}

const forward = (hook: string, ...plugins: readonly string[]): readonly string[] =>
  plugins.map((plugin) => `${hook} ${plugin} of-${plugin}`)

const rows: readonly Row[] = [
  {
    name: 'every plugin agrees',
    calls: [
      ...forward('reserve', 'First', 'Second', 'Third'),
      ...forward('permit', 'First', 'Second', 'Third'),
      ...forward('preBind', 'First', 'Second', 'Third'),
    ],
    told: undefined,
  },
  {
    name: 'a plugin refuses to reserve',
    second: { hook: 'reserve', outcome: 'refuses' },
    calls: [...forward('reserve', 'First', 'Second'), ...forward('unreserve', 'Third', 'Second', 'First')],
    told: { rejection: { node: 'node-1', plugin: 'Second', rejection: { reason: 'no' } } },
  },
  {
    name: 'a plugin cannot reserve',
    second: { hook: 'reserve', outcome: 'throws' },
    calls: [...forward('reserve', 'First', 'Second'), ...forward('unreserve', 'Third', 'Second', 'First')],
    told: 'running Reserve plugin "Second": broken',
  },
  {
    name: 'a plugin does not permit',
    second: { hook: 'permit', outcome: 'refuses' },
    calls: [
      ...forward('reserve', 'First', 'Second', 'Third'),
      ...forward('permit', 'First', 'Second'),
      ...forward('unreserve', 'Third', 'Second', 'First'),
    ],
    told: { rejection: { node: 'node-1', plugin: 'Second', rejection: { reason: 'no' } } },
  },
  {
    name: 'a plugin cannot do what comes before the binding',
    second: { hook: 'preBind', outcome: 'throws' },
    calls: [
      ...forward('reserve', 'First', 'Second', 'Third'),
      ...forward('permit', 'First', 'Second', 'Third'),
      ...forward('preBind', 'First', 'Second'),
      ...forward('unreserve', 'Third', 'Second', 'First'),
    ],
    told: 'running PreBind plugin "Second": broken',
  },
]

for (const { name, second, calls, told } of rows) {
  test(`a reservation: ${name}`, async () => {
    const seen: string[] = []
    const hookOf = (plugin: string, order: number): Hook => {
      const call = (hook: string, state: unknown): { reason: string } | undefined => {
        seen.push(`${hook} ${plugin} ${String(state)}`)
        if (plugin !== 'Second' || hook !== second?.hook) return undefined
        if (second.outcome === 'throws') throw new Error('broken')
        return { reason: 'no' }
      }
      const described: Plugin<string> = {
        name: plugin,
        reserve: (_pod, _node, state) => call('reserve', state),
        unreserve: (_pod, _node, state) => void call('unreserve', state),
        permit: async (_pod, _node, state) => call('permit', state),
        preBind: async (_pod, _node, state) => void call('preBind', state),
      }
      return { order, plugin: described, weight: 1, state: `of-${plugin}` }
    }
    const reservation = new Reservation(podOf({ name: 'p' }), 'node-1', ['First', 'Second', 'Third'].map(hookOf))
    const { signal } = new AbortController()
    const setback = reservation.reserve() ?? (await reservation.permit(signal)) ?? (await reservation.preBind(signal))
    if (setback !== undefined) reservation.unreserve()
    assert.deepEqual(seen, calls)
    assert.deepEqual(setback !== undefined && 'error' in setback ? setback.error.message : setback, told)
  })
}
