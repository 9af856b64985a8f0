import type { Plugin } from '#scheduler/plugin.ts'
import { defaultSpreading, type SiblingsOf } from '#scheduler/plugins/defaultSpreading.ts'
import { gates } from '#scheduler/plugins/gates.ts'
import { imageLocality } from '#scheduler/plugins/imageLocality.ts'
import { nodeAffinity } from '#scheduler/plugins/nodeAffinity.ts'
import { nodeName } from '#scheduler/plugins/nodeName.ts'
import { ports } from '#scheduler/plugins/ports.ts'
import { balancedAllocation, resourcesFit } from '#scheduler/plugins/resources.ts'
import { taints } from '#scheduler/plugins/taints.ts'
import { unschedulable } from '#scheduler/plugins/unschedulable.ts'

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
