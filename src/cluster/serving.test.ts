import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { untilAborted } from '#lib/async/abort.ts'
import { systemClock } from '#lib/clock.ts'
import { HttpClient } from '#lib/http/client.ts'
import { createLogger } from '#lib/log.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import type { ApiServer } from '#server/server.ts'
import { servingComponent } from './serving.ts'

const validity = { notBefore: systemClock.now() - 60_000, notAfter: systemClock.now() + 3_600_000 }
const authority = createAuthority({ commonName: 'test' }, validity)
const keys = generateKey()
const certificate = issueCertificate(authority, {
  subject: { commonName: 'server' },
  publicKey: keys.publicKey,
  extendedUsages: ['serverAuth'],
  addresses: ['127.0.0.1'],
  ...validity,
})

/** A component over a server that is ready when `fill` is called, and a client that asks it. */
async function start() {
  const filled = Promise.withResolvers<void>()
  const asked: string[] = []
  const server = {
    metrics: new MetricRegistry(),
    now: () => systemClock.now(),
    async handle({ path }: { readonly path: string }) {
      asked.push(path)
      return { type: 'bytes', code: 200, contentType: 'text/plain', bytes: Buffer.from('ok') }
    },
    async run(ready: () => void, signal: AbortSignal, close: () => Promise<void>) {
      await Promise.race([filled.promise, untilAborted(signal)])
      if (!signal.aborted) ready()
      await untilAborted(signal)
      await close()
    },
  } as unknown as ApiServer
  const listening = Promise.withResolvers<number>()
  const component = servingComponent({
    server,
    tls: {
      certificate: certificatePem(certificate),
      key: privateKeyPem(keys.privateKey),
      clientAuthority: certificatePem(authority.certificate),
    },
    host: '127.0.0.1',
    port: 0,
    log: createLogger({ clock: systemClock, sinks: [] }),
    onListening: listening.resolve,
  })
  const stop = new AbortController()
  const ready = Promise.withResolvers<void>()
  let isReady = false
  void ready.promise.then(() => (isReady = true))
  const running = component.run(ready.resolve, stop.signal)
  running.catch(listening.reject)
  const port = await listening.promise
  const url = `https://127.0.0.1:${port}`
  const client = new HttpClient({ url, tls: { authority: certificatePem(authority.certificate) } })
  return {
    client,
    port,
    asked,
    fill: filled.resolve,
    ready: ready.promise,
    isReady: () => isReady,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      client.close()
    },
  }
}

test('a server listens before it is ready, and requests wait until it is', async () => {
  await using at = await start()
  const answer = at.client.request({ path: '/early' })
  // The handshakes of others take several turns of the server, in which it has seen the request.
  for (let other = 0; other < 5; other++) {
    const socket = connect({ host: '127.0.0.1', port: at.port, ca: certificatePem(authority.certificate) })
    await once(socket, 'secureConnect')
    socket.destroy()
  }
  assert.deepEqual([at.asked, at.isReady()], [[], false])
  at.fill()
  await at.ready
  assert.equal((await (await answer).readBody(10)).toString(), 'ok')
  assert.deepEqual(at.asked, ['/early'])
})

test('a server that stops before it is ready never was, and keeps nobody waiting', async () => {
  let answer: Promise<unknown>
  let at
  {
    await using started = await start()
    at = started
    answer = at.client.request({ path: '/early' })
    answer.catch(() => {})
  }
  await Promise.allSettled([answer])
  assert.equal(at.isReady(), false)
})
