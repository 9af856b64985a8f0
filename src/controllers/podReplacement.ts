import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'

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
  return pods
    .map((pod) => ({ pod, rank: rankOf(pod, crowd, now) }))
    .toSorted((a, b) => compareRanks(a.rank, b.rank) || compareText(a.pod.metadata.uid, b.pod.metadata.uid))
    .slice(0, count)
    .map(({ pod }) => pod)
}

/** What is compared, in this order; the smaller number goes first. */
type Rank = readonly number[]

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

function rankOf(pod: Pod, crowd: ReadonlyMap<string, number>, now: number): Rank {
  const node = pod.spec.nodeName ?? ''
  const condition = conditionOf(pod.status?.conditions, 'Ready')
  const ready = condition?.status === 'True'
  const readySince = ready ? millisecondsOf(condition.lastTransitionTime) : undefined
  const restarts = restartsOf(pod)
  return [
    node === '' ? 0 : 1,
    phaseRank[pod.status?.phase ?? ''] ?? 0,
    ready ? 1 : 0,
    deletionCost(pod),
    -(crowd.get(node) ?? 0),
    ready ? magnitude(readySince, now) : 0,
    -restarts.containers,
    -restarts.sidecars,
    magnitude(millisecondsOf(pod.metadata.creationTimestamp), now),
  ]
}

function compareRanks(a: Rank, b: Rank): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!
  return 0
}

function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
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
