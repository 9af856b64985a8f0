import type { Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import { conditionOf } from '#machinery/conditions.ts'
import type { Diagnosis, Fitting } from '#scheduler/cycle.ts'
import { countedReasons } from '#scheduler/diagnosis.ts'
import type { Nominations } from '#scheduler/nominations.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import { dependsOnCluster, type Verdicts } from '#scheduler/verdicts.ts'
import { priorityOf } from './importance.ts'
import { Trial } from './trial.ts'
import { VictimMemory } from './victimMemory.ts'
import { isCandidate, selectVictims, type Candidate, type NoVictims } from './victims.ts'

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
  readonly attempt: Pick<Fitting, 'cluster' | 'nodes' | 'hooks' | 'verdicts' | 'diagnosis'>
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
  /** Nodes were refused where nobody has to go: it cannot be told who should. A promise that the pod has stands. */
  | { readonly kind: 'undecidable'; readonly message: string }
  /** Nobody's going would help; a promise that the pod had is void. */
  | { readonly kind: 'hopeless'; readonly message: string }
  /** One of these nodes can be freed; at least one. */
  | { readonly kind: 'candidates'; readonly candidates: readonly Candidate[] }

/** Decides whether other pods should go for one that fits nowhere, and which. */
export function planPreemption(situation: PreemptionSituation): PreemptionPlan {
  const ineligible = findIneligibility(situation)
  if (ineligible !== undefined) return { kind: 'ineligible', message: ineligible }
  const { candidates, reasons, free } = findCandidates(situation)
  if (candidates.length > 0) return { kind: 'candidates', candidates }
  if (free.length > 0) {
    const problems = free.map((node) => `expected at least one victim pod on node "${node}"`)
    return { kind: 'undecidable', message: problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]` }
  }
  const { nodes } = situation.attempt.diagnosis
  return { kind: 'hopeless', message: `0/${nodes} nodes are available: ${countedReasons(reasons)}.` }
}

function findIneligibility({ pod, attempt }: PreemptionSituation): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.status?.nominatedNodeName ?? ''
  if (nominated === '' || isBeyondHelp(attempt.diagnosis, nominated)) return undefined
  const leaving = viewOf(attempt, nominated)?.pods.some(
    (other) => priorityOf(other) < priorityOf(pod) && isLeavingForAnother(other),
  )
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
 * break none come first. `reasons` tell for every node why it is none, for when there is no candidate; `free` are the nodes
 * where nobody has to go.
 */
function findCandidates(situation: PreemptionSituation): {
  readonly candidates: readonly Candidate[]
  readonly reasons: readonly string[]
  readonly free: readonly string[]
} {
  const { attempt, options, random } = situation
  const { diagnosis } = attempt
  // Where the pod was turned down altogether, not every plugin was asked, so nothing can be tried.
  const helpable = diagnosis.whole === undefined ? helpableOf(attempt) : []
  const refused: NoVictims[] = []
  const free: string[] = []
  const share = Math.trunc((helpable.length * options.minCandidateNodesPercentage) / 100)
  const enough = Math.min(helpable.length, Math.max(share, options.minCandidateNodesAbsolute))
  const offset = helpable.length === 0 ? 0 : randomInteger(random, helpable.length)
  const findVictims = victimFinder(situation)
  const clean: Candidate[] = []
  const violating: Candidate[] = []
  for (let i = 0; i < helpable.length; i++) {
    if (clean.length > 0 && clean.length + violating.length >= enough) break
    const at = helpable[(offset + i) % helpable.length]!
    // It went while an extender was asked.
    if (at < 0) continue
    const found = findVictims(at)
    if (!isCandidate(found)) {
      refused.push(found)
      if (found.isFree === true) free.push(attempt.nodes[at]!.name)
    } else (found.violations === 0 ? clean : violating).push(found)
  }
  const candidates = [...clean, ...violating]
  const reasons: string[] = []
  if (candidates.length === 0) {
    for (const found of refused) reasons.push(...found.reasons)
    for (let i = helpable.length; i < diagnosis.nodes; i++) reasons.push('Preemption is not helpful for scheduling')
  }
  return { candidates, reasons, free }
}

/** The positions of the nodes that somebody's going might free; -1 for those that are not there any more. */
function helpableOf({ cluster, diagnosis }: PreemptionSituation['attempt']): ArrayLike<number> {
  return (
    diagnosis.summary?.notForever ??
    diagnosis.rejections
      .filter(({ rejection }) => rejection.forever !== true)
      .map(({ node }) => cluster.positionOf(node) ?? -1)
  )
}

function viewOf({ cluster, nodes }: PreemptionSituation['attempt'], name: string): NodeView | undefined {
  const position = cluster.positionOf(name)
  return position === undefined ? undefined : nodes[position]
}

/** For pods that are alike to all plugins, by their priority. */
const memories = new WeakMap<Verdicts, Map<number, VictimMemory>>()

function memoryOf(verdicts: Verdicts, priority: number): VictimMemory {
  let byPriority = memories.get(verdicts)
  if (byPriority === undefined) memories.set(verdicts, (byPriority = new Map()))
  let memory = byPriority.get(priority)
  if (memory === undefined) byPriority.set(priority, (memory = new VictimMemory()))
  return memory
}

/** Finds the victims of single nodes, or remembers them: in a burst of pods of one kind most nodes are as they were. */
function victimFinder(situation: PreemptionSituation): (at: number) => Candidate | NoVictims {
  const { pod, attempt, nominations, budgets, now } = situation
  const { cluster, nodes, hooks, verdicts } = attempt
  const select = (view: NodeView): Candidate | NoVictims =>
    selectVictims(new Trial(pod, view, hooks), { budgets, promised: nominations.ahead(pod, view.name), now })
  const dependsOnOthers = hooks.some(dependsOnCluster)
  if (verdicts === undefined || dependsOnOthers) return (at) => select(nodes[at]!)
  const memory = memoryOf(verdicts, priorityOf(pod))
  memory.follow(cluster, nominations, budgets)
  // The promise that it has itself counts for all others; and what plugins say of a promised pod may depend on the cluster.
  const promised = nominations.nodeOf(pod)
  const doubtful = new Set(promised === undefined ? [] : [cluster.positionOf(promised)])
  if (hooks.some(({ plugin }) => plugin.adjust !== undefined)) {
    for (const name of nominations.byNode.keys()) doubtful.add(cluster.positionOf(name))
  }
  return (at) => {
    if (doubtful.has(at)) return select(nodes[at]!)
    const known = memory.get(at)
    if (known !== undefined) return known
    const found = select(nodes[at]!)
    memory.set(at, found)
    return found
  }
}
