/** The part of a control plane that has its services served under names of this machine. */
import { connect, type Socket } from 'node:net'
import { services, type Service } from '#api/core/v1/service.ts'
import { referenceTo, type EventWriter } from '#client/events.ts'
import type { Informers } from '#client/informers.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import type { Logger } from '#lib/log.ts'
import { claimsOf, idleClaimsOf, mostClaims, nameOf, type Claim, type IdleClaim, type IdleService } from './claims.ts'
import type { PortProblem } from './ports.ts'
import { onLines, sendLine } from './wire.ts'

/** A service that is made once it is needed, in clusters that have what would need it. */
export interface FollowedIdleService extends IdleService {
  /** Whether it would be made. */
  isOffered(): boolean
  /** Whether it leads anywhere, once it is there. */
  isServed(): boolean
  /** Calls back when that may have changed. */
  onChange(handle: () => void): Disposable
  /** Resolves once it can be told. */
  synced(signal: AbortSignal): Promise<void>
}

export interface HostNamesOptions {
  readonly cluster: string
  /** The socket of the process that holds the ports. */
  readonly path: string
  /** Starts that process where it is not; it listens a little later. */
  readonly revive: () => Promise<void>
  readonly informers: Informers
  readonly idle?: FollowedIdleService
  readonly events: EventWriter
  readonly clock: Clock
  readonly log: Logger
}

interface Claims {
  readonly claims: readonly Claim[]
  readonly idle: readonly IdleClaim[]
}

const gatherMs = 50
/** How long to wait before the process is looked for again, at first and at most: each try may start it. */
const firstRetryMs = 250
const longestRetryMs = 15_000
/** One that served for so long has not died of what we told it. */
const soundMs = 10_000
const index = 'withHostNames'

export function hostNamesComponent(options: HostNamesOptions): Component {
  return {
    name: 'host-names',
    needs: ['informers', 'events'],
    run: (ready, signal) => runHostNames(options, ready, signal),
  }
}

const allBalanced = ({ spec }: Service): readonly string[] => (spec.type === 'LoadBalancer' ? ['all'] : [])

async function runHostNames(options: HostNamesOptions, ready: () => void, signal: AbortSignal): Promise<void> {
  const { cluster, informers, idle: idleService, events, clock, log } = options
  const copies = informers.of(services)
  copies.addIndex(index, allBalanced)
  const recorder = events.recorder('host-names')
  let changed = Promise.withResolvers<void>()
  const wake = (): void => changed.resolve()
  using _watch = copies.onChange((change) => {
    if ([change.old, change.new].some((service) => service?.spec.type === 'LoadBalancer')) wake()
  })
  using _offers = idleService?.onChange(wake)
  signal.addEventListener('abort', wake, { once: true })
  let socket: Socket | undefined
  let sent: Claims = { claims: [], idle: [] }
  let problems: readonly PortProblem[] = []
  let connectedAt: number | undefined
  /** How often it was not there since it was there for some time. */
  let misses = 0
  /** Of which problem each service was told. */
  const told = new Map<string, string>()

  const tell = (): void => {
    for (const claim of sent.claims) {
      const key = `${nameOf(claim)}:${claim.port}`
      const problem = problems.find(({ port }) => port === claim.port)?.problem
      if (problem === undefined) told.delete(key)
      if (problem === undefined || told.get(key) === problem) continue
      told.set(key, problem)
      const message = `${key} is not served on this machine: ${problem}`
      log.warn(message)
      const service = copies.get(`${claim.namespace}/${claim.service}`)
      if (service !== undefined)
        recorder.record(referenceTo(services, service), { type: 'Warning', reason: 'HostPortUnavailable', message })
    }
  }
  const open = async (): Promise<Socket> => {
    const opened = await connectTo(options.path)
    opened
      .on('error', () => {})
      .on('close', () => {
        if (socket === opened) socket = undefined
        wake()
      })
    onLines(opened, (value) => {
      const said = (value as { readonly problems?: readonly PortProblem[] }).problems
      if (!Array.isArray(said)) return
      problems = said
      tell()
    })
    return opened
  }

  try {
    await copies.synced(signal)
    await idleService?.synced(signal)
    ready()
    while (!signal.aborted) {
      changed = Promise.withResolvers()
      const { claims, idle } = planClaims(cluster, copies.byIndex(index, 'all'), idleService)
      try {
        const isNew = socket === undefined
        socket ??= await open()
        if (isNew) connectedAt = clock.now()
        // Also without any claim: the process is there as long as a cluster is.
        if (isNew || !sameJson({ claims, idle }, sent)) sendLine(socket, { cluster, claims, idle })
        sent = { claims, idle }
        tell()
      } catch (error) {
        if (signal.aborted) break
        if (connectedAt !== undefined && clock.now() - connectedAt >= soundMs) {
          misses = 0
          log.warn('The process that serves services under names of this machine has ended; another one is started')
        }
        connectedAt = undefined
        misses++
        const problem: unknown = await options.revive().then(
          () => undefined,
          (failure: unknown) => failure,
        )
        // One that was just started listens in a moment.
        if (misses === (problem === undefined ? 5 : 1))
          log.warn('Services are not served under names of this machine; "k8ts up" tells more', {
            error: problem ?? error,
          })
        await clock.sleep(Math.min(firstRetryMs * 2 ** (misses - 1), longestRetryMs), signal).catch(() => {})
        continue
      }
      await changed.promise
      await clock.sleep(gatherMs, signal).catch(() => {})
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    socket?.destroy()
  }
}

/** A service that would be made is not there yet as long as nobody stands behind it. */
function planClaims(cluster: string, present: Iterable<Service>, service: FollowedIdleService | undefined): Claims {
  const claims = claimsOf(cluster, present).slice(0, mostClaims)
  if (service?.isOffered() !== true) return { claims, idle: [] }
  const isTheirs = (claim: Claim): boolean => claim.namespace === service.namespace && claim.service === service.service
  const served = service.isServed() ? claims : claims.filter((claim) => !isTheirs(claim))
  return { claims: served, idle: idleClaimsOf(cluster, service, served) }
}

async function connectTo(path: string): Promise<Socket> {
  const socket = connect({ path })
  const outcome = Promise.withResolvers<void>()
  socket.once('connect', outcome.resolve).once('error', outcome.reject)
  await outcome.promise
  return socket
}
