// What simulated containers use: as they declare it (`behaviour.ts`), and by the traffic of services.
import type { Container } from '#api/core/v1/container.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { keyOf } from '#client/index.ts'
import type { Informers } from '#client/informers.ts'
import type { Clock } from '#lib/clock.ts'
import { quantityMilliValue } from '#machinery/quantity.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { scrapeInterval } from '#metrics/scrape.ts'
import type { PodUsage, Usage, UsageSource } from '#metrics/usage.ts'
import { averageOf, readAmount, type Amount } from './amount.ts'
import type { SimulatedNodes } from './simulatedNodes.ts'

/** The load that a service takes, in requests a second; its ready endpoints share it. */
const trafficAnnotation = 'simulation.k8ts.dev/traffic'

/** What is used where nothing is said, in thousandths. */
const usual = {
  cpu: { at: () => 1 },
  memory: { at: () => 16 * 2 ** 20 * 1_000 },
} as const

export interface SimulatedLoadOptions {
  readonly informers: Informers
  readonly clock: Clock
  readonly nodes: Pick<SimulatedNodes, 'answers' | 'behaviourOf'>
}

interface Moment {
  readonly at: number
  readonly before: number
}

/** Which pods share the traffic of a service at a moment, and how much it was over the span that was last asked for. */
interface Share {
  readonly at: number
  readonly ready: ReadonlySet<string>
  from: number
  traffic: number
}

const byNode = 'load of a node'
const byTraffic = 'services with traffic'
const byService = 'slices of a service'

const nodesOfPod = ({ spec: { nodeName } }: Pod): readonly string[] => (nodeName === undefined ? [] : [nodeName])

const namespacesWithTraffic = ({ metadata }: Service): readonly string[] =>
  metadata.annotations?.[trafficAnnotation] === undefined ? [] : [metadata.namespace ?? '']

function servicesOfSlice({ metadata: { namespace, labels } }: EndpointSlice): readonly string[] {
  const service = labels?.['kubernetes.io/service-name']
  return service === undefined ? [] : [`${namespace}/${service}`]
}

/**
 * Knows what simulated nodes and their pods use, as if they were asked every 15 seconds. Nothing runs in between: what was
 * used follows from what is declared and from the moment.
 */
export function simulatedLoad({ informers, clock, nodes }: SimulatedLoadOptions): UsageSource {
  const [podCopies, serviceCopies, sliceCopies] = [
    informers.of(pods),
    informers.of(services),
    informers.of(endpointSlices),
  ]
  podCopies.addIndex(byNode, nodesOfPod)
  serviceCopies.addIndex(byTraffic, namespacesWithTraffic)
  sliceCopies.addIndex(byService, servicesOfSlice)
  const began = clock.now()
  const shares = new WeakMap<Service, Share>()
  /** The services with traffic of the namespace that was last asked about, at a moment. */
  let busy: { readonly at: number; readonly namespace: string; readonly services: readonly Service[] } | undefined

  /** The last time that nodes would have been asked, and the one before. */
  const moment = (): Moment => {
    const at = began + Math.floor((clock.now() - began) / scrapeInterval) * scrapeInterval
    return { at, before: at - scrapeInterval }
  }

  const shareOf = (service: Service, at: number): Share => {
    const known = shares.get(service)
    if (known?.at === at) return known
    const ready = new Set<string>()
    for (const { endpoints } of sliceCopies.byIndex(byService, keyOf(service.metadata))) {
      for (const { conditions, targetRef } of endpoints ?? []) {
        if (conditions?.ready !== false && targetRef?.uid !== undefined) ready.add(targetRef.uid)
      }
    }
    const share = { at, ready, from: at, traffic: 0 }
    shares.set(service, share)
    return share
  }

  const busyServices = (namespace: string, at: number): readonly Service[] => {
    if (busy?.at !== at || busy.namespace !== namespace) {
      busy = { at, namespace, services: serviceCopies.byIndex(byTraffic, namespace) }
    }
    return busy.services
  }

  /** Requests a second that reach a pod, in thousandths. */
  const trafficOf = ({ metadata }: Pod, from: number, to: number): number => {
    let sum = 0
    for (const service of busyServices(metadata.namespace ?? '', to)) {
      const share = shareOf(service, to)
      if (!share.ready.has(metadata.uid ?? '')) continue
      // Most pods of a service have run for the whole span.
      if (share.from !== from) {
        share.traffic = trafficOfService(service, from, to)
        share.from = from
      }
      sum += share.traffic / share.ready.size
    }
    return sum
  }

  const usageOf = (pod: Pod, { at, before }: Moment): PodUsage | undefined => {
    const behaviour = nodes.behaviourOf(pod)
    if (behaviour === undefined) return undefined
    const containers: PodUsage['containers'][number][] = []
    let window = 0
    for (const { name, started, restartCount, cpuLimit } of runningIn(pod)) {
      if (started >= at) continue
      // As with real nodes: a container is told of from its second reading on, or once it runs for ten seconds.
      const isFresh = started > before
      if (isFresh && at - started < leastAge) return undefined
      const from = isFresh ? started : before
      window = Math.max(window, at - from)
      const { cpu = usual.cpu, memory = usual.memory, cpuPerRequest } = behaviour.of(name, restartCount)
      const traffic =
        cpuPerRequest === undefined
          ? 0
          : (trafficOf(pod, from, at) * averageOf(cpuPerRequest, started, from, at)) / 1_000
      const wanted = averageOf(cpu, started, from, at) + traffic
      containers.push({
        name,
        cpuNanoCores: Math.round(Math.min(wanted, cpuLimit) * 1e6),
        memoryBytes: Math.round(memory.at(at - started, at) / 1_000),
      })
    }
    return containers.length === 0 ? undefined : { at, window, containers }
  }

  return {
    node(name): Usage | undefined {
      if (!nodes.answers(name)) return undefined
      const now = moment()
      if (now.before < began) return undefined
      let [cpuNanoCores, memoryBytes] = [0, 0]
      for (const pod of podCopies.byIndex(byNode, name)) {
        for (const container of usageOf(pod, now)?.containers ?? []) {
          cpuNanoCores += container.cpuNanoCores
          memoryBytes += container.memoryBytes
        }
      }
      return { at: now.at, window: scrapeInterval, cpuNanoCores, memoryBytes }
    },
    pod(key) {
      const pod = podCopies.get(key)
      if (pod === undefined) return undefined
      const now = moment()
      return now.at <= began ? undefined : usageOf(pod, now)
    },
  }
}

/** Milliseconds that a container must have run to be told of after one reading alone. */
const leastAge = 10_000

interface RunningContainer {
  readonly name: string
  /** In milliseconds since the epoch. */
  readonly started: number
  readonly restartCount: number
  /** In thousandths. */
  readonly cpuLimit: number
}

/** Each pod is asked about four times a minute and seldom changes. */
const known = new WeakMap<Pod, readonly RunningContainer[]>()

function runningIn(pod: Pod): readonly RunningContainer[] {
  let running = known.get(pod)
  if (running === undefined) known.set(pod, (running = readRunning(pod)))
  return running
}

function readRunning({ spec, status }: Pod): readonly RunningContainer[] {
  const { initContainerStatuses = [], containerStatuses = [] } = status ?? {}
  const all = [...(spec.initContainers ?? []), ...spec.containers]
  return [...initContainerStatuses, ...containerStatuses].flatMap(({ name, state, restartCount }) => {
    const started = millisecondsOf(state?.running?.startedAt)
    if (started === undefined) return []
    return [{ name, started, restartCount, cpuLimit: cpuLimitOf(all.find((each) => each.name === name)) }]
  })
}

/** A container is slowed down at its limit. */
function cpuLimitOf(container: Container | undefined): number {
  const limit = container?.resources?.limits?.['cpu']
  return limit === undefined ? Infinity : quantityMilliValue(String(limit))
}

const traffics = new WeakMap<Service, Amount | undefined>()

function trafficOfService(service: Service, from: number, to: number): number {
  if (!traffics.has(service)) {
    const read = readAmount(service.metadata.annotations?.[trafficAnnotation] ?? '')
    traffics.set(service, 'problem' in read ? undefined : read)
  }
  const amount = traffics.get(service)
  return amount === undefined ? 0 : averageOf(amount, millisecondsOf(service.metadata.creationTimestamp) ?? 0, from, to)
}
