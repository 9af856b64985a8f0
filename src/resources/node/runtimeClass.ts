import type { Toleration } from '#api/core/v1/scheduling.ts'
import { runtimeClasses, type RuntimeClass } from '#api/node/v1/runtimeClass.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkTolerations } from '#resources/core/pod/rules/placement.ts'
import { checkResources } from '#resources/core/pod/rules/resources.ts'
import { goForm } from '#resources/goForm.ts'
import { checkLabels } from '#resources/metadata.ts'
import { nodeLabelProblem } from '#resources/nodeLabels.ts'
import { checkImmutable } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'

/** Runtime classes: ways in which nodes can run containers. */
export const runtimeClassStrategy: Strategy<RuntimeClass> = {
  resource: runtimeClasses,
  createOnUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Handler',
      description: 'What the container runtime of the nodes calls this way.',
      value: ({ handler }) => handler,
    },
    ageColumn,
  ],
  validate({ handler, overhead, scheduling }, old, report) {
    if (old !== undefined) return checkImmutable(report.at('handler'), handler, old.handler)
    report.at('handler').invalidBecause(handler ?? '', dnsLabelProblems(handler ?? ''))
    if (overhead?.podFixed !== undefined) checkResources({ limits: overhead.podFixed }, report.at('overhead'))
    checkLabels(scheduling?.nodeSelector, report.at('scheduling', 'nodeSelector'))
    checkSchedulingTolerations(scheduling?.tolerations ?? [], report.at('scheduling', 'tolerations'))
  },
  warnings: ({ scheduling }) =>
    Object.keys(scheduling?.nodeSelector ?? {}).flatMap((label) => {
      const problem = nodeLabelProblem(label)
      return problem === undefined ? [] : [`scheduling.nodeSelector: ${problem}`]
    }),
}

/** Each toleration once, however long it lasts. Upstream names the list twice where one of them is wrong. */
function checkSchedulingTolerations(tolerations: readonly Toleration[], report: Report): void {
  checkTolerations(tolerations, report.at('tolerations'))
  const seen = new Set<string>()
  for (const [index, toleration] of tolerations.entries()) {
    const { key = '', operator = '', value = '', effect = '' } = toleration
    const own = JSON.stringify([key, operator, value, effect])
    if (seen.has(own)) report.at(index).duplicate(goForm('io.k8s.api.core.v1.Toleration', toleration))
    seen.add(own)
  }
}
