import type { Plugin } from '#scheduler/plugin.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import type { ProfileConfiguration } from './read.ts'
import type { ExtensionPoint, PluginName } from './settings.ts'

type PluginSets = NonNullable<ProfileConfiguration['plugins']>
type PluginSet = NonNullable<PluginSets[ExtensionPoint]>

/** Where a plugin takes part, and how much its score counts. */
export interface Participation {
  readonly name: string
  readonly points: ReadonlySet<ExtensionPoint>
  readonly weight: number
}

/** Everywhere that a rule of our own can take part. */
const ownPoints: readonly ExtensionPoint[] = [
  'preEnqueue',
  'preFilter',
  'filter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
]

/**
 * Which plugins take part where, as `plugins` of a profile say: `multiPoint` for all points together, then each point for
 * itself, which wins. In the order in which nodes are tested: that of `usual`, then as the file names them.
 */
export function participations(usual: readonly WeightedPlugin[], plugins: PluginSets = {}): readonly Participation[] {
  const base = merged(
    usual.map(({ plugin, weight }) => ({ name: plugin.name, weight })),
    plugins.multiPoint,
  )
  const names = new Set(base.keys())
  for (const point of ownPoints) for (const { name } of plugins[point]?.enabled ?? []) names.add(name)
  return [...names].map((name) => {
    const points = new Set(ownPoints.filter((point) => isOn(name, base, plugins[point])))
    const own = plugins.score?.enabled.find((each) => each.name === name)?.weight
    const usualWeight = usual.find(({ plugin }) => plugin.name === name)?.weight ?? 0
    // Upstream counts a weight that is not given, or 0, as 1.
    const weight = own || base.get(name) || (usualWeight === 0 ? 0 : 1)
    return { name, points, weight }
  })
}

/** Whether a plugin that is no rule of its own, such as DefaultPreemption, takes part at its point. */
export function takesPart(name: PluginName, point: ExtensionPoint, plugins: PluginSets = {}): boolean {
  return isOn(name, merged([{ name, weight: 0 }], plugins.multiPoint), plugins[point])
}

function isOn(name: string, base: ReadonlyMap<string, number>, set: PluginSet | undefined): boolean {
  if (set === undefined) return base.has(name)
  if (set.enabled.some((each) => each.name === name)) return true
  return base.has(name) && !set.disabled.some((each) => each.name === name || each.name === '*')
}

/** The usual plugins with their weights, without those that are disabled and with those that are enabled. */
function merged(
  usual: readonly { readonly name: string; readonly weight: number }[],
  set: PluginSet | undefined,
): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  const disabled = new Set<string>(set?.disabled.map(({ name }) => name))
  for (const { name, weight } of usual) if (!disabled.has('*') && !disabled.has(name)) weights.set(name, weight)
  for (const { name, weight = 0 } of set?.enabled ?? []) weights.set(name, weight)
  return weights
}

/** The plugin with only those hooks that belong to the points at which it takes part. */
export function limitedTo(plugin: Plugin<any>, points: ReadonlySet<ExtensionPoint>): Plugin<any> {
  const isOnFor = (point: ExtensionPoint): boolean => points.has(point)
  // What a filter needs to know is prepared before it; without that it cannot work.
  const filters = isOnFor('preFilter') && isOnFor('filter')
  const scores = isOnFor('preScore') && isOnFor('score')
  const hooks: Readonly<Record<Exclude<keyof Plugin, 'name' | 'wakesOn' | 'looksAt' | 'prepare'>, boolean>> = {
    gate: isOnFor('preEnqueue'),
    names: filters,
    filter: filters,
    sieve: filters,
    mayReject: filters,
    adjust: filters,
    score: scores,
    normalize: scores,
    scoreAll: scores,
    tellsApart: scores,
    groups: scores,
    reserve: isOnFor('reserve'),
    unreserve: isOnFor('reserve'),
    permit: isOnFor('permit'),
    preBind: isOnFor('preBind'),
  }
  if (Object.values(hooks).every((isOn_) => isOn_)) return plugin
  const limited: Record<string, unknown> = { name: plugin.name, ...(plugin.wakesOn && { wakesOn: plugin.wakesOn }) }
  for (const [hook, isOn_] of Object.entries({ ...hooks, looksAt: true, prepare: true })) {
    const own = plugin[hook as keyof Plugin] as ((...given: unknown[]) => unknown) | undefined
    if (own !== undefined && isOn_) limited[hook] = own.bind(plugin)
  }
  if (!filters && plugin.prepare !== undefined) {
    // A plugin that does not filter turns nobody down.
    limited['prepare'] = (...given: Parameters<NonNullable<Plugin['prepare']>>) => {
      const state = plugin.prepare!(...given) as { readonly reason?: unknown } | 'skip' | undefined
      return typeof state === 'object' && typeof state?.reason === 'string' ? 'skip' : state
    }
  }
  return limited as unknown as Plugin<any>
}
