import { daemonSets, type DaemonSet, type DaemonSetSpec } from '#api/apps/v1/daemonSet.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import type { Report } from '#machinery/validate/report.ts'
import { amountOf, checkCollisionCount, checkCount, checkShare } from './rollout.ts'
import { ageColumn, containerColumns, formatLabels, nameColumn, selectorColumn } from '#resources/columns.ts'
import { checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAtLeast, checkImmutable } from '#resources/rules.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { checkSelector as checkSelectorParts, hasKnownOperators } from '#resources/selector.ts'
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
  subresources: { status: { ...statusSubresource, validate: checkStatus } },
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
    dropDisabledFields(daemonSet.spec.template.spec, old?.spec.template.spec)
    keepTemplateGeneration(daemonSet, old)
    if (old !== undefined) return
    daemonSet.status = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }
  },
  warnings: (daemonSet, old) =>
    isAsBefore(daemonSet, old) ? [] : templateWarnings(daemonSet.spec.template, 'spec.template'),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    if (old !== undefined) checkImmutable(place.at('selector'), spec.selector, old.spec.selector)
    checkSelector(spec, place)
    checkTemplate(spec.template, old?.spec.template, place.at('template'), {
      restartPolicies: ['Always'],
      deadlineOwner: 'DaemonSet',
    })
    checkAtLeast(place.at('minReadySeconds'), 0, spec.minReadySeconds)
    checkUpdateStrategy(spec, place.at('updateStrategy'))
    checkAtLeast(place.at('revisionHistoryLimit'), 0, spec.revisionHistoryLimit)
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
  if (updateStrategy.rollingUpdate === undefined) return place.required()
  const { maxUnavailable, maxSurge } = updateStrategy.rollingUpdate
  const counts = Object.entries({ maxUnavailable, maxSurge })
  for (const [field, count] of counts) checkCount(place.at(field), count)
  for (const [field, count] of counts) checkShare(place.at(field), count)
  const [misses, adds] = [amountOf(maxUnavailable) !== 0, amountOf(maxSurge) !== 0]
  if (misses && adds) place.at('maxSurge').invalid(maxSurge, 'may not be set when maxUnavailable is non-zero')
  else if (!misses && !adds) place.at('maxUnavailable').required('cannot be 0 when maxSurge is 0')
}

/** Where there is no selector, none matches: that is all that is said. */
function checkSelector({ selector, template }: DaemonSetSpec, report: Report): void {
  const place = report.at('selector')
  if (selector !== undefined) checkSelectorParts(selector, place)
  const { labels } = template.metadata ?? {}
  const canMatch = selector === undefined || hasKnownOperators(selector)
  if (canMatch && (selector === undefined || !matchesLabelSelector(selector, labels ?? {}))) {
    const problem = '`selector` does not match template `labels`'
    report.at('template', 'metadata', 'labels').invalid(labels ?? null, problem)
  }
  if (selector === undefined) return
  const { matchLabels = {}, matchExpressions = [] } = selector
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
    place.invalid(selector, 'empty selector is invalid for daemonset')
  }
}

const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const

function checkStatus({ status }: DaemonSet, old: DaemonSet, root: Report): void {
  const report = root.at('status')
  for (const field of counts) checkAtLeast(report.at(field), 0, status?.[field])
  checkCollisionCount(status?.collisionCount, old.status?.collisionCount, report.at('collisionCount'))
}
