import { replicaSets, type ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { replicaColumns } from './replicaColumns.ts'
import { scaleSubresource } from './scale.ts'
import { ageColumn, containerColumns, nameColumn, selectorColumn } from '#resources/columns.ts'
import { checkSelectorMatchesTemplate, checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { checkAtLeast, checkImmutable } from '#resources/rules.ts'
import { checkReplicaSetStatus } from '#resources/statusCounts.ts'
import { statusBesideSpec } from '#resources/status.ts'
import { workloadWarnings } from '#resources/core/pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

/** Replica sets: a number of pods of one template, kept. */
export const replicaSetStrategy: Strategy<ReplicaSet> = {
  resource: replicaSets,
  reserved: ['status'],
  unconditionalUpdate: true,
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    ...replicaColumns,
    ageColumn,
    ...containerColumns<ReplicaSet>(({ spec }) => spec.template?.spec?.containers),
    selectorColumn<ReplicaSet>(({ spec }) => spec.selector),
  ],
  subresources: {
    status: { ...statusBesideSpec, validate: checkReplicaSetStatus },
    scale: scaleSubresource<ReplicaSet>({
      selector: ({ spec }) => spec.selector,
      replicas: ({ spec }) => spec.replicas,
      current: ({ status }) => status?.replicas,
      set: (replicaSet, replicas) => (replicaSet.spec.replicas = replicas),
    }),
  },
  default({ spec }) {
    spec.template ??= { spec: { containers: [] } }
    defaultTemplate(spec.template)
  },
  prepare(replicaSet, old) {
    dropDisabledFields(replicaSet.spec.template!.spec, old?.spec.template?.spec)
    if (old === undefined) replicaSet.status = { replicas: 0 }
  },
  warnings: (object, old) => workloadWarnings(object, old, object.spec.template!),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkAtLeast(place.at('replicas'), 0, spec.replicas)
    checkAtLeast(place.at('minReadySeconds'), 0, spec.minReadySeconds)
    checkSelectorMatchesTemplate(spec.selector, spec.template!, place, { kind: 'deployment' })
    checkTemplate(spec.template!, old?.spec.template, place.at('template'), { restartPolicies: ['Always'] })
    if (old !== undefined) checkImmutable(place.at('selector'), spec.selector, old.spec.selector)
  },
}
