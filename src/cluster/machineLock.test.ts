import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeHost, type Host } from '#lib/host/host.ts'
import { fakeProcesses } from '#lib/host/process.ts'
import { buildingImages, whileAlone } from './machineLock.ts'

const roots = { runtime: '/run/k8ts', data: '/var/lib/k8ts' }

/** A machine on which every process lives. */
function machine(clock: SimulatedClock): Host {
  const identify = (pid: number): { pid: number; startTicks: number } => ({ pid, startTicks: pid })
  return fakeHost(clock, { processes: { ...fakeProcesses(), identify, isAlive: () => true } })
}

test('a command waits for another, says so once, and then goes on', async () => {
  const clock = new SimulatedClock()
  const surroundings = { host: machine(clock), roots }
  const seen: string[] = []
  const first = whileAlone(surroundings, buildingImages, async () => {
    seen.push('first begins')
    await clock.sleep(5_000)
    seen.push('first ends')
  })
  const second = whileAlone(
    surroundings,
    buildingImages,
    async () => void seen.push('second'),
    (message) => seen.push(message),
  )
  await clock.advance('10s')
  await Promise.all([first, second])
  const waiting = `Waiting for process ${process.pid}, which is building images`
  assert.deepEqual(seen, ['first begins', waiting, 'first ends', 'second'])
})

test('patience has an end; a failure leaves the lock free', async () => {
  const clock = new SimulatedClock()
  const surroundings = { host: machine(clock), roots }
  const endless = whileAlone(surroundings, buildingImages, () => clock.sleep(400_000).then(() => assert.fail('failed')))
  const second = whileAlone(surroundings, buildingImages, () => assert.fail('it must not run'))
  const refused = assert.rejects(second, { message: `process ${process.pid} has been building images for 300 s` })
  const failed = assert.rejects(endless, /failed/)
  await clock.advance('500s')
  await Promise.all([refused, failed])
  assert.equal(await whileAlone(surroundings, buildingImages, async () => 'free'), 'free')
})

test('whoever waits can be interrupted', async () => {
  const clock = new SimulatedClock()
  const surroundings = { host: machine(clock), roots }
  const first = whileAlone(surroundings, buildingImages, () => clock.sleep(60_000))
  const interrupt = new AbortController()
  const second = whileAlone({ ...surroundings, signal: interrupt.signal }, buildingImages, () => assert.fail('it runs'))
  const refused = assert.rejects(second, { name: 'AbortError' })
  await clock.advance('1s')
  interrupt.abort()
  await clock.advance('1s')
  await refused
  await clock.advance('60s')
  await first
})
