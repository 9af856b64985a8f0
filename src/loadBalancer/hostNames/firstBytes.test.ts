import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { onOpening } from './firstBytes.ts'
import type { Opening } from './opening.ts'

const quietMs = 20

/** What is made of the first bytes of a client, which `speak` sends as soon as they are waited for. */
async function openingOf(speak: (client: Socket) => void): Promise<Opening> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[Socket], unknown]
  try {
    return await new Promise((resolve) => {
      onOpening(accepted, quietMs, systemClock, resolve)
      speak(client)
    })
  } finally {
    client.destroy()
    accepted.destroy()
    server.close()
  }
}

test('a client that says nothing has said something else', async () => {
  assert.deepEqual(await openingOf(() => {}), { kind: 'other' })
})

test('what a client said in time counts on a machine that is too busy to look', async () => {
  const opening = await openingOf((client) => {
    client.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n')
    // Nothing else of this process runs meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * quietMs)
  })
  assert.deepEqual(opening, { kind: 'http', host: 'web' })
})
