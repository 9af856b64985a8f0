import { daemonSets, type DaemonSet, type DaemonSetSpec } from '#api/apps/v1/daemonSet.ts'
import type { IntOrString } from '#api/scalars.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkCount } from './rollout.ts'
import { ageColumn, containerColumns, formatLabels, nameColumn, selectorColumn } from '#resources/columns.ts'
import { checkSelectorMatchesTemplate, checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAtLeast, checkImmutable } from '#resources/rules.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { statusSubresource } from '#resources/status.ts'
import { isAsBefore, templateWarnings } from '#resources/core/pod/warnings.ts'
import type { Column, Strategy } from '#server/strategy.ts'

type Count =
  | 'desiredNumberScheduled'
  | 'currentNumberScheduled'
  | 'numberReady'
  | 'updatedNumberScheduled'
  | 'numberAvailable'

function countColumn(name: string, field: Count, description: string): Column<DaemonSet> {
  return { name, type: 'integer', description, value: ({ status }) => status?.[field] ?? 0 }
}

/** Daemon sets: one pod on every node that suits. */
export const daemonSetStrategy: Strategy<DaemonSet> = {
  resource: daemonSets,
  reserved: ['status'],
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    countColumn('Desired', 'desiredNumberScheduled', 'Nodes that should run the pod.'),
    countColumn('Current', 'currentNumberScheduled', 'Nodes that run the pod and should.'),
    countColumn('Ready', 'numberReady', 'Nodes whose pod is ready.'),
    countColumn('Up-to-date', 'updatedNumberScheduled', 'Nodes whose pod was made from the newest template.'),
    countColumn('Available', 'numberAvailable', 'Nodes whose pod has been ready for `minReadySeconds`.'),
    {
      name: 'Node Selector',
      description: 'Labels that a node must have.',
      value: ({ spec }) => formatLabels(spec.template.spec?.nodeSelector),
    },
    ageColumn,
    ...containerColumns<DaemonSet>(({ spec }) => spec.template.spec?.containers),
    selectorColumn<DaemonSet>(({ spec }) => spec.selector),
  ],
  subresources: { status: statusSubresource },
  default({ spec }) {
    defaultTemplate(spec.template)
    spec.updateStrategy ??= {}
    spec.updateStrategy.type ??= 'RollingUpdate'
    if (spec.updateStrategy.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate ??= {}
      spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
      spec.updateStrategy.rollingUpdate.maxSurge ??= 0
    }
    spec.revisionHistoryLimit ??= 10
  },
  prepare(daemonSet, old) {
    keepTemplateGeneration(daemonSet, old)
    if (old !== undefined) return
    daemonSet.status = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }
  },
  warnings: (daemonSet, old) =>
    isAsBefore(daemonSet, old) ? [] : templateWarnings(daemonSet.spec.template, 'spec.template'),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkSelectorMatchesTemplate(spec.selector, spec.template, place, { kind: 'daemonset' })
    checkTemplate(spec.template, old?.spec.template, place.at('template'), {
      restartPolicies: ['Always'],
      deadlineOwner: 'DaemonSet',
    })
    checkAtLeast(place.at('minReadySeconds'), 0, spec.minReadySeconds)
    checkUpdateStrategy(spec, place.at('updateStrategy'))
    checkAtLeast(place.at('revisionHistoryLimit'), 0, spec.revisionHistoryLimit)
    if (old !== undefined) checkImmutable(place.at('selector'), spec.selector, old.spec.selector)
  },
}

/** How often the template was changed, from 1; older clients read it to tell pods of different templates apart. */
const templateGeneration = 'deprecated.daemonset.template.generation'

function keepTemplateGeneration(daemonSet: DaemonSet, old: DaemonSet | undefined): void {
  const before = generationOf(old ?? daemonSet)
  const changed = old !== undefined && !sameJson(daemonSet.spec.template, old.spec.template)
  const now = old === undefined ? Math.max(before, 1) : changed ? before + 1 : before
  daemonSet.metadata.annotations = { ...daemonSet.metadata.annotations, [templateGeneration]: String(now) }
}

function generationOf({ metadata }: DaemonSet): number {
  const text = metadata.annotations?.[templateGeneration] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}

function checkUpdateStrategy({ updateStrategy }: DaemonSetSpec, report: Report): void {
  if (updateStrategy?.type === 'OnDelete') return
  if (updateStrategy?.type !== 'RollingUpdate') {
    return report.notSupported(goForm('io.k8s.api.apps.v1.DaemonSetUpdateStrategy', updateStrategy ?? {}), [
      'RollingUpdate',
      'OnDelete',
    ])
  }
  const place = report.at('rollingUpdate')
  const { maxUnavailable, maxSurge } = updateStrategy.rollingUpdate ?? {}
  checkCount(place.at('maxUnavailable'), maxUnavailable)
  checkCount(place.at('maxSurge'), maxSurge)
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    place.at('maxUnavailable').required('cannot be 0 when maxSurge is 0')
  } else if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
    place.at('maxSurge').invalid(maxSurge, 'may not be set when maxUnavailable is non-zero')
  }
}

function isZero(count: IntOrString | undefined): boolean {
  return count === undefined || count === 0 || count === '0%' || count === '0'
}
