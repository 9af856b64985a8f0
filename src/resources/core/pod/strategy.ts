import { pods, type Pod, type PodSpec } from '#api/core/v1/pod.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import type { Report } from '#machinery/validate/report.ts'
import { podColumns } from './columns.ts'
import { defaultPod } from './defaults.ts'
import { checkPodSpec } from './rules.ts'
import { checkPodUpdate } from './update.ts'
import { olderAddressWarnings } from '#resources/addresses.ts'
import { podWarnings } from './warnings.ts'
import { statusSubresource } from '#resources/status.ts'
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
    // The rules are about the spec, which stays: nodes report often, and what they report is taken as it is.
    status: {
      warnings: statusWarnings,
      ...statusSubresource,
      // Old kubelets corrupt owners, on which garbage collection relies.
      writes: statusSubresource.writes!.filter((path) => path !== 'metadata.ownerReferences'),
      validate: () => {},
    },
    binding: { verbs: ['create'], body: { group: '', version: 'v1', kind: 'Binding' } },
    eviction: { verbs: ['create'], body: { group: 'policy', version: 'v1', kind: 'Eviction' } },
    ephemeralcontainers: { verbs: ['get', 'update', 'patch'], writes: ['spec.ephemeralContainers'] },
    resize: { verbs: ['get', 'update', 'patch'], writes: ['spec.containers', 'spec.initContainers'] },
    log: { verbs: ['get'] },
    exec: { verbs: ['connect'] },
    attach: { verbs: ['connect'] },
    portforward: { verbs: ['connect'] },
    proxy: { verbs: ['connect'] },
  },
  default: defaultPod,
  prepare(pod, old) {
    if (old !== undefined) return
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod) }
    const gates = pod.spec.schedulingGates ?? []
    if (gates.length > 0) {
      const message = 'Scheduling is blocked due to non-empty scheduling gates'
      pod.status.conditions = [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }]
    }
  },
  validate(pod, old, report) {
    const spec = report.at('spec')
    checkPodSpec(pod.spec, old?.spec, spec)
    if (old === undefined) checkCreate(pod.spec, spec)
    else checkPodUpdate(pod, old, report)
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
}

/** Pods that no node has, and those that ended, go at once; the others get the time that they ask for. */
function gracePeriodOf({ spec, status }: Pod, requested: number | undefined): number | undefined {
  if ((spec.nodeName ?? '') === '' || status?.phase === 'Failed' || status?.phase === 'Succeeded') return undefined
  const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 30
  return seconds < 0 ? 1 : seconds
}
