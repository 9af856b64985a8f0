/**
 * The process that holds this machine's ports for the services of all its clusters. A cluster is served for as long as its
 * connection stands; when the last one has gone, the process ends.
 */
import { createServer, type Socket } from 'node:net'
import { untilAborted } from '#lib/async/abort.ts'
import type { Clock } from '#lib/clock.ts'
import { readClaims, readIdleClaims, type Claim, type IdleClaim } from './claims.ts'
import type { IdleAnswer } from './idleAnswers.ts'
import { HostPorts, type PortProblem } from './ports.ts'
import { onLines, sendLine } from './wire.ts'

/** What it tells to whoever asks with `{"ask":"state"}`; `{"ask":"end"}` ends it unless a cluster is served. */
export interface HolderState {
  readonly clusters: readonly string[]
  readonly problems: readonly PortProblem[]
}

interface Cluster {
  readonly name: string
  readonly claims: readonly Claim[]
  readonly idle: readonly IdleClaim[]
}

/** How long it stays without a cluster: those that are being started are soon there. */
const idleMs = 30_000
/** How often ports that others had are tried again. */
const retryMs = 5_000

/** Serves on the Unix socket at `path` until the signal aborts or nobody has been connected for some time. */
export async function holdHostPorts(
  path: string,
  idleAnswer: IdleAnswer,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const ports = new HostPorts(idleAnswer, clock)
  const clusters = new Map<Socket, Cluster>()
  const ended = new AbortController()
  let idle: Disposable | undefined
  let told = ''
  let applying = Promise.resolve()

  const apply = (): void => {
    applying = applying.then(async () => {
      const all = [...clusters.values()]
      await ports.apply(
        all.flatMap(({ claims }) => claims),
        all.flatMap((cluster) => cluster.idle),
      )
      const text = JSON.stringify(ports.problems)
      for (const socket of clusters.keys()) if (text !== told) sendLine(socket, state())
      told = text
    })
  }
  const state = (): HolderState => ({
    clusters: [...new Set([...clusters.values()].map(({ name }) => name))].toSorted(),
    problems: ports.problems,
  })
  const armIdle = (): void => {
    idle?.[Symbol.dispose]()
    idle = clusters.size > 0 || ended.signal.aborted ? undefined : clock.after(idleMs, () => ended.abort())
  }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!clusters.delete(socket)) return
      apply()
      armIdle()
    })
    onLines(socket, (value) => {
      const { cluster, claims, idle: unneeded = [], ask } = (value ?? {}) as Readonly<Record<string, unknown>>
      if (ask === 'state') return sendLine(socket, state())
      if (ask === 'end') return clusters.size === 0 ? ended.abort() : sendLine(socket, state())
      const name = typeof cluster === 'string' && /^[a-z0-9.-]{1,63}$/.test(cluster) ? cluster : undefined
      const read = name === undefined ? 'there must be the name of a cluster' : readClaims(name, claims)
      if (typeof read === 'string') throw new TypeError(read)
      const readIdle = readIdleClaims(name!, unneeded)
      if (typeof readIdle === 'string') throw new TypeError(readIdle)
      if (!clusters.has(socket)) sendLine(socket, state())
      clusters.set(socket, { name: name!, claims: read, idle: readIdle })
      apply()
      return armIdle()
    })
  })
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject).listen({ path, readableAll: false, writableAll: false }, listening.resolve)
  await listening.promise
  const retry = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(retryMs, ended.signal).catch(() => {})
      if (!ended.signal.aborted && ports.isIncomplete) apply()
    }
  }
  const stop = (): void => ended.abort()
  signal.addEventListener('abort', stop, { once: true })
  armIdle()
  const retrying = retry()
  await untilAborted(ended.signal)
  idle?.[Symbol.dispose]()
  await retrying
  await applying
  ports.close()
  server.close()
  for (const socket of clusters.keys()) socket.destroy()
}
