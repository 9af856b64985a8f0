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
import type { ContainerBehaviour, PodBehaviour } from './behaviour.ts'
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

/** What each of some pods has of the traffic of a service. */
interface Share {
  readonly service: Service
  /** How many have as much. */
  readonly among: number
  /** The traffic of all of them, from a moment on. */
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
  /** What pods have of the traffic of services, by namespace and uid, at the moment that was last asked about. */
  const shares = new Map<string, ReadonlyMap<string, readonly Share[]>>()
  let sharedAt: number | undefined

  /** The last time that nodes would have been asked, and the one before. */
  const moment = (): Moment => {
    const at = began + Math.floor((clock.now() - began) / scrapeInterval) * scrapeInterval
    return { at, before: at - scrapeInterval }
  }

  const sharesIn = (namespace: string, at: number): ReadonlyMap<string, readonly Share[]> => {
    if (sharedAt !== at) {
      shares.clear()
      sharedAt = at
    }
    let byPod = shares.get(namespace)
    if (byPod === undefined) shares.set(namespace, (byPod = findShares(namespace, at)))
    return byPod
  }

  const findShares = (namespace: string, at: number): ReadonlyMap<string, readonly Share[]> => {
    const byPod = new Map<string, Share[]>()
    for (const service of serviceCopies.byIndex(byTraffic, namespace)) {
      const ready = readyPods(service)
      const share = { service, among: ready.size, from: at, traffic: 0 }
      for (const uid of ready) {
        const held = byPod.get(uid)
        if (held === undefined) byPod.set(uid, [share])
        else held.push(share)
      }
    }
    return byPod
  }

  const readyPods = (service: Service): ReadonlySet<string> => {
    const ready = new Set<string>()
    for (const { endpoints } of sliceCopies.byIndex(byService, keyOf(service.metadata))) {
      for (const { conditions, targetRef } of endpoints ?? []) {
        if (conditions?.ready !== false && targetRef?.uid !== undefined) ready.add(targetRef.uid)
      }
    }
    return ready
  }

  /** Requests a second that reach a pod, in thousandths. */
  const trafficOf = ({ metadata }: Pod, from: number, to: number): number => {
    let sum = 0
    for (const share of sharesIn(metadata.namespace ?? '', to).get(metadata.uid ?? '') ?? []) {
      // Most pods of a service have run for the whole span.
      if (share.from !== from) {
        share.traffic = trafficOfService(share.service, from, to)
        share.from = from
      }
      sum += share.traffic / share.among
    }
    return sum
  }

  const usageOf = (pod: Pod, { at, before }: Moment): PodUsage | undefined => {
    const behaviour = nodes.behaviourOf(pod)
    if (behaviour === undefined) return undefined
    const containers: PodUsage['containers'][number][] = []
    let window = 0
    for (const { name, started, cpuLimit, does } of runningIn(pod, behaviour)) {
      if (started >= at) continue
      // As with real nodes: a container is told of from its second reading on, or once it runs for ten seconds.
      const isFresh = started > before
      if (isFresh && at - started < leastAge) return undefined
      const from = isFresh ? started : before
      window = Math.max(window, at - from)
      const { cpu = usual.cpu, memory = usual.memory, cpuPerRequest } = does
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
    pod(pod) {
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
  /** In thousandths. */
  readonly cpuLimit: number
  readonly does: ContainerBehaviour
}

interface RunningPod {
  readonly behaviour: PodBehaviour
  readonly containers: readonly RunningContainer[]
}

/** Each pod is asked about four times a minute and seldom changes. */
const known = new WeakMap<Pod, RunningPod>()

function runningIn(pod: Pod, behaviour: PodBehaviour): readonly RunningContainer[] {
  let running = known.get(pod)
  if (running?.behaviour !== behaviour) {
    running = { behaviour, containers: readRunning(pod, behaviour) }
    known.set(pod, running)
  }
  return running.containers
}

function readRunning({ spec, status }: Pod, behaviour: PodBehaviour): readonly RunningContainer[] {
  const { initContainerStatuses = [], containerStatuses = [] } = status ?? {}
  const all = [...(spec.initContainers ?? []), ...spec.containers]
  return [...initContainerStatuses, ...containerStatuses].flatMap(({ name, state, restartCount }) => {
    const started = millisecondsOf(state?.running?.startedAt)
    if (started === undefined) return []
    const cpuLimit = cpuLimitOf(all.find((each) => each.name === name))
    return [{ name, started, cpuLimit, does: behaviour.of(name, restartCount) }]
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
