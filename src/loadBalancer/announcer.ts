import { nodes, type Node } from '#api/core/v1/node.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { keyOf } from '#client/index.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import type { Logger } from '#lib/log.ts'
import { planAnnouncing, type Rankings } from './elect.ts'
import { Peers, type Probe } from './peers.ts'
import type { Pool } from './pool.ts'

/** What a node does so that addresses are found at it. */
export interface AnswersForAddresses {
  /** Answers for exactly these. Returns those that arrived. */
  apply(wanted: ReadonlySet<string>, signal: AbortSignal): Promise<readonly string[]>
  /** Answers for none any more. */
  clear(): Promise<void>
}

export interface AnnouncerOptions {
  readonly node: string
  readonly informers: Informers
  readonly clock: Clock
  readonly pool: Pool
  readonly neighbours: AnswersForAddresses
  /** Whether a node's agent takes connections. */
  readonly probe: (node: Node, signal: AbortSignal) => Promise<boolean>
  /** Nodes that share no network with this one, such as simulated ones. */
  readonly isElsewhere: (node: Node) => boolean
  readonly log: Logger
}

const loadBalancers = 'loadBalancers'
const ofService = 'loadBalancerService'
const serviceNameLabel = 'kubernetes.io/service-name'
/** Changes come in bursts. */
const gatherFor = 20
/** How often what the kernel was told is looked at, for what others undid. */
const verifyEvery = 10_000

/** Makes this node answer for those addresses of load balancers that are its own to answer for. */
export function announcerComponent(options: AnnouncerOptions): Component {
  return {
    name: 'load-balancer-announcer',
    needs: ['informers'],
    run: (ready, signal) => runAnnouncer(options, ready, signal),
  }
}

async function runAnnouncer(options: AnnouncerOptions, ready: () => void, signal: AbortSignal): Promise<void> {
  const { node: self, informers, clock, pool, neighbours, probe, isElsewhere, log } = options
  const serviceCopies = informers.of(services)
  const sliceCopies = informers.of(endpointSlices)
  const nodeCopies = informers.of(nodes)
  serviceCopies.addIndex(loadBalancers, allBalanced)
  sliceCopies.addIndex(ofService, serviceOf)
  const queue = new WorkQueue<'apply'>({ clock, backoff: exponentialBackoff({ first: 500, most: 30_000 }) })
  const lookSoon = (): void => queue.addAfter('apply', gatherFor)
  const probeByName: Probe = async (name, cancel) => {
    const node = nodeCopies.get(name)
    return node !== undefined && probe(node, cancel)
  }
  const rankings: Rankings = new Map()
  const peers = new Peers({ clock, probe: probeByName, changed: lookSoon })

  using subscriptions = new DisposableStack()
  const isBalanced = (service: Service | undefined): boolean => service?.spec.type === 'LoadBalancer'
  subscriptions.use(
    serviceCopies.onChange((change) => {
      if (isBalanced(change.old) || isBalanced(change.new)) lookSoon()
    }),
  )
  subscriptions.use(
    sliceCopies.onChange((change) => {
      const [key] = serviceOf((change.new ?? change.old)!)
      if (key !== undefined && serviceCopies.get(key)?.spec.externalTrafficPolicy === 'Local') lookSoon()
    }),
  )
  subscriptions.use(
    nodeCopies.onChange((change) => {
      if (matters(change.old) !== matters(change.new)) lookSoon()
    }),
  )

  /** Returns whether there is anything to answer for. */
  const apply = async (): Promise<boolean> => {
    const plan = planAnnouncing({
      self,
      services: serviceCopies.byIndex(loadBalancers, 'all'),
      slicesOf: (service) => sliceCopies.byIndex(ofService, keyOf(service.metadata)),
      nodes: nodeCopies.list().filter((node) => !isElsewhere(node)),
      gone: peers.gone,
      pool,
      rankings,
    })
    peers.watch(plan.watched)
    const arrived = await neighbours.apply(plan.addresses, signal)
    if (arrived.length > 0) log.info('Answers for addresses of load balancers', { addresses: arrived })
    return plan.addresses.size > 0
  }

  const stop = (): void => queue.close()
  signal.addEventListener('abort', stop, { once: true })
  const watching = peers.run(signal)
  try {
    await Promise.all([serviceCopies, sliceCopies, nodeCopies].map((copies) => copies.synced(signal)))
    ready()
    queue.add('apply')
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        const answers = await apply()
        queue.forget(key)
        if (answers) queue.addAfter(key, verifyEvery)
      } catch (error) {
        if (signal.aborted) break
        log.error('Cannot answer for addresses of load balancers', { error })
        queue.retry(key)
      }
      queue.done(key)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    queue.close()
    await watching
    await neighbours.clear()
  }
}

function allBalanced({ spec }: Service): readonly string[] {
  return spec.type === 'LoadBalancer' ? ['all'] : []
}

function serviceOf({ metadata: { namespace, labels } }: EndpointSlice): readonly string[] {
  const name = labels?.[serviceNameLabel]
  return name === undefined ? [] : [`${namespace}/${name}`]
}

/** What of a node decides whether it answers; its heartbeats do not. */
function matters(node: Node | undefined): string {
  if (node === undefined) return ''
  const { metadata, spec, status } = node
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status
  return JSON.stringify([metadata.labels, metadata.deletionTimestamp, spec?.taints, ready, status?.addresses])
}
