import type { Pod } from '#api/core/v1/pod.ts'
import { quantityMilliValue, quantityValue } from './quantity.ts'

/** Amounts of resources in plain numbers: thousandths of a CPU, bytes, and whole units of anything else. */
export interface PodResources {
  readonly milliCpu: number
  readonly memory: number
  readonly ephemeralStorage: number
  /** Extended resources and huge pages, by name. */
  readonly others: ReadonlyMap<string, number>
}

const noOthers: ReadonlyMap<string, number> = new Map()

export const noResources: PodResources = { milliCpu: 0, memory: 0, ephemeralStorage: 0, others: noOthers }

type ResourceList = Readonly<Record<string, string | number>>

/** Reads a resource list such as a node's allocatable. The number of pods is not part of it. */
export function readResources(list: ResourceList | undefined): PodResources {
  if (list === undefined) return noResources
  let [milliCpu, memory, ephemeralStorage] = [0, 0, 0]
  let others: Map<string, number> | undefined
  for (const [name, quantity] of Object.entries(list)) {
    const text = String(quantity)
    if (name === 'cpu') milliCpu = quantityMilliValue(text)
    else if (name === 'memory') memory = quantityValue(text)
    else if (name === 'ephemeral-storage') ephemeralStorage = quantityValue(text)
    else if (name !== 'pods') (others ??= new Map()).set(name, quantityValue(text))
  }
  return { milliCpu, memory, ephemeralStorage, others: others ?? noOthers }
}

/** The sum of two amounts. */
export function addResources(a: PodResources, b: PodResources): PodResources {
  return combine(a, b, (x, y) => x + y)
}

/** What is left of `a` without `b`. */
export function subtractResources(a: PodResources, b: PodResources): PodResources {
  return combine(a, b, (x, y) => x - y)
}

function combine(a: PodResources, b: PodResources, with_: (x: number, y: number) => number): PodResources {
  let others = a.others
  if (b.others.size > 0) {
    const merged = new Map(a.others)
    for (const [name, amount] of b.others) merged.set(name, with_(merged.get(name) ?? 0, amount))
    others = merged
  }
  return {
    milliCpu: with_(a.milliCpu, b.milliCpu),
    memory: with_(a.memory, b.memory),
    ephemeralStorage: with_(a.ephemeralStorage, b.ephemeralStorage),
    others,
  }
}

function maximum(a: PodResources, b: PodResources): PodResources {
  return combine(a, b, Math.max)
}

/** A floor for containers that ask for no CPU or memory, so that scores tell a crowded node from an empty one. */
const scoreFloor = { milliCpu: 100, memory: 200 * 1024 * 1024 }

/**
 * What a pod needs of its node (KEP-753): its containers and native sidecars together, or the greediest moment of
 * its initialisation if that is more, plus its overhead. A request for the pod as a whole (KEP-2837) replaces
 * CPU and memory. Computed once for each pod object.
 */
export function podRequests(pod: Pod): PodResources {
  return requestsOf(pod).exact
}

/** The same with a floor for containers without requests; only for scoring. */
export function podRequestsForScore(pod: Pod): { readonly milliCpu: number; readonly memory: number } {
  return requestsOf(pod).forScore
}

interface Requests {
  readonly exact: PodResources
  readonly forScore: { readonly milliCpu: number; readonly memory: number }
}

const computed = new WeakMap<object, Requests>()

function requestsOf(pod: Pod): Requests {
  const known = computed.get(pod.spec)
  if (known !== undefined) return known
  const exact = sumOfPod(pod, (list) => readResources(list))
  const forScore = sumOfPod(pod, (list) => {
    const read = readResources(list)
    const has = (name: string): boolean => list !== undefined && Object.hasOwn(list, name)
    return {
      ...read,
      milliCpu: has('cpu') ? read.milliCpu : scoreFloor.milliCpu,
      memory: has('memory') ? read.memory : scoreFloor.memory,
    }
  })
  const requests = { exact, forScore: { milliCpu: forScore.milliCpu, memory: forScore.memory } }
  computed.set(pod.spec, requests)
  return requests
}

function sumOfPod(pod: Pod, read: (list: ResourceList | undefined) => PodResources): PodResources {
  let running = noResources
  for (const container of pod.spec.containers) running = addResources(running, read(container.resources?.requests))
  let sidecars = noResources
  let peak = noResources
  for (const container of pod.spec.initContainers ?? []) {
    const own = read(container.resources?.requests)
    if (container.restartPolicy === 'Always') {
      sidecars = addResources(sidecars, own)
      peak = maximum(peak, sidecars)
    } else peak = maximum(peak, addResources(sidecars, own))
  }
  let total = maximum(addResources(running, sidecars), peak)
  const whole = pod.spec.resources?.requests
  if (whole !== undefined) {
    const own = readResources(whole)
    total = {
      ...total,
      milliCpu: Object.hasOwn(whole, 'cpu') ? own.milliCpu : total.milliCpu,
      memory: Object.hasOwn(whole, 'memory') ? own.memory : total.memory,
    }
  }
  return pod.spec.overhead === undefined ? total : addResources(total, readResources(pod.spec.overhead))
}
