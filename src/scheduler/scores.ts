import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import { AlikeNodes } from '#scheduler/counts/alikeNodes.ts'
import type { Considered, Placement } from './cycle.ts'
import type { NodeView } from './snapshot.ts'

/** For so many kinds of pods the groups of nodes are remembered that are scored alike. */
const mostRemembered = 64
/** Of more groups than this part of the nodes, and than these, every node is scored by itself. */
const [nodesOfGroup, fewGroups] = [8, 16]

interface Remembered {
  /** Absent at first: a kind of pod that comes only once is not worth it. */
  alike: AlikeNodes | undefined
}

/** Chooses the node with the highest sum of weighted scores; draws among equals. */
export function chooserByScores(): Placement['choose'] {
  let scores = new Float64Array()
  let totals = new Float64Array()
  let ties = new Int32Array()
  let few = new Int32Array()
  let sizes = new Int32Array()
  const known = new RecentMap<string, Remembered>(mostRemembered)

  const chooseAlike = (pod: Pod, considered: Considered, random: Random): NodeView | undefined => {
    const { nodes, cluster } = considered
    const groups = groupsOf(considered)
    if (groups === undefined) return undefined
    const remembered = known.get(groups.rule)
    if (remembered === undefined) {
      known.set(groups.rule, { alike: undefined })
      return undefined
    }
    const alike = (remembered.alike ??= new AlikeNodes())
    alike.follow(cluster, groups.keyAt)
    const { count } = alike
    if (count > Math.max(fewGroups, nodes.length / nodesOfGroup)) return undefined
    const positions = few.subarray(0, count)
    alike.list(positions, sizes)
    const sums = totals.subarray(0, count)
    addScores(pod, { ...considered, positions }, { scores: scores.subarray(0, count), sums, sizes })
    const highest = highestOf(sums)
    let picked = 0
    let best = 0
    for (let i = 0; i < count; i++) {
      if (sums[i] !== highest) continue
      best += sizes[i]!
      positions[picked++] = positions[i]!
    }
    return nodes[alike.pick(positions.subarray(0, picked), best === 1 ? 0 : randomInteger(random, best))]
  }

  return (pod, considered, random, further) => {
    const { nodes } = considered
    if (scores.length < nodes.length) {
      scores = new Float64Array(nodes.length)
      totals = new Float64Array(nodes.length)
      ties = new Int32Array(nodes.length)
      few = new Int32Array(nodes.length)
      sizes = new Int32Array(nodes.length)
    }
    if (further === undefined) {
      const best = considered.pickBest?.(random) ?? chooseAlike(pod, considered, random)
      if (best !== undefined) return best
    }
    const { positions } = considered
    const count = positions.length
    if (count === 1) return nodes[positions[0]!]!
    const sums = totals.subarray(0, count)
    addScores(pod, considered, { scores: scores.subarray(0, count), sums })
    if (further !== undefined) for (let i = 0; i < count; i++) sums[i]! += further[i]!
    return nodes[positions[pickBest(sums, ties, random)]!]!
  }
}

/** By what the nodes that fit can be grouped so that all scores of a group are the same, if they can. */
function groupsOf({ hooks, verdicts, cluster, fitsByVerdicts }: Considered):
  | {
      readonly rule: string
      readonly keyAt: (at: number) => string | undefined
    }
  | undefined {
  if (verdicts === undefined || fitsByVerdicts !== true) return undefined
  let rule = String(verdicts.number)
  const parts: ((at: number) => string | number)[] = []
  for (const { order, plugin, weight, state } of hooks) {
    if (weight === 0) continue
    if (plugin.scoreAll !== undefined) {
      if (plugin.tellsApart?.(state) === false) continue
      const groups = plugin.groups?.(state, cluster)
      if (groups === undefined) return undefined
      rule += ` ${order} ${groups.rule}`
      parts.push(groups.keyAt)
    } else if (plugin.score !== undefined) {
      if (plugin.looksAt === undefined) return undefined
      if (plugin.normalize !== undefined) parts.push((at) => verdicts.scoresOf(order)?.[at] ?? 0)
    }
  }
  const { sums } = verdicts
  const keyAt = (at: number): string | undefined => {
    if (verdicts.rejectionAt(at) !== undefined) return undefined
    let key = String(sums[at])
    for (const part of parts) key += ` ${part(at)}`
    return key
  }
  return { rule, keyAt }
}

/** Where scores are added up, for each of the considered positions. */
interface Sums {
  /** Overwritten. */
  readonly scores: Float64Array
  readonly sums: Float64Array
  /** How many nodes each position stands for; absent: for itself alone. */
  readonly sizes?: Int32Array
}

/**
 * Adds up the weighted scores of all plugins, for each of the nodes at `positions` in order. Plugins that score all nodes
 * alike are left out: they make no difference.
 */
function addScores(pod: Pod, considered: Considered, { scores, sums, sizes }: Sums): void {
  const { cluster, nodes, hooks, verdicts, positions } = considered
  if (verdicts === undefined) sums.fill(0)
  else {
    const remembered = verdicts.sums
    for (let i = 0; i < positions.length; i++) sums[i] = remembered[positions[i]!]!
  }
  for (const { order, plugin, weight, state } of hooks) {
    if (weight === 0) continue
    if (plugin.scoreAll !== undefined) {
      if (!plugin.scoreAll(pod, cluster, state, { positions, sizes }, scores)) continue
    } else if (plugin.score === undefined) continue
    else if (verdicts !== undefined && plugin.looksAt !== undefined) {
      if (plugin.normalize === undefined) continue
      const remembered = verdicts.scoresOf(order)
      if (remembered === undefined) continue
      for (let i = 0; i < positions.length; i++) scores[i] = remembered[positions[i]!]!
      plugin.normalize(scores, state)
    } else {
      for (let i = 0; i < positions.length; i++) {
        const at = positions[i]!
        scores[i] = plugin.score(pod, nodes[at]!, state, at)
      }
      plugin.normalize?.(scores, state)
    }
    for (let i = 0; i < sums.length; i++) sums[i]! += scores[i]! * weight
  }
}

/** The place of one of the highest sums, each as likely as the others. `ties` is overwritten. */
function pickBest(sums: Float64Array, ties: Int32Array, random: Random): number {
  const highest = highestOf(sums)
  let count = 0
  for (let i = 0; i < sums.length; i++) {
    // Without a branch, which would be guessed wrong as often as not.
    ties[count] = i
    count += Number(sums[i] === highest)
  }
  return ties[count === 1 ? 0 : randomInteger(random, count)]!
}

function highestOf(sums: Float64Array): number {
  let highest = -Infinity
  for (let i = 0; i < sums.length; i++) if (sums[i]! > highest) highest = sums[i]!
  return highest
}
