import type { Pod } from '#api/core/v1/pod.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import { placementBy, type Placement } from './cycle.ts'
import { watchedResources, type Rejection, type WakeRule } from './plugin.ts'
import type { PreemptionOptions } from './preemption/plan.ts'
import type { WakeRules } from './queue.ts'

/** The name that pods get which ask for no scheduler. */
export const defaultSchedulerName = 'default-scheduler'

/** How the pods of one scheduler name are placed. */
export interface Profile {
  readonly schedulerName: string
  readonly plugins: readonly WeightedPlugin[]
  readonly placement: Placement
  readonly rules: WakeRules
  /** Absent: pods never make room for themselves. */
  readonly preemption?: PreemptionOptions
}

export interface ProfileParts {
  readonly schedulerName: string
  readonly plugins: readonly WeightedPlugin[]
  readonly preemption?: PreemptionOptions
}

const anyChange: readonly WakeRule[] = watchedResources.flatMap((resource) =>
  (['add', 'update', 'delete'] as const).map((action) => ({ event: { resource, action } })),
)

export function makeProfile(parts: ProfileParts): Profile {
  const { plugins } = parts
  return {
    ...parts,
    placement: placementBy(plugins),
    rules: new Map(plugins.map(({ plugin }) => [plugin.name, plugin.wakesOn ?? anyChange])),
  }
}

/** Why a pod may not even wait for a node, if it may not. */
export function findGate({ plugins }: Profile, pod: Pod): Rejection | undefined {
  for (const { plugin } of plugins) {
    const gate = plugin.gate?.(pod)
    if (gate !== undefined) return gate
  }
  return undefined
}
