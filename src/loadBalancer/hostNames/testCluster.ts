/** For tests: clusters of which only the services are there, and servers that stand behind them. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { services, type Service } from '#api/core/v1/service.ts'
import type { Client } from '#client/client.ts'
import type { EventWriter } from '#client/events.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { systemClock } from '#lib/clock.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'
import { certificatePem, createAuthority, generateKey, privateKeyPem } from '#lib/pki/certificate.ts'
import type { IdleAnswer } from './idleAnswers.ts'
import { hostNamesComponent, type FollowedIdleService } from './publisher.ts'

export const service = (name: string, ip: string, port: number): Service =>
  ({
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1' },
    spec: { type: 'LoadBalancer', ports: [{ port }] },
    status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } },
  }) as unknown as Service

export async function listening(name: string, host: string, port?: number) {
  const server = createServer((_, answer) => answer.end(name))
  const chosen = port ?? (await freePort())
  server.listen(chosen, host)
  await once(server, 'listening')
  return { server, port: chosen, [Symbol.dispose]: () => void server.close() }
}
/**
 * A port that nobody has at any address of this machine, below those that the kernel hands out to others meanwhile: whoever
 * listens at one address is followed at another.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000)
    const server = createServer().listen(port)
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}

/** What is said in the place of services that are not there yet. */
export const idleAnswer: IdleAnswer = {
  page: { status: 404, contentType: 'text/html', body: 'nothing yet\n' },
  async certificate() {
    const now = systemClock.now()
    const keys = generateKey()
    const validity = { notBefore: now - 60_000, notAfter: now + 3_600_000 }
    const { certificate } = createAuthority({ commonName: 'nobody', organizations: ['Test'] }, validity, keys)
    return { chain: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
  },
}

export async function get(port: number, host: string): Promise<string> {
  const asked = request({ host: '127.0.0.1', port, agent: false, headers: { host } }).end()
  try {
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    return `${answer.statusCode} ${(await text(answer)).split('\n')[0]}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ''
  }
}
/** Patient: on a busy machine a process takes long to start, and whoever missed it looks again only every 15 seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 5000; tries++) {
    if (await holds()) return
    await systemClock.sleep(20)
  }
  throw new Error(`Waited in vain until ${what}`)
}

/** The control plane of a cluster that has these services. */
export function publish(
  cluster: string,
  path: string,
  present: readonly Service[],
  revive = async () => {},
  idle?: FollowedIdleService,
) {
  const options = { client: {} as Client, clock: systemClock, random: seededRandom(1) }
  const informer = new WatchedInformer<Service>({ ...options, resource: services, selection: {} })
  informer.replace(present, '1')
  const events: string[] = []
  const recorder = {
    record: (about: { name?: string }, note: { reason: string; message: string }) =>
      events.push(`${about.name} ${note.reason}: ${note.message}`),
  }
  const stop = new AbortController()
  const running = hostNamesComponent({
    cluster,
    path,
    revive,
    ...(idle === undefined ? {} : { idle }),
    informers: { of: () => informer } as unknown as Informers,
    events: { recorder: () => recorder } as unknown as EventWriter,
    clock: systemClock,
    log: createLogger({ clock: systemClock, sinks: [] }),
  }).run(() => {}, stop.signal)
  const end = async (): Promise<void> => {
    stop.abort()
    await running
  }
  return { events, informer, end, [Symbol.asyncDispose]: end }
}
