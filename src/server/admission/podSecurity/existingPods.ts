// A namespace gets a stricter level: what of its pods would no longer be allowed.
import type { Pod } from '#api/core/v1/pod.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { controllerOf } from '#machinery/owners.ts'
import { policyText, violationReasons, violationsOf, type LevelVersion } from './policy.ts'

const mostPods = 3_000
const longestMs = 1_000
/** Pods judged in one turn of the event loop. */
const podsPerTurn = 250

/** Warnings about the existing pods of a namespace, the same ones together. `now` is in milliseconds. */
export async function warningsAboutPods(
  namespace: string,
  pods: readonly Pod[],
  enforce: LevelVersion,
  now: () => number,
): Promise<readonly string[]> {
  const ordered = distinctFirst(pods)
  const deadline = now() + longestMs
  const names = new Map<string, string[]>()
  let checked = 0
  for (const pod of ordered.slice(0, mostPods)) {
    const reasons = violationReasons(violationsOf(enforce, pod))
    if (reasons !== '') names.set(reasons, [...(names.get(reasons) ?? []), pod.metadata.name])
    checked++
    if (checked % podsPerTurn === 0) await yieldToEventLoop()
    if (now() >= deadline) break
  }
  const warnings: string[] = []
  if (checked < ordered.length) {
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${ordered.length} existing pods`,
    )
  }
  if (names.size === 0) return warnings
  warnings.push(
    `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level "${policyText(enforce)}"`,
  )
  return [...warnings, ...[...names].map(([reasons, pods]) => `${namesText(pods)}: ${reasons}`).sort()]
}

/** The first name by the alphabet, and how many more. */
function namesText(names: readonly string[]): string {
  const first = names.toSorted()[0]!
  const others = names.length - 1
  return others === 0 ? first : `${first} (and ${others} other ${others === 1 ? 'pod' : 'pods'})`
}

/** Pods of one controller are alike: one of each comes first, so that a limited time sees all sorts. */
function distinctFirst(pods: readonly Pod[]): readonly Pod[] {
  const seen = new Set<string>()
  const [first, later]: [Pod[], Pod[]] = [[], []]
  for (const pod of pods) {
    const owner = controllerOf(pod)?.uid
    if (owner !== undefined && seen.has(owner)) later.push(pod)
    else first.push(pod)
    if (owner !== undefined) seen.add(owner)
  }
  return [...first, ...later]
}
