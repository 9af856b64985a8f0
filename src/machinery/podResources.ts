import type { Pod } from '#api/core/v1/pod.ts'
import { conditionOf } from './conditions.ts'
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

/** Whether two amounts are the same. */
export function sameResources(a: PodResources, b: PodResources): boolean {
  return (
    a.milliCpu === b.milliCpu &&
    a.memory === b.memory &&
    a.ephemeralStorage === b.ephemeralStorage &&
    [...a.others.keys(), ...b.others.keys()].every((name) => (a.others.get(name) ?? 0) === (b.others.get(name) ?? 0))
  )
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
 * CPU, memory and huge pages. Computed once for each pod object.
 */
export function podRequests(pod: Pod): PodResources {
  return requestsOf(pod).exact
}

/** The same with a floor for containers without requests; only for scoring. */
export function podRequestsForScore(pod: Pod): { readonly milliCpu: number; readonly memory: number } {
  return requestsOf(pod).forScore
}

/**
 * What a pod takes of the node that it is on: while it is resized in place (KEP-1287), each container has what it asks for,
 * what it was granted or what it still has, whichever is more. A resize that the node cannot grant at all does not count.
 */
export function podRequestsOnNode(pod: Pod): PodResources {
  return requestsOnNodeOf(pod).exact
}

/** The same with a floor for containers without requests; only for scoring. */
export function podRequestsOnNodeForScore(pod: Pod): { readonly milliCpu: number; readonly memory: number } {
  return requestsOnNodeOf(pod).forScore
}

interface Requests {
  readonly exact: PodResources
  readonly forScore: { readonly milliCpu: number; readonly memory: number }
}

type Container = Pod['spec']['containers'][number]

/** The resource lists of a container of which the greatest amounts count. */
type ListsOf = (container: Container) => readonly (ResourceList | undefined)[]

const computed = new WeakMap<Pod['spec'], Requests>()
const computedOnNode = new WeakMap<Pod, Requests>()

function requestsOf(pod: Pod): Requests {
  let requests = computed.get(pod.spec)
  if (requests === undefined) {
    requests = requestsBy(pod, ({ resources }) => [resources?.requests])
    computed.set(pod.spec, requests)
  }
  return requests
}

function requestsOnNodeOf(pod: Pod): Requests {
  const { containerStatuses = [], initContainerStatuses = [], conditions } = pod.status ?? {}
  const statuses = [...containerStatuses, ...initContainerStatuses].filter(({ resources }) => resources !== undefined)
  if (statuses.length === 0) return requestsOf(pod)
  let requests = computedOnNode.get(pod)
  if (requests === undefined) {
    const byName = new Map(statuses.map((status) => [status.name, status]))
    const isInfeasible = conditionOf(conditions, 'PodResizePending')?.reason === 'Infeasible'
    requests = requestsBy(pod, (container) => {
      const asked = container.resources?.requests
      const status = isInitContainer(pod, container) ? undefined : byName.get(container.name)
      if (status === undefined) return [asked]
      const held = [status.resources?.requests, status.allocatedResources]
      return isInfeasible ? held : [asked, ...held]
    })
    computedOnNode.set(pod, requests)
  }
  return requests
}

/** Whether a container ends before the others begin: it cannot be resized. */
function isInitContainer({ spec }: Pod, container: Container): boolean {
  return container.restartPolicy !== 'Always' && spec.initContainers?.includes(container) === true
}

function requestsBy(pod: Pod, listsOf: ListsOf): Requests {
  const greatest = (lists: readonly (ResourceList | undefined)[]): PodResources =>
    lists.map(readResources).reduce(maximum)
  const exact = sumOfPod(pod, (container) => greatest(listsOf(container)))
  const forScore = sumOfPod(pod, (container) => {
    const lists = listsOf(container)
    const read = greatest(lists)
    const has = (name: string): boolean => lists.some((list) => list !== undefined && Object.hasOwn(list, name))
    return {
      ...read,
      milliCpu: has('cpu') ? read.milliCpu : scoreFloor.milliCpu,
      memory: has('memory') ? read.memory : scoreFloor.memory,
    }
  })
  return { exact, forScore: { milliCpu: forScore.milliCpu, memory: forScore.memory } }
}

function sumOfPod(pod: Pod, read: (container: Container) => PodResources): PodResources {
  let running = noResources
  for (const container of pod.spec.containers) running = addResources(running, read(container))
  let sidecars = noResources
  let peak = noResources
  for (const container of pod.spec.initContainers ?? []) {
    const own = read(container)
    if (container.restartPolicy === 'Always') {
      sidecars = addResources(sidecars, own)
      peak = maximum(peak, sidecars)
    } else peak = maximum(peak, addResources(sidecars, own))
  }
  let total = maximum(addResources(running, sidecars), peak)
  const whole = pod.spec.resources?.requests
  if (whole !== undefined) {
    const own = readResources(whole)
    const hugePages = [...own.others].filter(([name]) => name.startsWith('hugepages-'))
    total = {
      ...total,
      milliCpu: Object.hasOwn(whole, 'cpu') ? own.milliCpu : total.milliCpu,
      memory: Object.hasOwn(whole, 'memory') ? own.memory : total.memory,
      others: hugePages.length === 0 ? total.others : new Map([...total.others, ...hugePages]),
    }
  }
  return pod.spec.overhead === undefined ? total : addResources(total, readResources(pod.spec.overhead))
}
