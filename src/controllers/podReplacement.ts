import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { isReady } from './podAvailability.ts'

/** How much a pod costs to delete, compared with others of its owner; 0 when absent or not a 32-bit number. */
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

/**
 * Which `count` of an owner's pods to delete. Those go first that are missed least: not assigned, not running, not
 * ready, cheap (KEP-2255), sharing a node with related pods, ready for a short time, restarted often, young. Ages are
 * compared by their order of magnitude (KEP-2185), so that among pods of a similar age it is not always the newest.
 *
 * `related` are the pods of the same application, those of other revisions included.
 */
export function choosePodsToDelete(
  pods: readonly Pod[],
  count: number,
  related: readonly Pod[],
  now: number,
): readonly Pod[] {
  if (count <= 0) return []
  if (count >= pods.length) return pods
  const crowd = new Map<string, number>()
  for (const pod of related) {
    const node = pod.spec.nodeName ?? ''
    if (node !== '' && pod.metadata.deletionTimestamp === undefined) crowd.set(node, (crowd.get(node) ?? 0) + 1)
  }
  return firstOf(pods, count, criteriaOf(crowd, now))
}

/** What pods are compared by; the smaller number goes first. */
type Criterion = (pod: Pod) => number

/** In this order: each counts only between pods that are the same by all before it. */
function criteriaOf(crowd: ReadonlyMap<string, number>, now: number): readonly Criterion[] {
  return [
    ({ spec }) => ((spec.nodeName ?? '') === '' ? 0 : 1),
    ({ status }) => phaseRank[status?.phase ?? ''] ?? 0,
    (pod) => (isReady(pod) ? 1 : 0),
    deletionCost,
    ({ spec }) => -(crowd.get(spec.nodeName ?? '') ?? 0),
    (pod) => magnitude(readySince(pod), now),
    (pod) => -restartsOf(pod).containers,
    (pod) => -restartsOf(pod).sidecars,
    ({ metadata }) => magnitude(millisecondsOf(metadata.creationTimestamp), now),
  ]
}

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/**
 * The first `count` pods by these criteria, in order; by their uids where all are the same. Only a few of very many are
 * asked for, and most of the others are told apart from them by the first criteria:
 *
 *     3 wanted, by node     [a b] [c d e]     a and b, and one of the others
 *     1 wanted, by phase          [d e] [c]   one of d and e
 *     1 wanted, by uid            d
 */
function firstOf(pods: readonly Pod[], count: number, [criterion, ...others]: readonly Criterion[]): readonly Pod[] {
  if (pods.length === 1) return pods
  if (criterion === undefined) {
    return pods.toSorted((a, b) => compareText(a.metadata.uid, b.metadata.uid)).slice(0, count)
  }
  const chosen: Pod[] = []
  for (const [, group] of [...Map.groupBy(pods, criterion)].toSorted(([a], [b]) => a - b)) {
    chosen.push(...firstOf(group, count - chosen.length, others))
    if (chosen.length >= count) break
  }
  return chosen
}

function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function readySince({ status }: Pod): number | undefined {
  const condition = conditionOf(status?.conditions, 'Ready')
  return condition?.status === 'True' ? millisecondsOf(condition.lastTransitionTime) : undefined
}

/** The order of magnitude of an age, in powers of two of a nanosecond; what has no time yet is youngest. */
function magnitude(since: number | undefined, now: number): number {
  const age = since === undefined ? 0 : now - since
  return age > 0 ? Math.floor(Math.log2(age * 1e6)) : -1
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation]
  if (text === undefined || !/^(0|-?[1-9]\d{0,9}|[+][1-9]\d{0,9})$/.test(text)) return 0
  const cost = Number(text)
  return cost === Math.trunc(cost) && Math.abs(cost) < 2 ** 31 ? cost : 0
}

/** The most restarts of any one container, sidecars apart. */
export function restartsOf({ spec, status }: Pod): { readonly containers: number; readonly sidecars: number } {
  const most = (statuses: readonly ContainerStatus[] = []): number =>
    statuses.reduce((count, { restartCount }) => Math.max(count, restartCount), 0)
  const isSidecar = ({ name }: ContainerStatus): boolean =>
    spec.initContainers?.some((each) => each.name === name && each.restartPolicy === 'Always') === true
  return {
    containers: most(status?.containerStatuses),
    sidecars: most(status?.initContainerStatuses?.filter(isSidecar)),
  }
}
