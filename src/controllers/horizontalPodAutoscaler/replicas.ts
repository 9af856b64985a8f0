// How many replicas a measure asks for (KEP-853 and the algorithm of the documentation of horizontal pod autoscaling).
import type { Pod } from '#api/core/v1/pod.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isProblem, type PodMeasure, type PodMeasures, type Problem } from './measures.ts'

/** How far a measure may be from its target before anything changes, as a share, in both directions. */
export interface Tolerance {
  readonly up: number
  readonly down: number
}

export const defaultTolerance: Tolerance = { up: 0.1, down: 0.1 }

/** For so long after its start a pod's cpu is looked at with care: starting takes more than running. */
const cpuInitialization = 5 * 60_000
/** A pod that became unready within so long after its start has never been ready. */
const initialReadinessDelay = 30_000
const greatest = 2 ** 31 - 1

const noPods = 'no pods returned by selector while calculating replica count'
const noneReady = 'did not receive metrics for targeted pods (pods might be unready)'

/** What a measure asks for, and what it was: amounts in thousandths. */
export interface Proposal {
  readonly replicas: number
  /** For each pod on average, or as a whole. */
  readonly milli: number
  /** The percentage of what is requested. */
  readonly utilization?: number
}

interface Surroundings {
  readonly pods: readonly Pod[]
  readonly measures: PodMeasures
  /** How many there should be now. */
  readonly current: number
  readonly tolerance: Tolerance
  readonly now: number
}

/** So many that each pod uses `target` percent of what it requests. */
export function byUtilization(
  around: Surroundings & {
    readonly resource: string
    readonly target: number
    readonly requests: () => ReadonlyMap<string, number> | Problem
  },
): Proposal | Problem {
  const { pods, measures, resource, target, now } = around
  if (pods.length === 0) return { problem: noPods }
  const groups = groupPods(pods, measures, resource, now)
  if (groups.counted.size === 0) return { problem: noneReady }
  const requests = around.requests()
  if (isProblem(requests)) return requests
  const ratioOf = (of: ReadonlyMap<string, number>): Use | Problem => useOf(of, requests, target)
  // Where more is wanted than is requested, a pod that is not measured counts with what is wanted.
  const whenLess = (name: string): number => Math.trunc(((requests.get(name) ?? 0) * Math.max(100, target)) / 100)
  const found = adjust(around, groups, ratioOf, whenLess)
  return isProblem(found)
    ? found
    : { replicas: found.replicas, milli: found.use.milli, utilization: found.use.percent! }
}

/** So many that the average of the pods is `target` thousandths. `resource` is empty for measures that are none. */
export function byAverage(
  around: Surroundings & { readonly resource: string; readonly target: number },
): Proposal | Problem {
  const { pods, measures, resource, target, now } = around
  if (pods.length === 0) return { problem: noPods }
  const groups = groupPods(pods, measures, resource, now)
  if (groups.counted.size === 0) return { problem: noneReady }
  const ratioOf = (of: ReadonlyMap<string, number>): Use => {
    const milli = Math.trunc(sum(of.values()) / of.size)
    return { ratio: milli / target, milli }
  }
  const found = adjust(around, groups, ratioOf, () => target)
  return isProblem(found) ? found : { replicas: found.replicas, milli: found.use.milli }
}

/** So many that one amount becomes `target`, if it goes with the number of ready pods. From none it only counts itself. */
export function byValue(around: {
  readonly milli: number
  readonly target: number
  readonly current: number
  readonly pods: readonly Pod[]
  readonly tolerance: Tolerance
}): Proposal | Problem {
  const { milli, target, current, pods, tolerance } = around
  const ratio = milli / target
  if (current === 0) return { replicas: Math.ceil(ratio), milli }
  if (isWithin(tolerance, ratio)) return { replicas: current, milli }
  if (pods.length === 0) return { problem: `unable to calculate ready pods: ${noPods}` }
  const ready = pods.filter(
    ({ status }) => status?.phase === 'Running' && isConditionTrue(status.conditions, 'Ready'),
  ).length
  return { replicas: Math.min(greatest, Math.ceil(ratio * ready)), milli }
}

/** So many that each has `target` of one amount. */
export function byShare(around: {
  readonly milli: number
  readonly target: number
  /** How many there are. */
  readonly present: number
  readonly tolerance: Tolerance
}): Proposal {
  const { milli, target, present, tolerance } = around
  const stays = isWithin(tolerance, milli / (target * present))
  const replicas = stays ? present : Math.min(greatest, Math.ceil(milli / target))
  return { replicas, milli: present === 0 ? 0 : Math.ceil(milli / present) }
}

interface Use {
  /** Of what is, to what should be. */
  readonly ratio: number
  /** For each pod on average. */
  readonly milli: number
  readonly percent?: number
}

interface Groups {
  readonly ready: number
  readonly unready: readonly string[]
  readonly missing: readonly string[]
  /** What was measured of those that are neither unready nor on their way out. */
  readonly counted: ReadonlyMap<string, number>
}

/**
 * Pods by what their measures are worth:
 *
 *     being deleted, failed                                        left out
 *     pending                                                      unready
 *     nothing measured                                             missing
 *     cpu, started a short while ago, and unready or measured      unready
 *       while it became ready
 *     cpu, started long ago, and has never been ready              unready
 *     all others                                                   ready
 */
function groupPods(pods: readonly Pod[], measures: PodMeasures, resource: string, now: number): Groups {
  const counted = new Map<string, number>()
  for (const [name, { milli }] of measures) counted.set(name, milli)
  const unready: string[] = []
  const missing: string[] = []
  let ready = 0
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata
    const phase = pod.status?.phase
    const measure = measures.get(name)
    if (deletionTimestamp !== undefined || phase === 'Failed') counted.delete(name)
    else if (phase === 'Pending') {
      unready.push(name)
      counted.delete(name)
    } else if (measure === undefined) missing.push(name)
    else if (resource === 'cpu' && isStarting(pod, measure, now)) {
      unready.push(name)
      counted.delete(name)
    } else ready++
  }
  return { ready, unready, missing, counted }
}

function isStarting(pod: Pod, { at, window }: PodMeasure, now: number): boolean {
  const beginning = beginningOf(pod)
  if (beginning === undefined) return true
  const { started, since, isUnready } = beginning
  if (started + cpuInitialization > now) return isUnready || at < since + window
  return isUnready && started + initialReadinessDelay > since
}

/** When a pod was started, and since when it is ready or not. Times are in milliseconds. */
interface Beginning {
  readonly started: number
  readonly since: number
  readonly isUnready: boolean
}

/** Each pod is looked at four times a minute and seldom changes. */
const beginnings = new WeakMap<Pod, Beginning | undefined>()

/** Undefined while one of the two is not known. */
function beginningOf(pod: Pod): Beginning | undefined {
  let beginning = beginnings.get(pod)
  if (beginning === undefined && !beginnings.has(pod)) {
    beginning = readBeginning(pod)
    beginnings.set(pod, beginning)
  }
  return beginning
}

function readBeginning({ status }: Pod): Beginning | undefined {
  const condition = conditionOf(status?.conditions, 'Ready')
  const started = millisecondsOf(status?.startTime)
  if (condition === undefined || started === undefined) return undefined
  const since = millisecondsOf(condition.lastTransitionTime) ?? 0
  return { started, since, isUnready: condition.status === 'False' }
}

/**
 * The number that a ratio asks for. Pods of which too little is known count as if they spoke against a change: as much as
 * wanted where there are to be fewer, as nothing where there are to be more. If that turns the direction, nothing changes.
 */
function adjust(
  { current, tolerance }: Surroundings,
  { ready, unready, missing, counted }: Groups,
  ratioOf: (of: ReadonlyMap<string, number>) => Use | Problem,
  whenLess: (name: string) => number,
): { readonly replicas: number; readonly use: Use } | Problem {
  const use = ratioOf(counted)
  if (isProblem(use)) return use
  const { ratio } = use
  const countsUnready = unready.length > 0 && ratio > 1
  if (!countsUnready && missing.length === 0) {
    return { replicas: isWithin(tolerance, ratio) ? current : Math.ceil(ratio * ready), use }
  }
  const all = new Map(counted)
  if (ratio < 1) for (const name of missing) all.set(name, whenLess(name))
  if (ratio > 1) for (const name of missing) all.set(name, 0)
  if (countsUnready) for (const name of unready) all.set(name, 0)
  const second = ratioOf(all)
  if (isProblem(second)) return second
  const turned = (ratio < 1 && second.ratio > 1) || (ratio > 1 && second.ratio < 1)
  if (isWithin(tolerance, second.ratio) || turned) return { replicas: current, use }
  const replicas = Math.ceil(second.ratio * all.size)
  const isOpposite = (second.ratio < 1 && replicas > current) || (second.ratio > 1 && replicas < current)
  return { replicas: isOpposite ? current : replicas, use }
}

/** Percentages are whole: 2 of 3 are 66. Pods of which no request is known do not count. */
function useOf(
  measures: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
  target: number,
): Use | Problem {
  let [used, requested] = [0, 0]
  for (const [name, milli] of measures) {
    const request = requests.get(name)
    if (request === undefined) continue
    used += milli
    requested += request
  }
  if (requested === 0) return { problem: 'no metrics returned matched known pods' }
  const percent = Math.trunc((used * 100) / requested)
  return { ratio: percent / target, percent, milli: Math.trunc(used / measures.size) }
}

function isWithin({ up, down }: Tolerance, ratio: number): boolean {
  return 1 - down <= ratio && ratio <= 1 + up
}

function sum(amounts: Iterable<number>): number {
  let total = 0
  for (const amount of amounts) total += amount
  return total
}
