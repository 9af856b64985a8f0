import type { Plugin } from '#scheduler/plugin.ts'
import { defaultSpreading, type SiblingsOf } from './defaultSpreading.ts'
import { gates } from './gates.ts'
import { imageLocality } from './imageLocality.ts'
import { nodeAffinity } from './nodeAffinity.ts'
import { nodeName } from './nodeName.ts'
import { ports } from './ports.ts'
import { balancedAllocation, resourcesFit } from './resources.ts'
import { taints } from './taints.ts'
import { unschedulable } from './unschedulable.ts'

/** A plugin with its say in the sum of scores. */
export interface WeightedPlugin {
  // A plugin keeps its own state's type; the cycle only carries it from one hook to the next.
  readonly plugin: Plugin<any>
  readonly weight: number
}

/** Every plugin of the default scheduler, in the order in which a node is tested, with upstream's weights. */
export function defaultPlugins(siblingsOf: SiblingsOf): readonly WeightedPlugin[] {
  return [
    { plugin: gates, weight: 0 },
    { plugin: unschedulable, weight: 0 },
    { plugin: nodeName, weight: 0 },
    { plugin: taints, weight: 3 },
    { plugin: nodeAffinity, weight: 2 },
    { plugin: ports, weight: 0 },
    { plugin: resourcesFit, weight: 1 },
    { plugin: defaultSpreading(siblingsOf), weight: 2 },
    { plugin: balancedAllocation, weight: 1 },
    { plugin: imageLocality, weight: 1 },
  ]
}
