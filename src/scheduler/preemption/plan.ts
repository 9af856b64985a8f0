import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import { conditionOf } from '#machinery/conditions.ts'
import type { Diagnosis, Fitting } from '#scheduler/cycle.ts'
import { countedReasons } from '#scheduler/diagnosis.ts'
import type { Nominations } from '#scheduler/nominations.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import { priorityOf } from './importance.ts'
import { Trial } from './trial.ts'
import { isCandidate, selectVictims, type Candidate } from './victims.ts'

/** How many nodes are tried; of `DefaultPreemptionArgs`. */
export interface PreemptionOptions {
  readonly minCandidateNodesPercentage: number
  readonly minCandidateNodesAbsolute: number
}

export const usualPreemption: PreemptionOptions = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 }

/** What a plan is made from. */
export interface PreemptionSituation {
  readonly pod: Pod
  /** The attempt that found no node. */
  readonly attempt: Pick<Fitting, 'nodes' | 'hooks' | 'diagnosis'>
  readonly nominations: Nominations
  readonly budgets: readonly PodDisruptionBudget[]
  readonly options: PreemptionOptions
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly random: Random
}

export type PreemptionPlan =
  /** The pod may not make room for itself, or has done so and waits; a promise that it has stands. */
  | { readonly kind: 'ineligible'; readonly message: string }
  /** Nobody's going would help; a promise that the pod had is void. */
  | { readonly kind: 'hopeless'; readonly message: string }
  /** One of these nodes can be freed; at least one. */
  | { readonly kind: 'candidates'; readonly candidates: readonly Candidate[] }

/** Decides whether other pods should go for one that fits nowhere, and which. */
export function planPreemption(situation: PreemptionSituation): PreemptionPlan {
  const ineligible = findIneligibility(situation)
  if (ineligible !== undefined) return { kind: 'ineligible', message: ineligible }
  const { candidates, reasons } = findCandidates(situation)
  if (candidates.length > 0) return { kind: 'candidates', candidates }
  const { nodes } = situation.attempt.diagnosis
  return { kind: 'hopeless', message: `0/${nodes} nodes are available: ${countedReasons(reasons)}.` }
}

function findIneligibility({ pod, attempt }: PreemptionSituation): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.status?.nominatedNodeName ?? ''
  if (nominated === '' || isBeyondHelp(attempt.diagnosis, nominated)) return undefined
  const view = attempt.nodes.find(({ name }) => name === nominated)
  const leaving = view?.pods.some((other) => priorityOf(other) < priorityOf(pod) && isLeavingForAnother(other))
  return leaving === true ? 'not eligible due to a terminating pod on the nominated node.' : undefined
}

/** Whether no eviction would make a node do. */
function isBeyondHelp({ rejections, whole }: Diagnosis, node: string): boolean {
  if (whole !== undefined) return whole.rejection.forever === true
  return rejections.find((rejection) => rejection.node === node)?.rejection.forever === true
}

/** Whether a pod is on its way out because the scheduler wanted its place. */
function isLeavingForAnother({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false
  const target = conditionOf(status?.conditions, 'DisruptionTarget')
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler'
}

/**
 * Tries nodes from a random one on until enough were found, at least one of them without breaking a budget. Those that
 * break none come first. `reasons` tell for every node why it is none, for when there is no candidate.
 */
function findCandidates(situation: PreemptionSituation): {
  readonly candidates: readonly Candidate[]
  readonly reasons: readonly string[]
} {
  const { pod, attempt, nominations, budgets, options, now, random } = situation
  const { diagnosis, hooks } = attempt
  const nodes = helpableNodes(attempt)
  const reasons = Array.from(
    { length: diagnosis.nodes - nodes.length },
    () => 'Preemption is not helpful for scheduling',
  )
  if (nodes.length === 0) return { candidates: [], reasons }
  const share = Math.trunc((nodes.length * options.minCandidateNodesPercentage) / 100)
  const enough = Math.min(nodes.length, Math.max(share, options.minCandidateNodesAbsolute))
  const offset = randomInteger(random, nodes.length)
  const clean: Candidate[] = []
  const violating: Candidate[] = []
  for (let i = 0; i < nodes.length; i++) {
    if (clean.length > 0 && clean.length + violating.length >= enough) break
    const view = nodes[(offset + i) % nodes.length]!
    const promised = nominations.ahead(pod, view.name)
    const found = selectVictims(new Trial(pod, view, hooks), { budgets, promised, now })
    if (!isCandidate(found)) reasons.push(...found.reasons)
    else (found.violations === 0 ? clean : violating).push(found)
  }
  return { candidates: [...clean, ...violating], reasons }
}

/** The nodes that evictions may make fit. */
function helpableNodes({ nodes, diagnosis }: PreemptionSituation['attempt']): readonly NodeView[] {
  // Where the pod was turned down altogether, not every plugin was asked, so nothing can be tried.
  if (diagnosis.whole !== undefined) return []
  const helpable = new Set<string>()
  for (const { node, rejection } of diagnosis.rejections) if (rejection.forever !== true) helpable.add(node)
  return nodes.filter(({ name }) => helpable.has(name))
}
