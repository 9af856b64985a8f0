import { statefulSets, type StatefulSet, type StatefulSetSpec } from '#api/apps/v1/statefulSet.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { amountOf, checkCollisionCount, checkCount, checkShare } from './rollout.ts'
import { scaleSubresource } from './scale.ts'
import { ageColumn, containerColumns, nameColumn } from '#resources/columns.ts'
import { checkSelectorMatchesTemplate, checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { checkClaimSpec, defaultClaimSpec } from '#resources/core/persistentVolumeClaim.ts'
import { checkAtLeast, checkOneOf } from '#resources/rules.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { statusBesideSpec } from '#resources/status.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { goForm } from '#resources/goForm.ts'
import { claimWarnings, isAsBefore, templateWarnings } from '#resources/core/pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

/** Stateful sets: pods with names and volumes of their own, made and replaced in order. */
export const statefulSetStrategy: Strategy<StatefulSet> = {
  resource: statefulSets,
  nameRule: 'dns-label',
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
    status: { ...statusBesideSpec, validate: checkStatus },
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
    dropDisabledFields(statefulSet.spec.template.spec, old?.spec.template.spec)
    // An alpha feature (KEP-961), which is off.
    if (old?.spec.updateStrategy?.rollingUpdate?.maxUnavailable === undefined) {
      delete statefulSet.spec.updateStrategy?.rollingUpdate?.maxUnavailable
    }
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
    checkSpec(spec, old?.spec, place)
    if (old !== undefined && !sameJson(fixedPart(spec), fixedPart(old.spec))) {
      const changeable =
        "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
      place.forbidden(`updates to statefulset spec for fields other than ${changeable} are forbidden`)
    }
  },
}

/** The rules in upstream's order. What cannot change is only looked at when it is new. */
function checkSpec(spec: StatefulSetSpec, old: StatefulSetSpec | undefined, report: Report): void {
  checkUpdateStrategy(spec, report)
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {}
  const retention = report.at('persistentVolumeClaimRetentionPolicy')
  checkOneOf(retention.at('whenDeleted'), ['Retain', 'Delete'], whenDeleted)
  checkOneOf(retention.at('whenScaled'), ['Retain', 'Delete'], whenScaled)
  const claims = spec.volumeClaimTemplates ?? []
  if (old === undefined) {
    for (const [index, claim] of claims.entries()) {
      checkClaimSpec(claim.spec, report.at('volumeClaimTemplates', index, 'spec'))
    }
  }
  checkAtLeast(report.at('replicas'), 0, spec.replicas)
  checkAtLeast(report.at('minReadySeconds'), 0, spec.minReadySeconds)
  checkAtLeast(report.at('ordinals', 'start'), 0, spec.ordinals?.start)
  const { serviceName = '' } = spec
  if (old === undefined && serviceName !== '') {
    report.at('serviceName').invalidBecause(serviceName, dnsLabelProblems(serviceName))
  }
  checkSelectorMatchesTemplate(spec.selector, spec.template, report, { kind: 'statefulset' })
  checkTemplate(ownTemplate(spec.template), old?.template, report.at('template'), {
    restartPolicies: ['Always'],
    deadlineOwner: 'StatefulSet',
    furtherVolumes: claims.flatMap(({ metadata }) => metadata?.name ?? []),
  })
}

/** The template without the names that each pod gets of its own. */
function ownTemplate(template: PodTemplateSpec): PodTemplateSpec {
  const { hostname, subdomain, ...spec } = template.spec
  return hostname === undefined && subdomain === undefined ? template : { ...template, spec }
}

function checkUpdateStrategy(spec: StatefulSetSpec, report: Report): void {
  const { podManagementPolicy = '', updateStrategy = {} } = spec
  if (podManagementPolicy === '') report.at('podManagementPolicy').required()
  else if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    report.at('podManagementPolicy').invalid(podManagementPolicy, "must be 'OrderedReady' or 'Parallel'")
  }
  const place = report.at('updateStrategy')
  const { type, rollingUpdate } = updateStrategy
  if ((type ?? '') === '') place.required()
  else if (type === 'OnDelete') {
    if (rollingUpdate === undefined) return
    const shown = goForm('io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy', rollingUpdate)
    place.at('rollingUpdate').invalid(shown, "only allowed for updateStrategy 'RollingUpdate'")
  } else if (type === 'RollingUpdate') {
    const rolling = place.at('rollingUpdate')
    checkAtLeast(rolling.at('partition'), 0, rollingUpdate?.partition)
    const { maxUnavailable } = rollingUpdate ?? {}
    if (maxUnavailable === undefined) return
    const most = rolling.at('maxUnavailable')
    checkCount(most, maxUnavailable)
    if (amountOf(maxUnavailable) === 0) most.invalid(maxUnavailable, 'cannot be 0')
    checkShare(most, maxUnavailable)
  } else {
    const shown = goForm('io.k8s.api.apps.v1.StatefulSetUpdateStrategy', updateStrategy)
    place.invalid(shown, "must be 'RollingUpdate' or 'OnDelete'")
  }
}

function checkStatus({ status = { replicas: 0 } }: StatefulSet, old: StatefulSet, root: Report): void {
  const report = root.at('status')
  const { replicas = 0, readyReplicas = 0, currentReplicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status
  const counts = { replicas, readyReplicas, currentReplicas, updatedReplicas, availableReplicas }
  for (const [field, count] of Object.entries(counts)) checkAtLeast(report.at(field), 0, count)
  checkAtLeast(report.at('observedGeneration'), 0, status.observedGeneration)
  checkAtLeast(report.at('collisionCount'), 0, status.collisionCount)
  for (const [field, count] of Object.entries(counts)) {
    if (count > replicas) report.at(field).invalid(count, 'cannot be greater than status.replicas')
  }
  if (availableReplicas > readyReplicas) {
    report.at('availableReplicas').invalid(availableReplicas, 'cannot be greater than status.readyReplicas')
  }
  checkCollisionCount(status.collisionCount, old.status?.collisionCount, report.at('collisionCount'))
}

/** What of a stateful set stays as it was created. */
function fixedPart(spec: StatefulSetSpec): unknown {
  const { selector, serviceName, podManagementPolicy, volumeClaimTemplates } = spec
  return { selector, serviceName, podManagementPolicy, volumeClaimTemplates }
}
