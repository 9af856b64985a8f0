import { statefulSets, type StatefulSet, type StatefulSetSpec } from '#api/apps/v1/statefulSet.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkCount } from './rollout.ts'
import { scaleSubresource } from './scale.ts'
import { ageColumn, containerColumns, nameColumn } from '#resources/columns.ts'
import { checkSelectorMatchesTemplate, checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { defaultClaimSpec } from '#resources/core/persistentVolumeClaim.ts'
import { checkAtLeast } from '#resources/rules.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { statusSubresource } from '#resources/status.ts'
import { goForm } from '#resources/goForm.ts'
import { claimWarnings, isAsBefore, templateWarnings } from '#resources/core/pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

/** Stateful sets: pods with names and volumes of their own, made and replaced in order. */
export const statefulSetStrategy: Strategy<StatefulSet> = {
  resource: statefulSets,
  reserved: ['status'],
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    {
      name: 'Ready',
      description: 'Ready pods of those that are wanted.',
      value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`,
    },
    ageColumn,
    ...containerColumns<StatefulSet>(({ spec }) => spec.template.spec?.containers),
  ],
  subresources: {
    status: statusSubresource,
    scale: scaleSubresource<StatefulSet>({
      selector: ({ spec }) => spec.selector,
      replicas: ({ spec }) => spec.replicas,
      current: ({ status }) => status?.replicas,
      set: (statefulSet, replicas) => (statefulSet.spec.replicas = replicas),
    }),
  },
  default({ spec }) {
    defaultTemplate(spec.template)
    spec.podManagementPolicy ??= 'OrderedReady'
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ??= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.partition ??= 0
    }
    spec.persistentVolumeClaimRetentionPolicy ??= {}
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ??= 'Retain'
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ??= 'Retain'
    spec.replicas ??= 1
    spec.revisionHistoryLimit ??= 10
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ??= 'v1'
      claim.kind ??= 'PersistentVolumeClaim'
      defaultClaimSpec(claim.spec)
      claim.status ??= {}
      claim.status.phase ??= 'Pending'
    }
  },
  prepare(statefulSet, old) {
    if (old === undefined) statefulSet.status = { replicas: 0 }
  },
  warnings(statefulSet, old) {
    const { spec } = statefulSet
    // Upstream names the claims of a new one and those of an update in two ways.
    const part = old === undefined ? '' : '.Spec'
    const kept = 'a negative value retains all historical revisions; a value >= 0 is recommended'
    return [
      ...(isAsBefore(statefulSet, old) ? [] : templateWarnings(spec.template, 'spec.template')),
      ...(spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
        claimWarnings(claim.spec, `spec.volumeClaimTemplates[${index}]${part}`),
      ),
      ...((spec.revisionHistoryLimit ?? 0) < 0 ? [`spec.revisionHistoryLimit: ${kept}`] : []),
    ]
  },
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkUpdateStrategy(spec, place)
    checkAtLeast(place.at('replicas'), 0, spec.replicas)
    checkAtLeast(place.at('minReadySeconds'), 0, spec.minReadySeconds)
    checkAtLeast(place.at('ordinals', 'start'), 0, spec.ordinals?.start)
    checkSelectorMatchesTemplate(spec.selector, spec.template, place, { kind: 'statefulset' })
    checkTemplate(spec.template, old?.spec.template, place.at('template'), {
      restartPolicies: ['Always'],
      deadlineOwner: 'StatefulSet',
    })
    if (old !== undefined && !sameJson(fixedPart(spec), fixedPart(old.spec))) {
      const changeable =
        "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
      place.forbidden(`updates to statefulset spec for fields other than ${changeable} are forbidden`)
    }
  },
}

function checkUpdateStrategy(spec: StatefulSetSpec, report: Report): void {
  const { podManagementPolicy, updateStrategy } = spec
  if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    report.at('podManagementPolicy').invalid(podManagementPolicy, "must be 'OrderedReady' or 'Parallel'")
  }
  const place = report.at('updateStrategy')
  if (updateStrategy?.type === 'OnDelete') {
    if (updateStrategy.rollingUpdate !== undefined) {
      const problem = "only allowed for updateStrategy 'RollingUpdate'"
      place.at('rollingUpdate').invalid(updateStrategy.rollingUpdate, problem)
    }
  } else if (updateStrategy?.type === 'RollingUpdate') {
    const rolling = place.at('rollingUpdate')
    checkAtLeast(rolling.at('partition'), 0, updateStrategy.rollingUpdate?.partition)
    checkCount(rolling.at('maxUnavailable'), updateStrategy.rollingUpdate?.maxUnavailable)
  } else
    place.invalid(
      goForm('io.k8s.api.apps.v1.StatefulSetUpdateStrategy', updateStrategy ?? {}),
      "must be 'RollingUpdate' or 'OnDelete'",
    )
}

/** What of a stateful set stays as it was created. */
function fixedPart(spec: StatefulSetSpec): unknown {
  const { selector, serviceName, podManagementPolicy, volumeClaimTemplates } = spec
  return { selector, serviceName, podManagementPolicy, volumeClaimTemplates }
}
