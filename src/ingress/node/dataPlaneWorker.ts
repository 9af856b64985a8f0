/** The thread in which the data plane runs. */
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import { createLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import type { Routing } from '#ingress/routing.ts'
import { startDataPlane } from './dataPlane.ts'
import { applyDelta } from './delta.ts'
import type { FromThread, ThreadSettings, ToThread } from './thread.ts'

const settings = workerData as ThreadSettings
const port = parentPort!
const send = (message: FromThread): void => port.postMessage(message)

const logger = createLogger({
  clock: systemClock,
  level: settings.logLevel,
  sinks: [{ write: (_, { level, message, fields }) => send({ is: 'log', level, message, fields: cloneable(fields) }) }],
})

/** Names that were asked for and not answered yet. */
const questions = new Map<number, (addresses: readonly LookupAddress[]) => void>()
let asked = 0

/** Names are looked up by the other side, which knows those of services. */
const lookup: LookupFunction = (name, options, done) => {
  const question = asked++
  questions.set(question, (addresses) => {
    questions.delete(question)
    const [first] = addresses
    if (first === undefined) done(new Error(`no address for ${name}`), '', 0)
    else if (options.all === true) done(null, [...addresses])
    else done(null, first.address, first.family)
  })
  send({ is: 'asking', question, name })
}

try {
  const plane = await startDataPlane({
    listen: settings.listen,
    limits: settings.limits,
    clock: systemClock,
    random: systemRandom,
    logger,
    lookup,
  })
  let routing: Routing | undefined
  port.on('message', (message: ToThread) => {
    if (message.do === 'resolve') return questions.get(message.question)?.(message.addresses)
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
