import { exponentialBackoff } from '#lib/async/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { ClusterState } from './clusterState.ts'
import { ExternalNames, type Resolve } from './names.ts'
import { makeDefaultCertificate } from './plan/certificates.ts'
import type { RoutingPlan } from './plan/cluster.ts'
import { HostPlans } from './plan/hostPlans.ts'
import { planRouting, replanServers } from './plan/planRouting.ts'
import { PoolMaker } from './plan/pools.ts'
import type { Applied, DataPlane } from './routing.ts'

export interface ProgrammingOptions {
  readonly state: ClusterState
  readonly plane: DataPlane
  readonly clock: Clock
  readonly resolve: Resolve
  /** Called after each routing that has been put into effect. */
  readonly onApplied: (plan: RoutingPlan, applied: Applied) => void
  readonly report: (problem: string, error: unknown) => void
}

/** Changes that come together are put into effect together. */
const gatherMs = 10
/** Timers are not set further ahead. */
const farthest = 24 * 3_600_000

/** Keeps what is served in step with the cluster until the signal aborts. */
export async function runProgramming(options: ProgrammingOptions, signal: AbortSignal): Promise<void> {
  const { state, clock } = options
  const names = new ExternalNames(options.resolve, clock, () => state.touch())
  const following = names.run(signal)
  try {
    await keepInStep(options, names, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
  await following
}

async function keepInStep(options: ProgrammingOptions, names: ExternalNames, signal: AbortSignal): Promise<void> {
  const { state, plane, clock, onApplied, report } = options
  const pools = new PoolMaker()
  const hosts = new HostPlans()
  const defaultCertificate = makeDefaultCertificate(clock.now())
  const backoff = exponentialBackoff<string>({ first: 100, most: 10_000 })
  let plan: RoutingPlan | undefined
  for (;;) {
    const { again } = plan ?? {}
    using _timer =
      again === undefined
        ? undefined
        : clock.after(Math.min(Math.max(again - clock.now(), 0), farthest), () => state.touch())
    await state.changed(signal)
    await clock.sleep(gatherMs, signal)
    // What is named for the first time is followed from now on.
    await state.synced(signal)
    const changes = state.take()
    const view = state.view({ addresses: (name) => names.addresses(name), defaultCertificate, now: clock.now() })
    const next =
      (changes.all || plan === undefined ? undefined : replanServers(plan, view, pools, changes.services)) ??
      planRouting(view, pools, hosts)
    if (next === plan) continue
    names.want(next.names)
    try {
      onApplied(next, await plane.apply(next.routing))
      plan = next
      backoff.forget('')
    } catch (error) {
      signal.throwIfAborted()
      report('Cannot change what ingresses serve; what was served before still is', error)
      state.touch()
      await clock.sleep(backoff.next(''), signal)
    }
  }
}
