import type { Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import type { Informers } from '#client/informers.ts'
import { durationOf, SimulatedClock } from '#lib/clock.ts'
import type { ApiServer } from '#server/server.ts'
import type { Store } from '#storage/store.ts'
import type { ClusterPartsOptions } from './clusterParts.ts'
import type { SimulatedNodes } from './simulatedNodes.ts'
import { startCluster } from './startCluster.ts'

export interface SimulatedClusterOptions extends ClusterPartsOptions {
  readonly clock?: SimulatedClock
  /** The same seed gives the same names, uids and orders; 1 unless told. */
  readonly seed?: number
}

/** A whole cluster in this process. Its time moves only by `clock.advance`; nothing in it reads or writes anything real. */
export interface SimulatedCluster extends AsyncDisposable {
  readonly clock: SimulatedClock
  /** May do everything. */
  readonly client: Client
  readonly nodes: SimulatedNodes
  readonly informers: Informers
  readonly causes: Causes
  readonly server: ApiServer
  readonly store: Store
  /** What components reported and tried again. */
  readonly problems: readonly string[]
  /** Moves time on until `is` holds, in steps of a second; throws when it does not hold within `limit` of virtual time. */
  until(is: () => unknown, limit?: string): Promise<void>
  /** Ends everything. Rejects when a component failed, the server had a bug, or a timer is left. */
  stop(): Promise<void>
}

/** Starts a cluster under simulated time; resolves once every component is ready. */
export async function simulatedCluster(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const clock = options.clock ?? new SimulatedClock()
  const timersBefore = clock.pending
  const started = await startCluster({ ...options, clock, pass: (milliseconds) => clock.advance(milliseconds) })
  const { parts, store, problems, bugs } = started

  const stop = async (): Promise<void> => {
    await started.stop()
    const left = clock.pending - timersBefore
    if (left > 0) throw new Error(`${left} timers are left after the cluster stopped`)
  }
  const until = async (is: () => unknown, limit = '10m'): Promise<void> => {
    const most = durationOf(limit)
    for (let waited = 0; !(await is()); waited += 1_000) {
      started.throwIfFailed()
      if (waited >= most) {
        const reported = [...problems, ...bugs.map(String)].slice(-10)
        throw new Error([`It does not hold after ${limit}: ${is.toString()}`, ...reported].join('\n'))
      }
      await clock.advance(1_000)
    }
  }
  return {
    clock,
    client: parts.client,
    nodes: parts.nodes,
    informers: parts.informers,
    causes: parts.causes,
    server: parts.server,
    store,
    problems,
    until,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
