import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { matchesNodeSelectors } from '#machinery/nodeSelector.ts'
import { findUntolerated } from '#machinery/taints.ts'
import { PodTable } from '#scheduler/counts/podTable.ts'
import { noDomain, Topologies } from '#scheduler/counts/topology.ts'
import type { FeasibleNodes, NodeGroups, Plugin, Rejection, WakeChange } from '#scheduler/plugin.ts'
import type { ClusterView, Neighbour } from '#scheduler/snapshot.ts'
import { mostScore } from './normalize.ts'
import {
  constraintFinder,
  type Constraint,
  type Constraints,
  type PodTopologySpreadArguments,
  type SiblingsOf,
} from './spreadConstraints.ts'

/** A constraint with the pods that it counts. */
interface Counted {
  readonly constraint: Constraint
  /** What is counted, as text. */
  readonly key: string
  readonly table: PodTable
  /** 1 when the pod itself will count, else 0. */
  readonly itself: number
}

interface Spread {
  /** Constraints that must hold. */
  readonly hard: readonly Counted[]
  /** Constraints that only count for the score. */
  readonly soft: readonly Counted[]
  readonly softNeedAllLabels: boolean
  /** What `adjust` added to the pods of the tables of `hard`, by domain. */
  readonly added: ReadonlyMap<PodTable, ReadonlyMap<number, number>>
}

const hostname = 'kubernetes.io/hostname'
/** The effects of taints that keep a node's pods out of the count under `nodeTaintsPolicy: Honor`. */
const forbidding = ['NoSchedule', 'NoExecute']
const reason = "node(s) didn't match pod topology spread constraints"

/** For so many constraints the counts are remembered; those of others are counted anew when they are needed. */
const mostRemembered = 256

/** Keeps a pod's fellows evenly spread over domains: by constraints of its own, or loosely by those of the cluster. */
export function podTopologySpread(siblingsOf: SiblingsOf, options: PodTopologySpreadArguments = {}): Plugin<Spread> {
  const constraintsOf = constraintFinder(siblingsOf, options)
  const topologies = new Topologies()
  const tables = new RecentMap<string, PodTable>(mostRemembered)

  const count = (pod: Pod, constraints: Constraints | undefined, cluster: ClusterView): readonly Counted[] => {
    if (constraints === undefined) return []
    const { each, needAllLabels } = constraints
    const labels = needAllLabels ? each.map(({ topologyKey }) => topologyKey) : []
    return each.map((constraint) => {
      const { topologyKey, selected } = constraint
      const topology = topologies.of(topologyKey, cluster)
      const key = keyOf(pod, constraint, labels)
      const table = tables.getOrMake(key, () => {
        const { namespace } = pod.metadata
        return new PodTable(topology, {
          includes: (other) => isFellow(constraint, namespace, other),
          takesPart: ({ node }) => takesPart(pod, constraint, labels, node),
        })
      })
      table.follow(cluster)
      return { constraint, key, table, itself: Number(selected.includes(pod)) }
    })
  }

  const podHelps = ({ pod, changedPod, oldChangedPod }: WakeChange): boolean => {
    const constraints = constraintsOf(pod, 'DoNotSchedule')?.each ?? []
    const concerns = (other: Pod | undefined): boolean =>
      other === undefined ||
      other.metadata.uid === pod.metadata.uid ||
      ((other.spec.nodeName ?? '') !== '' && other.metadata.namespace === pod.metadata.namespace)
    if (!concerns(changedPod) || !concerns(oldChangedPod)) return false
    if (changedPod === undefined || oldChangedPod === undefined) {
      const other = (changedPod ?? oldChangedPod)!
      return constraints.some(({ selected }) => selected.includes(other))
    }
    const isItself = pod.metadata.uid === changedPod.metadata.uid
    if (isItself && !sameJson(changedPod.spec.tolerations, oldChangedPod.spec.tolerations)) {
      if (constraints.some(({ honorsTaints }) => honorsTaints)) return true
    }
    const isEnding = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined
    return constraints.some(
      ({ selected }) =>
        (selected.includes(changedPod) && !isEnding(changedPod)) !==
        (selected.includes(oldChangedPod) && !isEnding(oldChangedPod)),
    )
  }

  const nodeHelps = ({ pod, node, oldNode }: WakeChange): boolean => {
    const keys = (constraintsOf(pod, 'DoNotSchedule')?.each ?? []).map(({ topologyKey }) => topologyKey)
    const matches = node !== undefined && hasLabels(node, keys)
    const matched = oldNode !== undefined && hasLabels(oldNode, keys)
    if (node === undefined || oldNode === undefined || matches !== matched) return matches || matched
    return (
      matches &&
      (keys.some((key) => node.metadata.labels![key] !== oldNode.metadata.labels![key]) ||
        !sameJson(node.spec?.taints, oldNode.spec?.taints))
    )
  }

  return {
    name: 'PodTopologySpread',
    prepare(pod, cluster) {
      const [hard, soft] = [constraintsOf(pod, 'DoNotSchedule'), constraintsOf(pod, 'ScheduleAnyway')]
      if (hard === undefined && soft === undefined) return 'skip'
      return {
        hard: count(pod, hard, cluster),
        soft: count(pod, soft, cluster),
        softNeedAllLabels: soft?.needAllLabels ?? false,
        added: new Map(),
      }
    },
    adjust(state, pod, { node }, { added: coming, removed: leaving }) {
      const added = new Map([...state.added].map(([table, counts]) => [table, new Map(counts)]))
      const labels = state.hard.map(({ constraint }) => constraint.topologyKey)
      for (const { constraint, table } of state.hard) {
        if (!takesPart(pod, constraint, labels, node)) continue
        const counts = (others: readonly Pod[]): number =>
          others.filter((other) => isFellow(constraint, pod.metadata.namespace, other)).length
        const step = counts(coming) - counts(leaving)
        const domain = table.topology.of(node)
        const byDomain = added.get(table) ?? new Map<number, number>()
        // Two constraints may share a table, which has each pod once.
        byDomain.set(domain, (state.added.get(table)?.get(domain) ?? 0) + step)
        added.set(table, byDomain)
      }
      return { ...state, added }
    },
    filter(_pod, { node }, { hard, added }) {
      for (const each of hard) {
        const rejection = breaks(each, node, added.get(each.table))
        if (rejection !== undefined) return rejection
      }
      return undefined
    },
    sieve(_pod, { nodes }, { hard }, rejected) {
      for (const { constraint, table, itself } of hard) {
        const most = constraint.maxSkew + leastOf(constraint, table) - itself
        const { domains, counts } = table
        for (let at = 0; at < nodes.length; at++) {
          const domain = domains[at]!
          rejected[at]! |= Number(domain === noDomain) | Number(counts[domain]! > most)
        }
      }
    },
    mayReject: ({ hard }) => hard.length > 0,
    tellsApart: ({ soft }) => soft.length > 0,
    scoreAll: (_pod, _cluster, { soft, softNeedAllLabels }, feasible, scores) =>
      soft.length > 0 && score(soft, softNeedAllLabels, feasible, scores),
    groups: ({ soft }) => groupsOf(soft),
    wakesOn: [
      { event: { resource: 'pods', action: 'add' }, helps: podHelps },
      { event: { resource: 'pods', action: 'update' }, helps: podHelps },
      { event: { resource: 'pods', action: 'delete' }, helps: podHelps },
      { event: { resource: 'nodes', action: 'add' }, helps: nodeHelps },
      { event: { resource: 'nodes', action: 'update' }, helps: nodeHelps },
      { event: { resource: 'nodes', action: 'delete' }, helps: nodeHelps },
    ],
  }
}

/** Whether a pod counts among those of a constraint of this namespace. */
function isFellow({ selected }: Constraint, namespace: string | undefined, other: Neighbour): boolean {
  return (
    other.metadata.deletionTimestamp === undefined &&
    other.metadata.namespace === namespace &&
    selected.isEverybody !== true &&
    selected.includes(other)
  )
}

/** The same for constraints that count the same pods on the same nodes. */
function keyOf({ metadata, spec }: Pod, constraint: Constraint, labels: readonly string[]): string {
  const { topologyKey, honorsAffinity, honorsTaints, selected } = constraint
  return JSON.stringify([
    topologyKey,
    metadata.namespace,
    selected.key,
    labels,
    honorsAffinity && [spec.nodeSelector, spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution],
    honorsTaints && (spec.tolerations ?? []),
  ])
}

/** Whether the pods on a node count for a pod's constraint. */
function takesPart(
  pod: Pod,
  { honorsAffinity, honorsTaints }: Constraint,
  labels: readonly string[],
  node: Node,
): boolean {
  return (
    hasLabels(node, labels) &&
    (!honorsAffinity || matchesNodeSelectors(pod, node)) &&
    (!honorsTaints || findUntolerated(node.spec?.taints, pod.spec.tolerations, forbidding) === undefined)
  )
}

function hasLabels({ metadata }: Node, keys: readonly string[]): boolean {
  return keys.every((key) => metadata.labels !== undefined && Object.hasOwn(metadata.labels, key))
}

/** The pods in the emptiest domain; 0 as long as there are fewer domains than there should be. */
function leastOf({ minDomains }: Constraint, table: PodTable, other?: ReadonlyMap<number, number>): number {
  return table.domainCount < minDomains ? 0 : table.leastWith(other)
}

function breaks(
  { constraint, table, itself }: Counted,
  node: Node,
  added: ReadonlyMap<number, number> | undefined,
): Rejection | undefined {
  const { topologyKey, maxSkew } = constraint
  const count = table.countAt(node)
  if (count === undefined) {
    return { reason: `${reason} (missing required label)`, forever: true, cause: { kind: 'spread', topologyKey } }
  }
  const other =
    added === undefined
      ? undefined
      : new Map([...added].map(([domain, more]) => [domain, (table.counts[domain] ?? 0) + more]))
  const skew = (other?.get(table.topology.of(node)) ?? count) + itself - leastOf(constraint, table, other)
  if (skew <= maxSkew) return undefined
  const value = node.metadata.labels![topologyKey]!
  return { reason, cause: { kind: 'spread', topologyKey, value, skew, maxSkew, excess: skew - maxSkew } }
}

/** Nodes of the same domains, and with as many fellows where they count node by node. */
function groupsOf(soft: readonly Counted[]): NodeGroups {
  return {
    rule: soft.map(({ key, constraint }) => `${key} ${constraint.maxSkew}`).join(' '),
    keyAt(at) {
      let key = ''
      for (const { constraint, table } of soft) {
        const domain = table.domains[at]!
        key += ` ${constraint.topologyKey === hostname && domain !== noDomain ? `on ${table.onNode[at]}` : domain}`
      }
      return key
    },
  }
}

/** Fewer fellows in the node's domains are better; a key with many domains weighs more, so that hosts do not drown in zones. */
function score(
  soft: readonly Counted[],
  needAllLabels: boolean,
  { positions, sizes }: FeasibleNodes,
  scores: Float64Array,
): boolean {
  const ignored = needAllLabels ? ignoredOf(soft, positions) : undefined
  let considered = 0
  for (let i = 0; i < positions.length; i++) if (ignored?.[i] !== 1) considered += sizes?.[i] ?? 1
  scores.fill(0)
  for (const { constraint, table } of soft) {
    const { domains } = table
    const isHostname = constraint.topologyKey === hostname
    const size = isHostname ? considered : domainsAmong(table, positions, ignored)
    const weight = Math.log(size + 2)
    const base = constraint.maxSkew - 1
    const { counts, onNode } = table
    if (isHostname) {
      for (let i = 0; i < positions.length; i++) {
        const at = positions[i]!
        scores[i]! += (onNode[at]! * weight + base) * Number(domains[at] !== noDomain)
      }
    } else {
      for (let i = 0; i < positions.length; i++) {
        const domain = domains[positions[i]!]!
        scores[i]! += (counts[domain]! * weight + base) * Number(domain !== noDomain)
      }
    }
  }
  let [least, most] = [Infinity, 0]
  for (let i = 0; i < scores.length; i++) {
    if (ignored?.[i] === 1) continue
    const rounded = Math.round(scores[i]!)
    scores[i] = rounded
    if (rounded < least) least = rounded
    if (rounded > most) most = rounded
  }
  for (let i = 0; i < scores.length; i++) {
    if (ignored?.[i] === 1) scores[i] = 0
    else scores[i] = most === 0 ? mostScore : Math.trunc((mostScore * (most + least - scores[i]!)) / most)
  }
  return true
}

/** Which of the feasible nodes lack a label; undefined when none does. */
function ignoredOf(soft: readonly Counted[], positions: Int32Array): Uint8Array | undefined {
  let marks: Uint8Array | undefined
  for (const { table } of soft) {
    if (table.topology.unlabelled === 0) continue
    const { domains } = table
    for (let i = 0; i < positions.length; i++) {
      if (domains[positions[i]!] !== noDomain) continue
      marks ??= new Uint8Array(positions.length)
      marks[i] = 1
    }
  }
  return marks
}

let seen = new Uint8Array()

/** How many domains the feasible nodes are in; all those without the label count as in one more. */
function domainsAmong({ domains, topology }: PodTable, positions: Int32Array, ignored: Uint8Array | undefined): number {
  if (seen.length < topology.size) seen = new Uint8Array(2 * topology.size)
  else seen.fill(0, 0, topology.size)
  let count = 0
  const most = topology.domainCount + Math.min(topology.unlabelled, 1)
  for (let i = 0; i < positions.length && count < most; i++) {
    if (ignored?.[i] === 1) continue
    const domain = domains[positions[i]!]!
    count += 1 - seen[domain]!
    seen[domain] = 1
  }
  return count
}
