import type { PluginArguments, WeightedPlugin } from '#scheduler/plugins/index.ts'
import { usualPreemption } from '#scheduler/preemption/plan.ts'
import { makeProfile, type Profile } from '#scheduler/profile.ts'
import { limitedTo, participations, takesPart } from './enabled.ts'
import type { ProfileConfiguration, SchedulerConfiguration } from './read.ts'

/** Makes the plugins that usually take part, in their order. */
export type MakePlugins = (given: PluginArguments) => readonly WeightedPlugin[]

/** Makes the profiles that a configuration describes; a plugin's memory is its own in each of them. */
export function profilesOf(
  { profiles, extenders }: Pick<SchedulerConfiguration, 'profiles' | 'extenders'>,
  makePlugins: MakePlugins,
): readonly Profile[] {
  const ignored = extenders.flatMap(({ managedResources }) =>
    managedResources.flatMap(({ name, ignoredByScheduler }) => (ignoredByScheduler ? [name] : [])),
  )
  return profiles.map((profile) => profileOf(profile, ignored, makePlugins))
}

function profileOf(
  { schedulerName, plugins, arguments: given }: ProfileConfiguration,
  ignored: readonly string[],
  makePlugins: MakePlugins,
): Profile {
  const { DefaultPreemption: preemption = usualPreemption, NodeResourcesFit: fit, ...rest } = given
  const ignoredResources = [...(fit?.ignoredResources ?? []), ...ignored]
  const made = makePlugins({ ...rest, NodeResourcesFit: { ...fit, ignoredResources } })
  const byName = new Map(made.map(({ plugin }) => [plugin.name, plugin]))
  const chosen = participations(made, plugins).flatMap(({ name, points, weight }) => {
    const plugin = byName.get(name)
    return plugin === undefined || points.size === 0 ? [] : [{ plugin: limitedTo(plugin, points), weight }]
  })
  return makeProfile({
    schedulerName,
    plugins: chosen,
    ...(takesPart('DefaultPreemption', 'postFilter', plugins) ? { preemption } : {}),
  })
}
