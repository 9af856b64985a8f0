/** The servers of one `forward`: in which order they are asked, and which of them do not reply for now. */
import type { Clock } from '#lib/clock.ts'
import { randomInteger, type Random } from '#lib/random.ts'

import type { ForwardSettings } from './corefile/settings.ts'
import type { Upstream } from './exchange.ts'

export interface UpstreamsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly settings: Pick<ForwardSettings, 'policy' | 'maxFails' | 'healthCheckMs'>
  /** Asked before each question, so that a changed resolv.conf is followed. */
  list(): readonly Upstream[]
  /** Resolves when a server replies to anything; rejects when it does not. */
  probe(upstream: Upstream, signal: AbortSignal): Promise<unknown>
  /** Told of each probe that failed. */
  probeFailed?(upstream: Upstream): void
  readonly signal: AbortSignal
}

export interface Upstreams {
  /** Whom to ask, one after the other: those that are well first, by the policy. */
  order(): readonly Upstream[]
  replied(upstream: Upstream): void
  failed(upstream: Upstream): void
}

/** A probe waits no longer for a reply. */
const probePatienceMs = 1_000

export function upstreams(options: UpstreamsOptions): Upstreams {
  const { clock, random, settings } = options
  /** How often each server failed since it last replied. */
  const failures = new Map<string, number>()
  const probed = new Set<string>()
  let turn = 0

  const isWell = (upstream: Upstream): boolean =>
    settings.maxFails === 0 || (failures.get(keyOf(upstream)) ?? 0) < settings.maxFails

  /** Asks a server again and again until it replies; questions come to it last meanwhile. */
  const probeUntilWell = async (upstream: Upstream): Promise<void> => {
    const key = keyOf(upstream)
    while (!options.signal.aborted && failures.has(key) && options.list().some((each) => keyOf(each) === key)) {
      await clock.sleep(settings.healthCheckMs, options.signal)
      const patience = new AbortController()
      using _timer = clock.after(probePatienceMs, () => patience.abort(new Error(`no reply from ${upstream.address}`)))
      try {
        await options.probe(upstream, AbortSignal.any([options.signal, patience.signal]))
        failures.delete(key)
      } catch {
        options.probeFailed?.(upstream)
      }
    }
  }

  return {
    order() {
      const list = options.list()
      const first =
        settings.policy === 'sequential' || list.length < 2
          ? 0
          : settings.policy === 'random'
            ? randomInteger(random, list.length)
            : turn++ % list.length
      const rotated = [...list.slice(first), ...list.slice(0, first)]
      return [...rotated.filter(isWell), ...rotated.filter((each) => !isWell(each))]
    },
    replied: (upstream) => void failures.delete(keyOf(upstream)),
    failed(upstream) {
      const key = keyOf(upstream)
      failures.set(key, (failures.get(key) ?? 0) + 1)
      if (isWell(upstream) || probed.has(key)) return
      probed.add(key)
      // It ends with the signal.
      probeUntilWell(upstream)
        .catch(() => {})
        .finally(() => probed.delete(key))
    },
  }
}

const keyOf = ({ address, port }: Upstream): string => `${address} ${port}`
