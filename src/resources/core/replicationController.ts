import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { replicationControllers, type ReplicationController } from '#api/core/v1/replicationController.ts'
import { replicaColumns } from '#resources/apps/replicaColumns.ts'
import { scaleSubresource } from '#resources/apps/scale.ts'
import { ageColumn, containerColumns, formatLabels, nameColumn } from '#resources/columns.ts'
import { checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { checkAtLeast } from '#resources/rules.ts'
import { checkReplicaSetStatus } from '#resources/statusCounts.ts'
import { statusSubresource } from '#resources/status.ts'
import { workloadWarnings } from '#resources/core/pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

/** Replication controllers: what replica sets replaced. */
export const replicationControllerStrategy: Strategy<ReplicationController> = {
  resource: replicationControllers,
  reserved: ['status'],
  unconditionalUpdate: true,
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  columns: [
    nameColumn,
    ...replicaColumns,
    ageColumn,
    ...containerColumns<ReplicationController>(({ spec }) => spec.template?.spec?.containers),
    {
      name: 'Selector',
      wide: true,
      description: 'Labels of its pods.',
      value: ({ spec }) => formatLabels(spec.selector),
    },
  ],
  subresources: {
    status: { ...statusSubresource, validate: checkReplicaSetStatus },
    scale: scaleSubresource<ReplicationController>({
      selector: ({ spec }) => (spec.selector === undefined ? undefined : { matchLabels: spec.selector }),
      replicas: ({ spec }) => spec.replicas,
      current: ({ status }) => status?.replicas,
      set: (controller, replicas) => (controller.spec.replicas = replicas),
    }),
  },
  default({ metadata, spec }) {
    const labels = spec.template?.metadata?.labels
    if (labels !== undefined) {
      spec.selector ??= { ...labels }
      metadata.labels ??= { ...labels }
    }
    spec.replicas ??= 1
    if (spec.template !== undefined) defaultTemplate(spec.template)
  },
  prepare(controller, old) {
    const { template } = controller.spec
    if (template !== undefined) dropDisabledFields(template.spec, old?.spec.template?.spec)
    if (old === undefined) controller.status = { replicas: 0 }
  },
  warnings: (object, old) => workloadWarnings(object, old, object.spec.template!),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkAtLeast(place.at('minReadySeconds'), 0, spec.minReadySeconds)
    const selector = Object.entries(spec.selector ?? {})
    if (selector.length === 0) place.at('selector').required()
    checkAtLeast(place.at('replicas'), 0, spec.replicas)
    if (spec.template === undefined) return place.at('template').required()
    const labels = spec.template.metadata?.labels ?? {}
    if (selector.some(([key, value]) => labels[key] !== value)) {
      place.at('template', 'metadata', 'labels').invalid(labels, '`selector` does not match template `labels`')
    }
    checkTemplate(spec.template, old?.spec.template, place.at('template'), {
      restartPolicies: ['Always'],
      deadlineOwner: 'ReplicationController',
    })
  },
}
