import type { VolumeActions, VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import type { NamespaceLabels } from './affinityTerms.ts'
import { gates } from './gates.ts'
import { imageLocality } from './imageLocality.ts'
import { interPodAffinity, type InterPodAffinityArguments } from './interPodAffinity.ts'
import { nodeAffinity, type NodeAffinityArguments } from './nodeAffinity.ts'
import { nodeName } from './nodeName.ts'
import { podTopologySpread } from './podTopologySpread.ts'
import { ports } from './ports.ts'
import {
  balancedAllocation,
  resourcesFit,
  type BalancedAllocationArguments,
  type NodeResourcesFitArguments,
} from './resources.ts'
import type { PodTopologySpreadArguments, SiblingsOf } from './spreadConstraints.ts'
import { taints } from './taints.ts'
import { unschedulable } from './unschedulable.ts'
import { volumeBinding, type VolumeBindingArguments } from './volumeBinding.ts'
import { volumeLimits } from './volumeLimits.ts'
import { volumeRestrictions } from './volumeRestrictions.ts'
import { volumeZone } from './volumeZone.ts'

/** A plugin with its say in the sum of scores. */
export interface WeightedPlugin {
  // A plugin keeps its own state's type; the cycle only carries it from one hook to the next.
  readonly plugin: Plugin<any>
  readonly weight: number
}

/** The arguments of plugins by name, as in `pluginConfig` of a profile; upstream's defaults where one is absent. */
export interface PluginArguments {
  readonly NodeAffinity?: NodeAffinityArguments
  readonly NodeResourcesFit?: NodeResourcesFitArguments
  readonly NodeResourcesBalancedAllocation?: BalancedAllocationArguments
  readonly PodTopologySpread?: PodTopologySpreadArguments
  readonly InterPodAffinity?: InterPodAffinityArguments
  readonly VolumeBinding?: VolumeBindingArguments
}

export interface PluginOptions {
  readonly siblingsOf: SiblingsOf
  readonly namespaces: NamespaceLabels
  /** Where volumes are known; without them a scheduler knows no volumes. */
  readonly volumes?: { readonly objects: VolumeObjects; readonly actions: VolumeActions }
  readonly arguments?: PluginArguments
}

/** Every plugin of the default scheduler, in the order in which a node is tested, with upstream's weights. */
export function defaultPlugins({
  siblingsOf,
  namespaces,
  volumes,
  arguments: given = {},
}: PluginOptions): readonly WeightedPlugin[] {
  return [
    { plugin: gates, weight: 0 },
    { plugin: unschedulable, weight: 0 },
    { plugin: nodeName, weight: 0 },
    { plugin: taints, weight: 3 },
    { plugin: nodeAffinity(given.NodeAffinity), weight: 2 },
    { plugin: ports, weight: 0 },
    { plugin: resourcesFit(given.NodeResourcesFit), weight: 1 },
    ...(volumes === undefined ? [] : volumePlugins(volumes, given)),
    { plugin: podTopologySpread(siblingsOf, given.PodTopologySpread), weight: 2 },
    { plugin: interPodAffinity(namespaces, given.InterPodAffinity), weight: 2 },
    { plugin: balancedAllocation(given.NodeResourcesBalancedAllocation), weight: 1 },
    { plugin: imageLocality(), weight: 1 },
  ]
}

function volumePlugins(
  { objects, actions }: NonNullable<PluginOptions['volumes']>,
  given: PluginArguments,
): readonly WeightedPlugin[] {
  return [
    { plugin: volumeRestrictions(objects), weight: 0 },
    { plugin: volumeLimits(objects), weight: 0 },
    { plugin: volumeBinding(objects, actions, given.VolumeBinding), weight: 0 },
    { plugin: volumeZone(objects), weight: 0 },
  ]
}
