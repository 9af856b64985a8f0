/** How late events come: a burst from one node's agent to a server over TLS that others keep busy. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configMaps } from '#api/core/v1/configMap.ts'
import { events } from '#api/core/v1/event.ts'
import { clientOver, type Client } from '#client/client.ts'
import { eventWriter } from '#client/events.ts'
import { httpsTransport, type HttpsTransport } from '#client/https.ts'
import { Semaphore } from '#lib/async/mutex.ts'
import { systemClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'
import { startServer } from './apiServer.ts'
import type { Address } from './certificates.ts'
import { median, renderMeasurements, type Measurement } from './measurement.ts'

const namespace = 'default'
const subjects = 125
const reasons = ['Pulled', 'Created', 'Started', 'Killing']
const count = subjects * reasons.length
const rounds = 5
/** Requests of others that the server always has to answer. */
const busy = 32

export async function run(): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-bench-'))
  try {
    await using server = await startServer(directory)
    using own = connect(server.address)
    using others = connect(server.address)
    return await measure(clientOver(own), clientOver(others))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function connect({ port, authority, certificate, key }: Address): HttpsTransport {
  return httpsTransport({ url: `https://127.0.0.1:${port}`, tls: { authority, certificate, key } })
}

async function measure(client: Client, others: Client): Promise<Measurement[]> {
  const written: number[] = []
  const plain: number[] = []
  let isOver = false
  const load = Array.from({ length: busy }, async (_, each) => {
    const data = { text: 'x'.repeat(500) }
    for (let at = 0; !isOver; at++) {
      await others.create(configMaps, { metadata: { name: `load-${each}-${at}`, namespace }, data })
    }
  })
  // The first round fills caches.
  for (let round = 0; round <= rounds; round++) {
    const [events, creates] = [await writeEvents(client, round), await createPlainly(client, round)]
    if (round === 0) continue
    written.push(events)
    plain.push(creates)
  }
  isOver = true
  await Promise.all(load)
  return [
    {
      name: `${count} events about ${subjects} objects, ${busy} requests of others at a time`,
      value: median(written),
      unit: 'ms',
      beside: { name: 'as many plain creates, 16 at a time', value: median(plain) },
    },
  ]
}

/** Milliseconds from the record of the first to the sight of the last. */
async function writeEvents(client: Client, round: number): Promise<number> {
  const stop = new AbortController()
  const { resourceVersion } = await client.list(events, { namespace, limit: 1 })
  const seen = (async (): Promise<void> => {
    let left = count
    for await (const batch of client.watch(events, { namespace, resourceVersion }, stop.signal)) {
      left -= batch.filter(({ type }) => type === 'ADDED').length
      if (left === 0) return
    }
    throw new Error('The watch of events ended')
  })()
  const report = (problem: string, error?: unknown): void => console.error(problem, error)
  const writer = eventWriter({ client, clock: systemClock, random: systemRandom, report })
  const running = writer.run(stop.signal)
  const recorder = writer.recorder('kubelet', 'n1')
  const begun = performance.now()
  for (let subject = 0; subject < subjects; subject++) {
    const name = `pod-${round}-${subject}`
    const about = { kind: 'Pod', apiVersion: 'v1', namespace, name, uid: name }
    for (const reason of reasons) recorder.record(about, { type: 'Normal', reason, message: `${reason} it` })
  }
  await seen
  const elapsed = performance.now() - begun
  stop.abort()
  await running
  return elapsed
}

async function createPlainly(client: Client, round: number): Promise<number> {
  const sixteen = new Semaphore(16)
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: count }, (_, at) =>
      sixteen.run(() => client.create(configMaps, { metadata: { name: `plain-${round}-${at}`, namespace } })),
    ),
  )
  return performance.now() - begun
}

if (import.meta.main) for (const line of renderMeasurements(await run())) console.log(line)
