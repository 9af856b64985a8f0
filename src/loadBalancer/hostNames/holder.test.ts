import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { holdHostPorts, type HolderState } from './holder.ts'
import { freePort, get, idleAnswer, listening, publish, service, until } from './testCluster.ts'
import { onLines, sendLine } from './wire.ts'

/** Where a holder listens; goes with its folder. */
function socketPath() {
  const folder = mkdtempSync(join(tmpdir(), 'host-ports-'))
  return { path: join(folder, 'socket'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

/** Holds ports until it is disposed of. */
function hold(path: string): AsyncDisposable {
  const stop = new AbortController()
  const holding = holdHostPorts(path, idleAnswer, systemClock, stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await holding
    },
  }
}

test('clusters share the ports of a machine for as long as each is there', async () => {
  using place = socketPath()
  const { path } = place
  using web = await listening('web', '127.0.0.2')
  using _api = await listening('api', '127.0.0.3', web.port)
  using taken = await listening('another program', '127.0.0.1')
  const { port } = web
  await using dev = publish('dev', path, [service('web', '127.0.0.2', port), service('late', '127.0.0.2', taken.port)])
  // It may come later than the cluster, and again.
  await systemClock.sleep(50)
  await using _holder = hold(path)
  await until('the first cluster is served', async () => (await get(port, 'web.default.dev.localhost')) === '200 web')
  assert.equal(await get(port, 'localhost'), '200 web')
  await until('it is told what is not', () => dev.events.length > 0)
  assert.deepEqual(dev.events, [
    `late HostPortUnavailable: late.default.dev.localhost:${taken.port} is not served on this machine: another program listens on 127.0.0.1:${taken.port}`,
  ])

  await using other = publish('test', path, [service('api', '127.0.0.3', port)])
  await until('both are served', async () => (await get(port, 'api.default.test.localhost')) === '200 api')
  assert.equal(await get(port, 'web.default.dev.localhost'), '200 web')
  assert.equal(await get(port, 'localhost'), '404 No service of that name is served here. There are:')

  const ask = connect({ path })
  const state = Promise.withResolvers<HolderState>()
  onLines(ask, (value) => state.resolve(value as HolderState))
  sendLine(ask, { ask: 'end' })
  assert.deepEqual((await state.promise).clusters, ['dev', 'test'])
  ask.destroy()

  await dev.end()
  await until('the first is not served any more', async () => (await get(port, 'localhost')) === '200 api')
  other.informer.change('DELETED', service('api', '127.0.0.3', port))
  await until('nothing is', async () => (await get(port, 'localhost')) === 'ECONNREFUSED')
  await other.end()
})

test('a service that is not there yet answers while a cluster would make it', async () => {
  using place = socketPath()
  const { path } = place
  await using _holder = hold(path)
  using web = await listening('web', '127.0.0.2')
  const { port } = web
  const other = await freePort()
  let [isOffered, isServed] = [false, false]
  let changed = (): void => {}
  await using dev = publish('dev', path, [], async () => {}, {
    namespace: 'default',
    service: 'web',
    ports: [port],
    isOffered: () => isOffered,
    isServed: () => isServed,
    onChange(handle) {
      changed = handle
      return { [Symbol.dispose]: () => (changed = () => {}) }
    },
    synced: async () => {},
  })
  const offer = (value: boolean): void => {
    isOffered = value
    changed()
  }
  const says = (answer: string) => async () => (await get(port, 'localhost')) === answer
  const idle = '404 nothing yet'
  offer(true)
  await until('it is said that nobody serves', says(idle))
  offer(false)
  await until('nobody says anything', says('ECONNREFUSED'))
  offer(true)
  await until('it is said again', says(idle))
  // Nobody who asks all the time is ever turned away.
  const seen = new Set<string>()
  const asking = { isOver: false }
  const asked = (async () => {
    while (!asking.isOver) seen.add(await get(port, 'localhost'))
  })()
  // It is there, and nobody behind it yet.
  dev.informer.change('ADDED', service('web', '127.0.0.2', port))
  dev.informer.change('ADDED', service('other', '127.0.0.3', other))
  await until('the change is known', async () => (await get(other, 'localhost')).startsWith('502'))
  assert.equal(await get(port, 'localhost'), idle)
  isServed = true
  changed()
  await until('the service is served', says('200 web'))
  dev.informer.change('DELETED', service('web', '127.0.0.2', port))
  await until('it is said that nobody serves', says(idle))
  asking.isOver = true
  await asked
  assert.deepEqual(seen, new Set([idle, '200 web']))
  // A cluster that asks for the port of another program is not told.
  using taken = await listening('another program', '127.0.0.1')
  await using test = publish('test', path, [], async () => {}, {
    namespace: 'default',
    service: 'web',
    ports: [taken.port, await freePort()],
    isOffered: () => true,
    isServed: () => false,
    onChange: () => ({ [Symbol.dispose]() {} }),
    synced: async () => {},
  })
  await dev.end()
  await until('the first is not served any more', says('ECONNREFUSED'))
  assert.deepEqual([await get(taken.port, 'localhost'), test.events], ['200 another program', []])
})

test('what is no message of a cluster ends its connection, and nothing else', async () => {
  using place = socketPath()
  const { path } = place
  await using _holder = hold(path)
  for (const wrong of [
    'no JSON\n',
    '{"cluster":"a b","claims":[]}\n',
    '{"cluster":"dev","claims":[{"port":80}]}\n',
    '{"cluster":"dev","claims":[],"idle":[{"port":80}]}\n',
    '[]\n',
  ]) {
    const socket = connect({ path })
    socket.on('error', () => {}).write(wrong)
    await once(socket, 'close')
  }
  const socket = connect({ path })
  const answered = Promise.withResolvers<unknown>()
  onLines(socket, answered.resolve)
  sendLine(socket, { ask: 'state' })
  assert.deepEqual(await answered.promise, { clusters: [], problems: [] })
  socket.destroy()
})
