import type { TopologySelectorTerm } from '#api/core/v1/scheduling.ts'
import { storageClasses, type StorageClass } from '#api/storage/v1/storageClass.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { nodeLabelProblem } from '#resources/nodeLabels.ts'
import { checkImmutable, checkOneOf } from '#resources/rules.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkParameters, checkProvisioner } from './rules.ts'

/** The annotations by which a class is the one of claims that name none, today's and the one before it. */
const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]

const isDefault = ({ metadata }: StorageClass): boolean =>
  defaultAnnotations.some((annotation) => metadata.annotations?.[annotation] === 'true')

/** Storage classes: how volumes are made when claims ask for them. */
export const storageClassStrategy: Strategy<StorageClass> = {
  resource: storageClasses,
  unconditionalUpdate: true,
  generation: false,
  answersDeleted: true,
  columns: [
    { ...nameColumn, value: (one) => `${one.metadata.name}${isDefault(one as StorageClass) ? ' (default)' : ''}` },
    { name: 'Provisioner', description: 'Who makes the volumes.', value: ({ provisioner }) => provisioner },
    {
      name: 'ReclaimPolicy',
      description: 'What becomes of volumes when their claims are gone.',
      value: ({ reclaimPolicy = 'Delete' }) => reclaimPolicy,
    },
    {
      name: 'VolumeBindingMode',
      description: 'When volumes are made.',
      value: ({ volumeBindingMode }) => volumeBindingMode ?? '<unset>',
    },
    {
      name: 'AllowVolumeExpansion',
      description: 'Whether claims may ask for more later.',
      value: ({ allowVolumeExpansion = false }) => allowVolumeExpansion,
    },
    ageColumn,
  ],
  warnings: ({ allowedTopologies = [] }) =>
    allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
      matchLabelExpressions.flatMap(({ key = '' }, position) => {
        const problem = nodeLabelProblem(key)
        const place = `allowedTopologies[${index}].matchLabelExpressions[${position}].key`
        return problem === undefined ? [] : [`${place}: ${problem}`]
      }),
    ),
  validate(storageClass, old, report) {
    const { provisioner = '', parameters = {}, reclaimPolicy, volumeBindingMode } = storageClass
    checkProvisioner(provisioner, report.at('provisioner'))
    checkParameters(parameters, report.at('parameters'))
    checkOneOf(report.at('reclaimPolicy'), ['Delete', 'Retain'], reclaimPolicy)
    if (volumeBindingMode === undefined) report.at('volumeBindingMode').required()
    else checkOneOf(report.at('volumeBindingMode'), ['Immediate', 'WaitForFirstConsumer'], volumeBindingMode)
    checkTopologies(storageClass.allowedTopologies ?? [], report.at('allowedTopologies'))
    if (old === undefined) return
    if (!sameJson(parameters, old.parameters ?? {})) {
      report.at('parameters').forbidden('updates to parameters are forbidden.')
    }
    if (provisioner !== old.provisioner) report.at('provisioner').forbidden('updates to provisioner are forbidden.')
    if (reclaimPolicy !== old.reclaimPolicy) {
      report.at('reclaimPolicy').forbidden('updates to reclaimPolicy are forbidden.')
    }
    checkImmutable(report.at('volumeBindingMode'), volumeBindingMode, old.volumeBindingMode)
  },
}

/** Places by labels: each key and each value once, and no place twice. */
function checkTopologies(terms: readonly TopologySelectorTerm[], report: Report): void {
  const seen: Record<string, readonly string[]>[] = []
  for (const [index, { matchLabelExpressions = [] }] of terms.entries()) {
    const place = report.at(index, 'matchLabelExpressions')
    const labels: Record<string, readonly string[]> = {}
    for (const [position, { key = '', values = [] }] of matchLabelExpressions.entries()) {
      const one = place.at(position)
      if (values.length === 0) one.at('values').required()
      for (const [at, value] of values.entries()) {
        if (values.indexOf(value) < at) one.at('values', at).duplicate(value)
      }
      one.at('key').invalidBecause(key, qualifiedNameProblems(key))
      if (Object.hasOwn(labels, key)) one.at('key').duplicate(key)
      labels[key] = values.toSorted()
    }
    if (seen.some((other) => sameJson(other, labels))) place.duplicate('')
    seen.push(labels)
  }
}
