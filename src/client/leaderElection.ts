import { leases, type Lease, type LeaseSpec } from '#api/coordination/v1/lease.ts'
import type { Clock } from '#lib/clock.ts'
import { jittered, type Random } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import type { Client } from './client.ts'
import { microTimeText } from '#machinery/time.ts'

export interface LeaderElectionOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly namespace: string
  readonly name: string
  /** Unique among the candidates. */
  readonly identity: string
  /** How long others wait after the last sign of life; 15 s. */
  readonly leaseMilliseconds?: number
  /** How long the leader tries to renew before it gives up; 10 s. Shorter than the lease. */
  readonly renewMilliseconds?: number
  /** Between two tries; 2 s. */
  readonly retryMilliseconds?: number
  readonly onLeader?: (identity: string) => void
  readonly report?: (problem: string, error: unknown) => void
}

/** What whoever leads knows of his term. */
export interface Leadership {
  readonly identity: string
  /**
   * The revision at which the lease was taken: larger for every later term, even after somebody deleted the lease. Hand it
   * to whatever acts outside the cluster, so that it can refuse a leader who was deposed and does not know yet.
   */
  readonly fence: number
}

/** A lease as somebody saw it, and when by his own clock: clocks of different machines are never compared. */
export interface SeenLease {
  readonly lease: Lease
  readonly at: number
}

/** The lease's next content when this candidate may hold it; undefined while somebody else does. */
export function planLease(
  seen: SeenLease | undefined,
  identity: string,
  leaseMilliseconds: number,
  now: number,
): LeaseSpec | undefined {
  const time = microTimeText(now)
  const leaseDurationSeconds = leaseMilliseconds / 1000
  const before = seen?.lease.spec
  const holder = before?.holderIdentity ?? ''
  if (holder === identity) return { ...before, leaseDurationSeconds, renewTime: time }
  if (seen !== undefined && holder !== '' && now < seen.at + leaseMilliseconds) return undefined
  return {
    holderIdentity: identity,
    leaseDurationSeconds,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: before === undefined ? 0 : (before.leaseTransitions ?? 0) + 1,
  }
}

/**
 * Waits to become the leader, then runs `lead` until it ends, the signal aborts or the lease is lost; its signal aborts
 * in the last two cases. Gives the lease back at the end. Rejects when the lease was lost: whoever led must start anew.
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal, leadership: Leadership) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, identity } = options
  const retryMilliseconds = options.retryMilliseconds ?? 2_000
  const renewMilliseconds = options.renewMilliseconds ?? 10_000
  const candidate = candidateFor(options)
  // Others count from when they see a renewal: after it was begun, and maybe long before its answer came.
  let renewed = clock.now()
  let taken: Lease | undefined
  while ((taken = await candidate.hold(signal)) === undefined) {
    await clock.sleep(jittered(random, retryMilliseconds, 1.2), signal).catch(() => {})
    if (signal.aborted) return
    renewed = clock.now()
  }
  const leadership = { identity, fence: Number(taken.metadata.resourceVersion) }
  options.onLeader?.(identity)
  const leading = new AbortController()
  const stop = (): void => leading.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  let lost = false
  const renew = async (): Promise<void> => {
    while (!leading.signal.aborted) {
      const left = Math.max(0, renewed + renewMilliseconds - clock.now())
      await clock.sleep(Math.min(retryMilliseconds, left), leading.signal).catch(() => {})
      if (leading.signal.aborted) return
      // A try that hangs ends when the lease may be lost: by then this leader has to have stopped.
      const tryFor = new AbortController()
      using _limit = clock.after(renewed + renewMilliseconds - clock.now(), () => tryFor.abort())
      const tried = clock.now()
      const held = await candidate.hold(AbortSignal.any([leading.signal, tryFor.signal]))
      if (held !== undefined) renewed = tried
      else if (clock.now() - renewed >= renewMilliseconds || candidate.heldByOther()) {
        lost = true
        return leading.abort(new Error(`${identity} lost the lease "${options.name}"`))
      }
    }
  }
  const renewing = renew()
  try {
    await lead(leading.signal, leadership)
  } catch (error) {
    if (!leading.signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    leading.abort()
    await renewing
    if (!lost) await candidate.release()
  }
  if (lost) throw new Error(`Lost the lease "${options.namespace}/${options.name}"`)
}

/** How often a lease is given back that others write to at the same time. */
const releaseTries = 3

interface Candidate {
  /** Tries once to take or renew the lease; undefined when that did not work. */
  hold(signal: AbortSignal): Promise<Lease | undefined>
  heldByOther(): boolean
  release(): Promise<void>
}

function candidateFor(options: LeaderElectionOptions): Candidate {
  const { client, clock, namespace, name, identity } = options
  const leaseMilliseconds = options.leaseMilliseconds ?? 15_000
  let seen: SeenLease | undefined
  const see = (lease: Lease | undefined): void => {
    if (lease === undefined) seen = undefined
    else if (seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) seen = { lease, at: clock.now() }
  }
  const read = async (signal: AbortSignal): Promise<void> => {
    try {
      see(await client.get(leases, { namespace, name }, { signal }))
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      see(undefined)
    }
  }
  const isMine = (): boolean => seen?.lease.spec.holderIdentity === identity
  return {
    async hold(signal) {
      try {
        // The holder renews from what it wrote itself and reads only after a conflict.
        if (!isMine()) await read(signal)
        const spec = planLease(seen, identity, leaseMilliseconds, clock.now())
        if (spec === undefined) return undefined
        const lease =
          seen === undefined
            ? await client.create(leases, { metadata: { namespace, name }, spec }, { signal })
            : await client.update(leases, { ...seen.lease, spec }, { signal })
        see(lease)
        return lease
      } catch (error) {
        if (signal.aborted) return undefined
        if (isReason(error, 'Conflict') || isReason(error, 'AlreadyExists') || isReason(error, 'NotFound')) {
          await read(signal).catch(() => {})
        } else options.report?.(`Cannot hold the lease "${namespace}/${name}"`, error)
        return undefined
      }
    },
    heldByOther: () => seen !== undefined && !isMine() && (seen.lease.spec.holderIdentity ?? '') !== '',
    async release() {
      const limit = new AbortController()
      using _limit = clock.after(options.renewMilliseconds ?? 10_000, () => limit.abort())
      try {
        // A renewal that was cut off may have been written, now or in a moment: then what was seen last is not what is there.
        for (let tried = 1; isMine(); tried++) {
          const now = microTimeText(clock.now())
          const leaseTransitions = seen!.lease.spec.leaseTransitions ?? 0
          const spec = {
            holderIdentity: '',
            leaseDurationSeconds: 1,
            acquireTime: now,
            renewTime: now,
            leaseTransitions,
          }
          try {
            return void (await client.update(leases, { ...seen!.lease, spec }, { signal: limit.signal }))
          } catch (error) {
            if (!isReason(error, 'Conflict') || tried === releaseTries) throw error
            await read(limit.signal)
          }
        }
      } catch (error) {
        options.report?.(`Cannot give back the lease "${namespace}/${name}"`, error)
      }
    },
  }
}
