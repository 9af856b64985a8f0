import { deployments, type Deployment, type DeploymentSpec } from '#api/apps/v1/deployment.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, containerColumns, nameColumn, selectorColumn } from '#resources/columns.ts'
import { dropDisabledFields } from '#resources/core/pod/disabledFields.ts'
import { checkCollisionCount, checkPodsAtOnce } from './rollout.ts'
import { checkAtLeast, checkImmutable } from '#resources/rules.ts'
import { scaleSubresource } from './scale.ts'
import { checkReplicaCounts } from '#resources/statusCounts.ts'
import { statusBesideSpec } from '#resources/status.ts'
import { checkSelectorMatchesTemplate, checkTemplate, defaultTemplate } from '#resources/core/pod/template.ts'
import { goForm } from '#resources/goForm.ts'
import { workloadWarnings } from '#resources/core/pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

/** Deployments: a pod template, how many pods of it, and how they are replaced when it changes. */
export const deploymentStrategy: Strategy<Deployment> = {
  resource: deployments,
  reserved: ['status'],
  unconditionalUpdate: true,
  columns: [
    nameColumn,
    {
      name: 'Ready',
      description: 'Ready pods of those that are wanted.',
      value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`,
    },
    {
      name: 'Up-to-date',
      description: 'Pods that were made from the newest template.',
      value: ({ status }) => status?.updatedReplicas ?? 0,
    },
    {
      name: 'Available',
      description: 'Pods that have been ready for `minReadySeconds`.',
      value: ({ status }) => status?.availableReplicas ?? 0,
    },
    ageColumn,
    ...containerColumns<Deployment>(({ spec }) => spec.template.spec?.containers),
    selectorColumn<Deployment>(({ spec }) => spec.selector),
  ],
  subresources: {
    // The controller writes the revision, which is an annotation, together with the status.
    status: {
      ...statusBesideSpec,
      writes: statusBesideSpec.writes!.filter((path) => path !== 'metadata.labels'),
      validate: checkStatus,
    },
    scale: scaleSubresource<Deployment>({
      selector: ({ spec }) => spec.selector,
      replicas: ({ spec }) => spec.replicas,
      current: ({ status }) => status?.replicas,
      set: (deployment, replicas) => (deployment.spec.replicas = replicas),
    }),
  },
  default({ spec }) {
    defaultTemplate(spec.template)
    spec.strategy ??= {}
    spec.strategy.type ??= 'RollingUpdate'
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {}
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
      spec.strategy.rollingUpdate.maxSurge ??= '25%'
    }
  },
  prepare: ({ spec }, old) => dropDisabledFields(spec.template.spec, old?.spec.template.spec),
  warnings: (object, old) => workloadWarnings(object, old, object.spec.template),
  validate(deployment, old, report) {
    const spec = report.at('spec')
    checkSpec(deployment.spec, old?.spec, spec)
    if (old !== undefined) checkImmutable(spec.at('selector'), deployment.spec.selector, old.spec.selector)
  },
}

function checkSpec(spec: DeploymentSpec, old: DeploymentSpec | undefined, report: Report): void {
  checkAtLeast(report.at('replicas'), 0, spec.replicas)
  checkSelectorMatchesTemplate(spec.selector, spec.template, report, { kind: 'deployment' })
  checkTemplate(spec.template, old?.template, report.at('template'), { restartPolicies: ['Always'] })
  checkStrategy(spec, report.at('strategy'))
  checkAtLeast(report.at('minReadySeconds'), 0, spec.minReadySeconds)
  checkAtLeast(report.at('revisionHistoryLimit'), 0, spec.revisionHistoryLimit)
  if (spec.progressDeadlineSeconds !== undefined) {
    checkAtLeast(report.at('progressDeadlineSeconds'), 0, spec.progressDeadlineSeconds)
    if (spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
      const problem = 'must be greater than minReadySeconds'
      report.at('progressDeadlineSeconds').invalid(spec.progressDeadlineSeconds, problem)
    }
  }
}

function checkStrategy({ strategy }: DeploymentSpec, report: Report): void {
  switch (strategy?.type) {
    case 'Recreate':
      if (strategy.rollingUpdate !== undefined) {
        const problem = "may not be specified when strategy `type` is 'Recreate'"
        report.at('rollingUpdate').forbidden(problem)
      }
      break
    case 'RollingUpdate':
      if (strategy.rollingUpdate === undefined) {
        report.at('rollingUpdate').required('this should be defaulted and never be nil')
      } else checkPodsAtOnce(strategy.rollingUpdate, report.at('rollingUpdate'))
      break
    default:
      report.notSupported(goForm('io.k8s.api.apps.v1.DeploymentStrategy', strategy ?? {}), [
        'Recreate',
        'RollingUpdate',
      ])
  }
}

const counts = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
]
const kindsOfPods = ['updatedReplicas', 'readyReplicas', 'availableReplicas']

function checkStatus({ status = {} }: Deployment, old: Deployment, root: Report): void {
  const report = root.at('status')
  checkReplicaCounts(status, counts, kindsOfPods, report)
  checkCollisionCount(status.collisionCount, old.status?.collisionCount, report.at('collisionCount'))
}
