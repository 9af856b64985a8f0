/** Where the DNS server can be asked: addresses that it puts on the loopback, and on each of its addresses UDP, TCP and metrics. */
import type { Clock } from '#lib/clock.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import type { Ip } from '#lib/host/netlink.ts'
import { HttpServer } from '#lib/http/server.ts'
import type { Logger } from '#lib/log.ts'
import { metricsContentType } from '#lib/metrics.ts'

import type { Respond } from './respond.ts'
import { listenDns } from './server.ts'

export interface ListenersOptions {
  readonly ip: Pick<Ip, 'batch' | 'attempt'>
  readonly clock: Clock
  readonly log: Logger
  readonly respond: Respond
  readonly port: number
  renderMetrics(): string
}

export interface Wanted {
  /** Addresses that only this node has, on its loopback. */
  readonly own: readonly string[]
  /** Addresses that its loopback must not have, even where a server before this one left them. */
  readonly disowned: readonly string[]
  /** Addresses that it has anyway. */
  readonly others: readonly string[]
  /** Where metrics are served; absent: nowhere. */
  readonly metricsPort?: number
}

export interface Listeners extends AsyncDisposable {
  /** Listens there and nowhere else; resolves once it does. Rejects with the signal's reason when it aborts first. */
  set(wanted: Wanted, signal: AbortSignal): Promise<void>
}

export function dnsListeners(options: ListenersOptions): Listeners {
  const { ip, clock, log } = options
  /** What is open, by what it is. */
  const open = new Map<string, AsyncDisposable>()

  const openers = ({ own, others, metricsPort }: Wanted): ReadonlyMap<string, () => Promise<AsyncDisposable>> => {
    const addresses = [...own, ...others]
    return new Map<string, () => Promise<AsyncDisposable>>([
      ...own.map((address) => [`address ${address}`, () => ownAddress(ip, address)] as const),
      ...addresses.map(
        (address) => [`dns ${address}`, () => listenDns({ ...options, address, report: reportOf(address) })] as const,
      ),
      ...addresses.flatMap((address) =>
        metricsPort === undefined
          ? []
          : [
              [
                `metrics ${address} ${metricsPort}`,
                () => listenMetrics(address, metricsPort, options.renderMetrics),
              ] as const,
            ],
      ),
    ])
  }
  const reportOf =
    (address: string) =>
    (problem: string, error: unknown): void =>
      log.error(problem, { error, address })

  /** Opens as soon as it can: another server may only be on its way out. */
  const openPatiently = async (
    key: string,
    make: () => Promise<AsyncDisposable>,
    signal: AbortSignal,
  ): Promise<void> => {
    const backoff = exponentialBackoff({ first: 100, most: 10_000 })
    for (;;) {
      signal.throwIfAborted()
      try {
        open.set(key, await make())
        return
      } catch (error) {
        log.error('Cannot listen for DNS questions', { error, what: key })
      }
      await clock.sleep(backoff.next(key), signal)
    }
  }
  const close = async (key: string): Promise<void> => {
    const opened = open.get(key)
    open.delete(key)
    await opened?.[Symbol.asyncDispose]()
  }

  return {
    async set(wanted, signal) {
      const wish = openers(wanted)
      for (const key of [...open.keys()].toReversed()) if (!wish.has(key)) await close(key)
      if (wanted.disowned.length > 0)
        await ip.attempt(wanted.disowned.map((address) => addressCommand('delete', address)))
      // Metrics are nice to have: nobody waits for a port that somebody else holds.
      for (const [key, make] of wish) {
        if (open.has(key)) continue
        if (!key.startsWith('metrics ')) await openPatiently(key, make, signal)
        else
          await make().then(
            (opened) => open.set(key, opened),
            (error: unknown) => log.warn('Cannot serve metrics of DNS', { error, what: key }),
          )
      }
    },
    async [Symbol.asyncDispose]() {
      for (const key of [...open.keys()].toReversed()) await close(key)
    },
  }
}

/** Gives the loopback an address until it is disposed. */
async function ownAddress(ip: Pick<Ip, 'batch' | 'attempt'>, address: string): Promise<AsyncDisposable> {
  await ip.batch([addressCommand('replace', address)])
  return { [Symbol.asyncDispose]: async () => void (await ip.attempt([addressCommand('delete', address)])) }
}

const addressCommand = (verb: 'replace' | 'delete', address: string): string =>
  `address ${verb} ${address}/${address.includes(':') ? 128 : 32} dev lo`

async function listenMetrics(host: string, port: number, render: () => string): Promise<AsyncDisposable> {
  const server = new HttpServer({
    handler: (request, reply) => {
      if (request.path !== '/metrics') return reply.send(404, { 'content-type': 'text/plain' }, '404 page not found\n')
      reply.send(200, { 'content-type': metricsContentType }, render())
    },
    limits: { connections: 100 },
  })
  await server.listen({ host, port })
  return { [Symbol.asyncDispose]: () => server.close(AbortSignal.abort()) }
}
