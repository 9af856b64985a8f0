import { checkProfileAnnotations, checkProfilesAgree, containerAppArmor, fillAppArmorFields } from './rules/profiles.ts'
import { pods, type Pod, type PodSpec } from '#api/core/v1/pod.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import type { Report } from '#machinery/validate/report.ts'
import { podColumns } from './columns.ts'
import { defaultPod } from './defaults.ts'
import { checkPodSpec } from './rules.ts'
import { dropDisabledFields } from './disabledFields.ts'
import { mergeLabelKeys } from './labelKeys.ts'
import { checkEphemeralUpdate } from './ephemeral.ts'
import { checkResize, keepResize } from './resize.ts'
import { checkPodStatus, keepReported } from './status.ts'
import { checkPodUpdate, mirrorAnnotation } from './update.ts'
import { olderAddressWarnings } from '#resources/addresses.ts'
import { podWarnings } from './warnings.ts'
import { statusBesideSpec } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** Pods: containers that run together on a node. */
export const podStrategy: Strategy<Pod> = {
  resource: pods,
  reserved: ['status'],
  unconditionalUpdate: true,
  answersDeleted: true,
  columns: podColumns,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  subresources: {
    status: {
      ...statusBesideSpec,
      warnings: statusWarnings,
      // Old kubelets corrupt owners, on which garbage collection relies.
      writes: statusBesideSpec.writes!.filter((path) => path !== 'metadata.ownerReferences'),
      prepare: keepReported,
      validate: checkPodStatus,
    },
    binding: { verbs: ['create'], body: { group: '', version: 'v1', kind: 'Binding' } },
    eviction: { verbs: ['create'], body: { group: 'policy', version: 'v1', kind: 'Eviction' } },
    ephemeralcontainers: {
      verbs: ['get', 'update', 'patch'],
      writes: ['spec.ephemeralContainers'],
      prepare: (pod, old) => dropDisabledFields(pod.spec, old.spec),
      validate: checkEphemeralUpdate,
    },
    resize: {
      verbs: ['get', 'update', 'patch'],
      writes: ['spec.containers', 'spec.initContainers'],
      prepare: keepResize,
      validate: checkResize,
    },
    log: { verbs: ['get'] },
    exec: { verbs: ['connect'] },
    attach: { verbs: ['connect'] },
    portforward: { verbs: ['connect'] },
    proxy: { verbs: ['connect'] },
  },
  default: defaultPod,
  prepare(pod, old) {
    dropDisabledFields(pod.spec, old?.spec)
    if (old !== undefined) return
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod) }
    const gates = pod.spec.schedulingGates ?? []
    if (gates.length > 0) {
      const message = 'Scheduling is blocked due to non-empty scheduling gates'
      pod.status.conditions = [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }]
    }
    mergeLabelKeys(pod)
    fillAppArmorFields(pod.metadata, pod.spec)
  },
  validate(pod, old, report) {
    const spec = report.at('spec')
    checkPodAnnotations(pod, old, report.at('metadata', 'annotations'))
    checkPodSpec(pod.spec, old?.spec, spec, { isPod: true, podName: pod.metadata.name })
    if (old === undefined) {
      checkCreate(pod.spec, spec)
      checkProfilesAgree(pod.metadata, pod.spec, spec)
    } else checkPodUpdate(pod, old, report)
  },
  warnings: (pod, old) => (old === undefined ? podWarnings(pod) : noWarnings),
  gracePeriod: (pod, requested) => gracePeriodOf(pod, requested),
}

const noWarnings: readonly string[] = []

/** What to say of the addresses that a status tells. */
function statusWarnings({ status }: Pod): readonly string[] {
  const of = (list: 'podIPs' | 'hostIPs'): string[] =>
    (status?.[list] ?? []).flatMap(({ ip = '' }, index) => olderAddressWarnings(ip, `status.${list}[${index}].ip`))
  return [...of('podIPs'), ...of('hostIPs')]
}

function checkCreate(spec: PodSpec, report: Report): void {
  if ((spec.ephemeralContainers ?? []).length > 0) report.at('ephemeralContainers').forbidden('cannot be set on create')
  if ((spec.schedulingGates ?? []).length > 0 && (spec.nodeName ?? '') !== '') {
    report.at('nodeName').forbidden('cannot be set until all schedulingGates have been cleared')
  }
}

const deletionCost = 'controller.kubernetes.io/pod-deletion-cost'

/** A copy of a static pod has a node, and what a pod costs to delete is a number; once wrong, it may stay so. */
function checkPodAnnotations({ metadata, spec }: Pod, old: Pod | undefined, report: Report): void {
  const { annotations } = metadata
  if (old !== undefined) checkFixedAnnotations(annotations ?? {}, old.metadata.annotations ?? {}, report)
  if (annotations === undefined) return
  checkProfileAnnotations(annotations, spec, report)
  const mirror = annotations[mirrorAnnotation]
  if (mirror !== undefined && (spec.nodeName ?? '') === '') {
    report.key(mirrorAnnotation).invalid(mirror, 'must set spec.nodeName if mirror pod annotation is set')
  }
  const cost = annotations[deletionCost]
  if (cost === undefined || isInt32(cost)) return
  const before = old?.metadata.annotations?.[deletionCost]
  if (before === undefined || isInt32(before)) report.key(deletionCost).invalid(cost, 'must be a 32bit integer')
}

/** What annotations say of a mirror pod and of AppArmor stays as it was. */
function checkFixedAnnotations(
  now: Readonly<Record<string, string>>,
  before: Readonly<Record<string, string>>,
  report: Report,
): void {
  const wordsFor = (key: string): string | undefined => {
    if (key.startsWith(containerAppArmor)) return 'AppArmor annotations'
    return key === mirrorAnnotation ? 'mirror pod annotation' : undefined
  }
  for (const [key, value] of Object.entries(before)) {
    const words = now[key] === value ? undefined : wordsFor(key)
    if (words !== undefined) report.key(key).forbidden(`may not remove or update ${words}`)
  }
  for (const key of Object.keys(now)) {
    const words = Object.hasOwn(before, key) ? undefined : wordsFor(key)
    if (words !== undefined) report.key(key).forbidden(`may not add ${words}`)
  }
}

/** A number as it is written plainly: without `+` and leading zeros. */
function isInt32(text: string): boolean {
  return /^(?:0|-?[1-9][0-9]{0,9})$/.test(text) && Math.trunc(Number(text)) === (Number(text) | 0)
}

/** Pods that no node has, and those that ended, go at once; the others get the time that they ask for. */
function gracePeriodOf({ spec, status }: Pod, requested: number | undefined): number | undefined {
  if ((spec.nodeName ?? '') === '' || status?.phase === 'Failed' || status?.phase === 'Succeeded') return undefined
  const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 30
  return seconds < 0 ? 1 : seconds
}
