import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Causes } from '#client/causes.ts'
import { clientOver } from '#client/client.ts'
import { sharedInformers } from '#client/informers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'
import { schedulerComponent } from './scheduler.ts'

test('a scheduler that is stopped before it has seen the cluster leaves no timer', async () => {
  const clock = new SimulatedClock(0)
  const unused = (): never => assert.fail('nothing is asked of the server')
  const client = clientOver({ send: unused, watch: unused, stream: unused })
  const stop = new AbortController()
  const scheduler = schedulerComponent({
    client,
    informers: sharedInformers({ client, clock, random: systemRandom }),
    events: { recorder: () => ({ record: unused, recordAction: unused }) },
    causes: new Causes(clock),
    clock,
    random: systemRandom,
  })
  const running = scheduler.run(unused, stop.signal)
  stop.abort()
  await running.catch((error: unknown) => assert.equal(error, stop.signal.reason))
  assert.equal(clock.pending, 0)
})
