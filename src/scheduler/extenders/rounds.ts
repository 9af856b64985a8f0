// What the scheduler asks all its extenders, one round for each question.
import type { Pod } from '#api/core/v1/pod.ts'
import type { Fitting, NodeRejection } from '#scheduler/cycle.ts'
import type { Candidate } from '#scheduler/preemption/victims.ts'
import { outsideRejecter } from '#scheduler/queue.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import type { Extender } from './extender.ts'

/** Told of what went wrong with an extender that may be done without. */
export type TellIgnored = (extender: Extender, error: unknown) => void

export interface Filtered {
  /** Where the nodes stand that still will do. */
  readonly positions: Int32Array
  readonly rejections: readonly NodeRejection[]
}

/** Asks each extender which nodes will do, of those that were left by the one before. Throws where one fails that counts. */
export async function filterByExtenders(
  extenders: readonly Extender[],
  pod: Pod,
  { nodes, positions }: Pick<Fitting, 'nodes' | 'positions'>,
  tellIgnored: TellIgnored,
): Promise<Filtered> {
  let left = [...positions]
  const rejections: NodeRejection[] = []
  for (const extender of extenders) {
    if (left.length === 0) break
    if (!extender.knows('filter')) continue
    try {
      const {
        nodeNames = [],
        failed,
        unresolvable,
      } = await extender.filter(
        pod,
        left.map((at) => nodes[at]!),
      )
      const kept = new Set(nodeNames)
      for (const at of left) {
        const { name } = nodes[at]!
        if (kept.has(name)) continue
        const final = unresolvable.get(name)
        // A node that is only left out counts as one that nothing would change; there are no words for why.
        const reason = final ?? failed.get(name) ?? ''
        const rejection = { reason, forever: final !== undefined || !failed.has(name) }
        rejections.push({ node: name, plugin: outsideRejecter, rejection })
      }
      left = left.filter((at) => kept.has(nodes[at]!.name))
    } catch (error) {
      if (!extender.isIgnorable) throw error
      tellIgnored(extender, error)
    }
  }
  return { positions: Int32Array.from(left), rejections }
}

/** What the extenders add to the scores of the nodes at `positions`, in order. One that fails adds nothing. */
export async function scoreByExtenders(
  extenders: readonly Extender[],
  pod: Pod,
  views: readonly NodeView[],
  tellIgnored: TellIgnored,
): Promise<Float64Array> {
  const sums = new Float64Array(views.length)
  const scorers = extenders.filter((extender) => extender.knows('prioritize'))
  const answers = scorers.map(async (extender) => {
    try {
      return await extender.prioritize(pod, views)
    } catch (error) {
      tellIgnored(extender, error)
      return new Map<string, number>()
    }
  })
  for (const scores of await Promise.all(answers)) {
    for (const [i, { name }] of views.entries()) sums[i]! += scores.get(name) ?? 0
  }
  return sums
}

/** Which candidates are left after each extender had its say. Throws where one fails that counts. */
export async function preemptByExtenders(
  extenders: readonly Extender[],
  pod: Pod,
  candidates: readonly Candidate[],
  viewOf: (node: string) => NodeView | undefined,
  tellIgnored: TellIgnored,
): Promise<readonly Candidate[]> {
  let left = candidates
  for (const extender of extenders) {
    if (left.length === 0) break
    if (!extender.knows('preempt')) continue
    try {
      left = await extender.preempt(pod, left, viewOf)
    } catch (error) {
      if (!extender.isIgnorable) throw error
      tellIgnored(extender, error)
    }
  }
  return left
}

/** Lets the first extender that can bind the pod; false when none does it. */
export async function bindByExtenders(
  extenders: readonly Extender[],
  pod: Pod,
  node: string,
  tellIgnored: TellIgnored,
): Promise<boolean> {
  for (const extender of extenders) {
    if (!extender.knows('bind')) continue
    try {
      await extender.bind(pod, node)
      return true
    } catch (error) {
      if (!extender.isIgnorable) throw error
      tellIgnored(extender, error)
    }
  }
  return false
}
