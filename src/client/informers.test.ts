import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { unavailable } from '#machinery/status.ts'
import { clientOver } from './client.ts'
import { keyOf } from './index.ts'
import { includes, sharedInformers } from './informers.ts'
import type { Transport, WatchEvent } from './transport.ts'

const map = (name: string, resourceVersion: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'a', uid: name, resourceVersion },
})

const copyOf = (resourceVersion: string, ...objects: ConfigMap[]) => ({
  resourceVersion,
  get: (key: string) => objects.find(({ metadata }) => keyOf(metadata) === key),
  list: () => objects,
})

const rows: readonly (readonly [name: string, copy: ReturnType<typeof copyOf>, is: boolean])[] = [
  ['the same', copyOf('9', map('x', '5'), map('y', '9')), true],
  ['newer objects', copyOf('12', map('x', '11'), map('y', '12')), true],
  ['an older object', copyOf('9', map('x', '5'), map('y', '8')), false],
  ['a missing object', copyOf('8', map('x', '5')), false],
  ['an object that went since', copyOf('10', map('x', '5')), true],
  ['an object that is gone', copyOf('9', map('x', '5'), map('y', '9'), map('z', '3')), false],
  ['an object that came since', copyOf('13', map('x', '5'), map('y', '9'), map('z', '13')), true],
]
for (const [name, copy, is] of rows) {
  test(`a copy with ${name} ${is ? 'includes' : 'lacks'} a list`, () => {
    assert.equal(includes(copy, { items: [map('x', '5'), map('y', '9')], resourceVersion: '10' }), is)
  })
}

test('copies are waited for until they have what the server has, also one that is away for a while', async () => {
  const clock = new SimulatedClock()
  const later = Promise.withResolvers<readonly WatchEvent[]>()
  let away = 2
  const transport: Transport = {
    send() {
      if (away-- > 0) return Promise.reject(unavailable('connection refused'))
      const body = { metadata: { resourceVersion: '10' }, items: [map('x', '7')] }
      return Promise.resolve({ code: 200, body, warnings: [] })
    },
    async *watch(_, signal) {
      const annotations = { 'k8s.io/initial-events-end': 'true' }
      yield [
        { type: 'ADDED', object: map('x', '5') },
        { type: 'BOOKMARK', object: { metadata: { resourceVersion: '6', annotations } } },
      ]
      yield await later.promise
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    stream: () => Promise.reject(new Error('not asked for')),
  }
  const stop = new AbortController()
  const informers = sharedInformers({ client: clientOver(transport), clock, random: seededRandom(1) })
  const maps = informers.of(configMaps)
  const running = informers.run(stop.signal)
  let caught = false
  const catching = informers.caughtUp(stop.signal).then(() => (caught = true))
  await clock.advance('5s')
  assert.deepEqual([maps.hasSynced, away < 0, caught], [true, true, false])
  later.resolve([{ type: 'MODIFIED', object: map('x', '7') }])
  await clock.advance('1s')
  assert.ok(caught)
  await catching
  stop.abort()
  await clock.advance(0)
  await running
})

test('a copy of parts keeps no more of each object, and the whole one serves where there is one', async () => {
  const clock = new SimulatedClock()
  const transport: Transport = {
    send: () => Promise.reject(new Error('not asked for')),
    async *watch(_, signal) {
      const annotations = { 'k8s.io/initial-events-end': 'true' }
      yield [
        { type: 'ADDED', object: { ...map('x', '5'), data: { a: 'long' } } },
        { type: 'BOOKMARK', object: { metadata: { resourceVersion: '6', annotations } } },
        { type: 'MODIFIED', object: { ...map('x', '7'), data: { a: 'longer' } } },
        { type: 'ADDED', object: { ...map('y', '8'), data: { a: 'long' } } },
        { type: 'DELETED', object: { ...map('y', '9'), data: { a: 'long' } } },
      ]
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    stream: () => Promise.reject(new Error('not asked for')),
  }
  const stop = new AbortController()
  const informers = sharedInformers({ client: clientOver(transport), clock, random: seededRandom(1) })
  const names = { name: 'names', keep: ({ data: _, ...rest }: ConfigMap): ConfigMap => rest }
  const part = informers.partOf(configMaps, names)
  assert.equal(informers.partOf(configMaps, names), part)
  const changes: unknown[] = []
  part.onChange((change) => changes.push(change))
  const running = informers.run(stop.signal)
  await clock.advance('1s')
  assert.deepEqual(part.list(), [map('x', '7')])
  assert.deepEqual(changes.at(-1), { old: map('y', '8') })
  const whole = informers.of(configMaps)
  assert.equal(informers.partOf(configMaps, names), whole)
  await clock.advance('1s')
  stop.abort()
  await clock.advance(0)
  await running
})
