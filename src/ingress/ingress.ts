/**
 * Serves ingresses on one node, from copies of its own. `plan/` turns ingresses and what they name into a routing
 * (`routing.ts`), `programming.ts` keeps a data plane in step with it, `leader.ts` does what is done once for a cluster. Data
 * planes know nothing of Kubernetes.
 */
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import type { Problem } from './annotations/readSettings.ts'
import { ClusterState } from './clusterState.ts'
import { listenOn, startDataPlane, type DataPlaneMaker, type DataPlaneOptions } from './dataPlane.ts'
import { Leader, type LeaderOptions } from './leader.ts'
import { resolveBy, type Resolve } from './names.ts'
import type { RoutingPlan } from './plan/cluster.ts'
import { runProgramming } from './programming.ts'
import type { Applied, DataPlane } from './routing.ts'
import { serviceKey } from './service.ts'

export interface IngressOptions {
  readonly host: Host
  readonly random: Random
  readonly informers: Informers
  /** Where the data plane listens. */
  readonly nodeAddresses: readonly string[]
  /** Whether the data plane waits for the first ingress of ours. */
  readonly start: 'always' | 'whenUsed'
  /** In the order in which they are preferred. */
  readonly dataPlanes: readonly DataPlaneMaker[]
  /** For the data plane alone. */
  readonly folder: string
  /** Name servers that know the names of the cluster and others. */
  readonly nameServers: readonly string[]
  /** Asks those servers when absent. */
  readonly resolve?: Resolve
  /** Shows the data plane, which serves, as a pod of this node until the signal aborts. */
  show(signal: AbortSignal): Promise<void>
  /** Where the control plane runs. */
  readonly leader?: Pick<LeaderOptions, 'client' | 'events' | 'withoutLoadBalancer'>
  readonly log: Logger
  readonly needs: readonly string[]
}

/** The ingress controller as a part of a node's process; ready at once, for nobody waits for it. */
export function ingressComponent(options: IngressOptions): Component {
  return {
    name: 'ingress',
    needs: options.needs,
    async run(ready, signal) {
      ready()
      try {
        await runIngress(options, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

async function runIngress(options: IngressOptions, signal: AbortSignal): Promise<void> {
  const { informers, host, log } = options
  const report = (problem: string, error: unknown): void => log.warn(problem, { error })
  using state = new ClusterState(informers)
  await state.synced(signal)
  const isUsed = (): boolean => state.ours().length > 0 || state.service(serviceKey) !== undefined
  while (options.start === 'whenUsed' && !isUsed()) {
    state.take()
    await state.changed(signal)
    signal.throwIfAborted()
  }
  state.touch()
  const shared = { informers, state, clock: host.clock, report }
  const leader = options.leader === undefined ? undefined : new Leader({ ...shared, ...options.leader })
  await Promise.all([leader?.run(signal), serve(options, state, leader, report, signal)])
}

async function serve(
  options: IngressOptions,
  state: ClusterState,
  leader: Leader | undefined,
  report: (problem: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const { host, random, log, folder, nameServers, resolve = resolveBy(nameServers) } = options
  const { clock } = host
  let shown: Promise<void> | undefined
  while (!signal.aborted) {
    const ended = new AbortController()
    const onEnd = (error: Error): void => {
      report('What serves ingresses has ended; it is started again', error)
      ended.abort(error)
    }
    const listen = listenOn(options.nodeAddresses)
    const planeOptions = { listen, host, clock, random, log, folder, nameServers, onEnd }
    await using plane = await startPatiently(options.dataPlanes, planeOptions, report, signal)
    log.info('Ingresses are served', { by: plane.kind })
    const onApplied = (plan: RoutingPlan, { left }: Applied): void => {
      leader?.tell(withLeft(plan, plane.kind, left))
      shown ??= options.show(signal)
    }
    state.touch()
    await runProgramming({ state, plane, clock, resolve, onApplied, report }, AbortSignal.any([signal, ended.signal]))
  }
  await shown
}

/** Starts as soon as it can: another one may only be on its way out. */
async function startPatiently(
  makers: readonly DataPlaneMaker[],
  options: DataPlaneOptions,
  report: (problem: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<DataPlane> {
  const backoff = exponentialBackoff<string>({ first: 100, most: 10_000 })
  for (;;) {
    try {
      return await startDataPlane(makers, options, signal)
    } catch (error) {
      signal.throwIfAborted()
      report('Cannot start to serve ingresses', error)
    }
    await options.clock.sleep(backoff.next(''), signal)
  }
}

/** What is not done of ingresses, with what the data plane cannot do. */
function withLeft(
  { problems, routing }: RoutingPlan,
  kind: DataPlane['kind'],
  left: Applied['left'],
): ReadonlyMap<string, readonly Problem[]> {
  if (left.size === 0) return problems
  const all = new Map(problems)
  for (const { name, owner } of routing.routes) {
    const parts = left.get(name)
    const key = owner.replace(/^Ingress /, '')
    if (parts === undefined || key === owner) continue
    const more = parts.map((part) => ({
      reason: 'NotSupported',
      message: `The data plane ${kind} cannot serve a part of this: ${part}`,
    }))
    all.set(key, [...(all.get(key) ?? []), ...more])
  }
  return all
}
