import { csiNodes, type CSINode, type CSINodeDriver } from '#api/storage/v1/csiNode.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAtLeast } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkDriverName } from './rules.ts'

/** What CSI drivers say about the nodes that they run on. */
export const csiNodeStrategy: Strategy<CSINode> = {
  resource: csiNodes,
  generation: false,
  answersDeleted: true,
  columns: [
    nameColumn,
    {
      name: 'Drivers',
      type: 'integer',
      description: 'How many drivers run on the node.',
      value: ({ spec }) => spec.drivers?.length ?? 0,
    },
    ageColumn,
  ],
  validate({ spec }, old, report) {
    const drivers = spec.drivers ?? []
    for (const [index, driver] of drivers.entries()) {
      const isRepeated = drivers.findIndex(({ name }) => name === driver.name) < index
      checkDriver(driver, isRepeated, report.at('spec', 'drivers', index))
    }
    for (const before of old?.spec.drivers ?? []) {
      const now = drivers.find(({ name }) => name === before.name)
      if (now === undefined || sameJson(now, before)) continue
      report.at('spec', 'drivers').invalid(goForm('io.k8s.api.storage.v1.CSINodeDriver', now), 'field is immutable')
    }
  },
}

const longestNodeId = 256

function checkDriver(driver: CSINodeDriver, isRepeated: boolean, report: Report): void {
  const { name = '', nodeID = '', allocatable } = driver
  const topologyKeys = driver.topologyKeys ?? []
  checkDriverName(name, report.at('name'))
  if (nodeID === '') report.at('nodeID').required()
  if (nodeID.length > longestNodeId) report.at('nodeID').invalid(nodeID, `must be ${longestNodeId} characters or less`)
  checkAtLeast(report.at('allocatable', 'count'), 0, allocatable?.count)
  if (isRepeated) report.at('name').duplicate(name)
  for (const [index, key] of topologyKeys.entries()) {
    if (key === '') report.required()
    if (topologyKeys.indexOf(key) < index) report.duplicate(key)
    report.invalidBecause(key, qualifiedNameProblems(key))
  }
}
