import { csiStorageCapacities, type CSIStorageCapacity } from '#api/storage/v1/csiStorageCapacity.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import { nodeExpressionWarnings, nodeLabelProblem } from '#resources/nodeLabels.ts'
import { checkNotNegative } from '#resources/quantities.ts'
import { checkImmutable } from '#resources/rules.ts'
import { checkSelector } from '#resources/selector.ts'
import type { Strategy } from '#server/strategy.ts'

/** How much room there is for volumes of a class in a part of the cluster. */
export const csiStorageCapacityStrategy: Strategy<CSIStorageCapacity> = {
  resource: csiStorageCapacities,
  unconditionalUpdate: true,
  generation: false,
  warnings: ({ nodeTopology }) => [
    ...nodeExpressionWarnings(nodeTopology?.matchExpressions, 'nodeTopology'),
    ...Object.keys(nodeTopology?.matchLabels ?? {}).flatMap((label) => {
      const problem = nodeLabelProblem(label)
      return problem === undefined ? [] : [`nodeTopology.matchLabels.${label}: ${problem}`]
    }),
  ],
  validate({ nodeTopology, storageClassName = '', capacity }, old, report) {
    if (nodeTopology !== undefined) checkSelector(nodeTopology, report.at('nodeTopology'))
    report.at('storageClassName').invalidBecause(storageClassName, dnsSubdomainProblems(storageClassName))
    if (capacity !== undefined) checkNotNegative(capacity, report.at('capacity'))
    if (old === undefined) return
    checkImmutable(report.at('nodeTopology'), nodeTopology, old.nodeTopology)
    checkImmutable(report.at('storageClassName'), storageClassName, old.storageClassName)
  },
}
