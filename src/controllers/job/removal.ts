// Which pods of a job go when there are too many.
import type { Job } from '#api/batch/v1/job.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { restartsOf } from '../podReplacement.ts'
import { noIndex, suitsCompletions, type JobPod } from './jobPods.ts'

/** At least `count` of these active pods: those first whose index is not wanted or has another pod, then those missed least. */
export function choosePodsToRemove(job: Job, active: readonly JobPod[], count: number): readonly JobPod[] {
  const { unwanted, rest } =
    job.spec.completionMode === 'Indexed' ? byIndex(job, active) : { unwanted: [], rest: active }
  if (unwanted.length >= count) return unwanted
  return [...unwanted, ...leastMissedFirst(rest).slice(0, count - unwanted.length)]
}

function byIndex(
  job: Job,
  active: readonly JobPod[],
): { readonly unwanted: readonly JobPod[]; readonly rest: readonly JobPod[] } {
  const unwanted: JobPod[] = []
  const kept = new Map<number, JobPod>()
  let repeated: Map<number, JobPod[]> | undefined
  for (const each of active) {
    const { index } = each
    if (index === noIndex || !suitsCompletions(each, job)) unwanted.push(each)
    else if (!kept.has(index)) kept.set(index, each)
    else {
      repeated ??= new Map()
      const others = repeated.get(index)
      if (others === undefined) repeated.set(index, [each])
      else others.push(each)
    }
  }
  for (const [index, others] of repeated ?? []) {
    const sorted = leastMissedFirst([kept.get(index)!, ...others])
    unwanted.push(...sorted.slice(0, -1))
    kept.set(index, sorted.at(-1)!)
  }
  return { unwanted, rest: [...kept.values()] }
}

/** Not assigned, not running, not ready, ready for a short time, restarted often, young: in this order. */
function leastMissedFirst(pods: readonly JobPod[]): readonly JobPod[] {
  return pods
    .map((each) => ({ each, rank: rankOf(each) }))
    .toSorted((a, b) => {
      for (const [at, value] of a.rank.entries()) if (value !== b.rank[at]) return value - b.rank[at]!
      return 0
    })
    .map(({ each }) => each)
}

const phases = ['Pending', 'Unknown', 'Running']

function rankOf({ pod, isReady }: JobPod): readonly number[] {
  const { metadata, spec, status } = pod
  const readySince = millisecondsOf(conditionOf(status?.conditions, 'Ready')?.lastTransitionTime)
  const restarts = restartsOf(pod)
  return [
    (spec.nodeName ?? '') === '' ? 0 : 1,
    phases.indexOf(status?.phase ?? 'Pending'),
    isReady ? 1 : 0,
    // What was ready for longer is worth more: earlier times come last.
    isReady ? -(readySince ?? Infinity) : 0,
    -restarts.containers,
    -restarts.sidecars,
    -(millisecondsOf(metadata.creationTimestamp) ?? Infinity),
  ]
}
