import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runComponents, type Component } from './component.ts'

/** A component that is ready at once and runs until it is stopped, or fails when told to. */
function component(name: string, needs: readonly string[] = [], fail?: Promise<never>): Component {
  return {
    name,
    needs,
    async run(ready, signal) {
      ready()
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      await (fail === undefined ? aborted : Promise.race([aborted, fail]))
    },
  }
}

test('runComponents starts what is needed first and stops in reverse', async () => {
  const log: string[] = []
  const stop = new AbortController()
  const components = [component('web', ['store']), component('worker', ['web']), component('store')]
  await runComponents(components, stop.signal, (name, event) => {
    if (event === 'ready' || event === 'stopped') log.push(`${name} ${event}`)
    if (name === 'worker' && event === 'ready') stop.abort()
  })
  assert.deepEqual(log, ['store ready', 'web ready', 'worker ready', 'worker stopped', 'web stopped', 'store stopped'])
})

test('runComponents stops the others and rejects with the first failure', async () => {
  const stopped: string[] = []
  const failing = component('bad', ['good'], Promise.reject(new Error('disk full')))
  const running = runComponents([component('good'), failing], new AbortController().signal, (name, event) => {
    if (event === 'stopped') stopped.push(name)
  })
  await assert.rejects(running, /disk full/)
  assert.deepEqual(stopped, ['bad', 'good'])
})

test('runComponents refuses needs that cannot be met', async () => {
  const never = new AbortController().signal
  await assert.rejects(runComponents([component('a', ['b'])], never), /"a" needs "b", which is not there/)
  await assert.rejects(runComponents([component('a', ['b']), component('b', ['a'])], never), /in a circle: a -> b -> a/)
})
