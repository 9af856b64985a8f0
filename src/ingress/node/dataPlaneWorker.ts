/** The thread in which the data plane runs. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import { createLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import type { Routing } from '#ingress/routing.ts'
import { startDataPlane } from './dataPlane.ts'
import { applyDelta } from './delta.ts'
import { lookupThrough } from './lookup.ts'
import type { FromThread, ThreadSettings, ToThread } from './thread.ts'

const settings = workerData as ThreadSettings
const port = parentPort!
const send = (message: FromThread): void => port.postMessage(message)

const logger = createLogger({
  clock: systemClock,
  level: settings.logLevel,
  sinks: [{ write: (_, { level, message, fields }) => send({ is: 'log', level, message, fields: cloneable(fields) }) }],
})

try {
  const plane = await startDataPlane({
    listen: settings.listen,
    limits: settings.limits,
    clock: systemClock,
    random: systemRandom,
    logger,
    ...(settings.nameServers.length === 0 ? {} : { lookup: lookupThrough(settings.nameServers) }),
  })
  let routing: Routing | undefined
  port.on('message', (message: ToThread) => {
    if (message.do === 'close') return void plane[Symbol.asyncDispose]().then(() => process.exit(0))
    const next = applyDelta(routing, message.delta)
    plane.apply(next).then(
      (applied) => {
        routing = next
        send({ is: 'applied', applied })
      },
      (error: unknown) => send({ is: 'refused', problem: messageOf(error) }),
    )
  })
  send({ is: 'ready' })
} catch (error) {
  send({ is: 'unable', problem: messageOf(error) })
  port.close()
}

function cloneable(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields))
    copy[name] = value instanceof Error ? (value.stack ?? value.message) : value
  return copy
}
