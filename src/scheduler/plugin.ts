import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { ClusterView, NodeView } from './snapshot.ts'

/** Why a node, or the whole cluster, will not do. `forever`: evicting other pods would not help. */
export interface Rejection {
  /** The text of `FailedScheduling`, such as `Insufficient cpu`. */
  readonly reason: string
  /** Reasons beside the first, when one plugin finds several. */
  readonly furtherReasons?: readonly string[]
  readonly forever?: boolean
  /** What would change the answer, for `why`: a typed cause with its figures. */
  readonly cause?: RejectionCause
  /** Causes beside the first, when one plugin finds several. */
  readonly furtherCauses?: readonly RejectionCause[]
}

/** What is the matter with the volumes or claims of a pod. */
export type VolumeProblem =
  /** A claim is not there, or is of no use; the reason says more. */
  | 'missingClaim'
  | 'unusableClaim'
  /** A claim has no volume, and nobody waits for the pod to make it one. */
  | 'unbound'
  /** The volume is where other nodes are. */
  | 'elsewhere'
  /** No volume is free that the node could use, and none can be made there; or none for lack of room. */
  | 'noneToBind'
  | 'noSpace'
  /** A claim is bound to a volume that is not there. */
  | 'missingVolume'
  /** The node has as many volumes of a driver as it can attach. */
  | 'limit'
  /** Another pod uses a disk, or a claim, that cannot be shared. */
  | 'diskInUse'
  | 'claimInUse'

/** The machine-readable side of a rejection. */
export type RejectionCause =
  | {
      readonly kind: 'resource'
      readonly resource: string
      readonly requested: number
      readonly free: number
      readonly capacity: number
    }
  | { readonly kind: 'taint'; readonly key: string; readonly value?: string; readonly effect: string }
  | { readonly kind: 'selector' }
  | { readonly kind: 'name' }
  | { readonly kind: 'unschedulable' }
  | { readonly kind: 'port'; readonly protocol: string; readonly port: number }
  | { readonly kind: 'gate'; readonly gates: readonly string[] }
  /** A volume or claim of the pod. `driver`: whose limit is reached. */
  | { readonly kind: 'volume'; readonly problem: VolumeProblem; readonly claim?: string; readonly driver?: string }
  /** No pod that a required term is about is in the node's domain; without `value` the node has no such label. */
  | { readonly kind: 'affinity'; readonly topologyKey: string; readonly value?: string }
  /** So many pods in the node's domain would have to go: ones that the pod avoids, or (`existing`) ones that avoid it. */
  | {
      readonly kind: 'antiAffinity'
      readonly topologyKey: string
      readonly value: string
      readonly pods: number
      readonly existing: boolean
    }
  /**
   * The node's domain would have `skew` pods more than the emptiest, of at most `maxSkew`; without `value` the node has no
   * such label. `excess`: so many pods less in the domain, or more in the emptiest ones, would do.
   */
  | {
      readonly kind: 'spread'
      readonly topologyKey: string
      readonly value?: string
      readonly skew?: number
      readonly maxSkew?: number
      readonly excess?: number
    }

/** The kinds whose changes may let a waiting pod fit, by the plural name of the resource. */
export const watchedResources = [
  'nodes',
  'pods',
  'namespaces',
  'persistentvolumeclaims',
  'persistentvolumes',
  'storageclasses',
  'csinodes',
  'csidrivers',
  'csistoragecapacities',
  'volumeattachments',
] as const

export type WatchedResource = (typeof watchedResources)[number]

/** Something in the cluster changed; `pods` means pods that are on a node, or the waiting pod itself for `update`. */
export interface ClusterEvent {
  readonly resource: WatchedResource
  readonly action: 'add' | 'update' | 'delete'
}

/** Pods that come to a node and pods that leave it, in a world that is only considered. */
export interface PodsOfNodeChange {
  readonly added: readonly Pod[]
  readonly removed: readonly Pod[]
}

/** Nodes that fit. */
export interface FeasibleNodes {
  readonly positions: Int32Array
  /** For how many nodes each stands, itself among them; absent: for itself alone. */
  readonly sizes?: Int32Array | undefined
}

/**
 * Groups of nodes that get the same score whichever nodes are feasible. To which a node belongs depends on its view alone, for
 * as long as the rule is the same: nodes that stay as they are, are not asked about again.
 */
export interface NodeGroups {
  /** What the groups are made by, as text. */
  readonly rule: string
  /** The same for the nodes of a group. */
  keyAt(position: number): string | number
}

/**
 * A scheduling rule. It implements only the hooks it needs; S is what `prepare` computed once for this pod.
 * `filter` and `score` are pure and synchronous, over an immutable snapshot.
 *
 * Every node is considered for every pod. That is cheap for plugins with `looksAt`: pods of one template get the answers
 * that were given to the first of them, and only nodes that changed since are asked again. A plugin without it is asked
 * about every node each time, so it should have done its counting in `prepare`, and answer for all nodes in one go
 * (`sieve`, `scoreAll`), or better for few groups of them (`groups`).
 */
export interface Plugin<S = unknown> {
  readonly name: string
  /**
   * Everything of a pod that `prepare`, `filter` and `score` look at, as JSON. With it a plugin promises to look at nothing
   * else but the one node's view, and never at the rest of the cluster; its answers are then those for every pod of which
   * this is the same, for as long as the view is the same.
   */
  looksAt?(pod: Pod): unknown
  /** Keeps a pod out of the queue altogether. */
  gate?(pod: Pod): Rejection | undefined
  /** Computes what the pod needs, once for all nodes; `skip` leaves this plugin out of `filter` and `score`. */
  prepare?(pod: Pod, cluster: ClusterView): S | Rejection | 'skip'
  /**
   * The state that `prepare` would give if those pods were on that node, or were not; `state` stays as it is. Absent where
   * the state does not depend on pods of nodes. `node` may be the view before or after the change: its pods are not looked
   * at. The result is for `filter` alone.
   */
  adjust?(state: S, pod: Pod, node: NodeView, change: PodsOfNodeChange): S
  filter?(pod: Pod, node: NodeView, state: S): Rejection | undefined
  /** The only nodes that may do, by name, where the pod itself says so; `filter` says the same of them. */
  names?(pod: Pod): ReadonlySet<string> | undefined
  /** What `filter` says of all nodes at once: sets 1 at each position that it would reject. For plugins without `looksAt`. */
  sieve?(pod: Pod, cluster: ClusterView, state: S, rejected: Uint8Array): void
  /** Whether `sieve` and `filter` may reject any node for this pod; absent: they may. */
  mayReject?(state: S): boolean
  /** 0 to 100, before `normalize` and the plugin's weight. `position` is where the node stands in the cluster's list. */
  score?(pod: Pod, node: NodeView, state: S, position: number): number
  /** Brings the raw scores of all feasible nodes, in the same order, into 0 to 100. */
  normalize?(scores: Float64Array, state: S): void
  /**
   * In place of `score` and `normalize` where a score depends on which nodes are feasible: `scores[i]` is to become that of
   * the node at `positions[i]`, from 0 to 100. False when all are equal, and then they need not be set.
   */
  scoreAll?(pod: Pod, cluster: ClusterView, state: S, feasible: FeasibleNodes, scores: Float64Array): boolean
  /** Whether `scoreAll` may tell nodes apart for this pod; absent: it may. */
  tellsApart?(state: S): boolean
  /** How nodes can be grouped of which `scoreAll` scores one for all; undefined, or absent, when they cannot. */
  groups?(state: S, cluster: ClusterView): NodeGroups | undefined
  /**
   * Sets aside what the pod needs on the chosen node, before the next pod is looked at. Synchronous, and without writes to
   * the API. A rejection, or an error thrown, ends the attempt. Not asked when `prepare` said `skip`; nor are the hooks below.
   */
  reserve?(pod: Pod, node: string, state: S): Rejection | undefined
  /**
   * Takes `reserve` back, after anything failed from `reserve` on. Runs in reverse order of the plugins, for those too whose
   * `reserve` was not reached or refused; it must not throw.
   */
  unreserve?(pod: Pod, node: string, state: S): void
  /** Holds a pod back that has its node. A rejection makes it unschedulable. The signal aborts when the pod or the scheduler ends. */
  permit?(pod: Pod, node: string, state: S, signal: AbortSignal): Promise<Rejection | undefined>
  /**
   * Does in the cluster what must be done before the pod is bound, such as binding its volumes. It runs beside the loop and
   * may take minutes. What it throws is an error to retry after the back-off (`SchedulerError`), never a rejection.
   */
  preBind?(pod: Pod, node: string, state: S, signal: AbortSignal): Promise<void>
  /** Events that may make a pod which this plugin rejected fit; absent: any. */
  readonly wakesOn?: readonly WakeRule[]
}

/** One reason to look at a rejected pod again. */
export interface WakeRule {
  readonly event: ClusterEvent
  /** Whether this very change can help; absent: any such event may. */
  helps?(change: WakeChange): boolean
}

/** A change as seen by one waiting pod. What is absent was or is not there: `oldNode` of an added node, `node` of a deleted one. */
export interface WakeChange {
  /** The pod that waits, as it now is. */
  readonly pod: Pod
  /** The node that changed, for events of nodes. */
  readonly node?: Node
  readonly oldNode?: Node
  /** The pod that changed, for events of pods: one on a node, or the waiting pod itself (the same uid as that of `pod`). */
  readonly changedPod?: Pod
  readonly oldChangedPod?: Pod
  /** The object that changed, for events of any other resource; the resource of the event says of which kind it is. */
  readonly object?: unknown
  readonly oldObject?: unknown
}
