// What may be reported of a pod. Source: ValidatePodStatusUpdate of Kubernetes v1.34, and its podStatusStrategy.
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { PodCondition, PodStatus } from '#api/core/v1/podStatus.ts'
import { parseIp } from '#lib/net/ip.ts'
import { dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { olderAddressProblems } from '#resources/addresses.ts'
import { goForm } from '#resources/goForm.ts'

/** Keeps what a report may leave out: how well the pod is protected, and which generations were taken in. */
export function keepReported(pod: Pod, { status: before = {} }: Pod): void {
  const { status: now = {} } = pod
  const kept: PodStatus = {}
  if (now.qosClass === undefined && before.qosClass !== undefined) kept.qosClass = before.qosClass
  if ((now.observedGeneration ?? 0) === 0 && before.observedGeneration !== undefined) {
    kept.observedGeneration = before.observedGeneration
  }
  const conditions = now.conditions?.map((condition) => keepGeneration(condition, before.conditions))
  if (conditions?.some((condition, at) => condition !== now.conditions![at]) === true) kept.conditions = conditions
  if (Object.keys(kept).length > 0) pod.status = { ...now, ...kept }
}

function keepGeneration(condition: PodCondition, before: readonly PodCondition[] = []): PodCondition {
  if ((condition.observedGeneration ?? 0) !== 0) return condition
  const known = before.find(({ type }) => type === condition.type)?.observedGeneration ?? 0
  return known === 0 ? condition : { ...condition, observedGeneration: known }
}

export function checkPodStatus({ status = {}, spec }: Pod, { status: before = {} }: Pod, root: Report): void {
  const report = root.at('status')
  checkConditions(status.conditions ?? [], report)
  checkNomination(status, before, spec, report)
  checkGeneration(status.observedGeneration, report)
  if (status.qosClass !== before.qosClass) report.at('qosClass').invalid(status.qosClass ?? '', 'field is immutable')
  for (const [list, mayRestart] of lists) {
    checkEnds(status[list] ?? [], before[list] ?? [], report.at(list), (ended) => mayRestart(spec, ended))
  }
  checkAddresses('podIPs', status, before, report)
  const [first] = status.hostIPs ?? []
  if (first !== undefined && first.ip !== status.hostIP) {
    report.at('hostIPs', 0, 'ip').invalid(first.ip, 'must be equal to `hostIP`')
  }
  checkAddresses('hostIPs', status, before, report)
}

const ownConditions: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'Initialized'])

function checkConditions(conditions: readonly PodCondition[], report: Report): void {
  for (const [index, { type, observedGeneration }] of conditions.entries()) {
    checkGeneration(observedGeneration, report.at('conditions', index))
    if (!ownConditions.has(type))
      report.at('conditions', index, 'Type').invalidBecause(type, qualifiedNameProblems(type))
  }
}

function checkGeneration(generation: number | undefined, report: Report): void {
  if ((generation ?? 0) < 0) report.at('observedGeneration').invalid(generation, 'must be a non-negative integer')
}

function checkNomination(status: PodStatus, before: PodStatus, { nodeName = '' }: PodSpec, report: Report): void {
  const { nominatedNodeName = '' } = status
  if (nominatedNodeName === '' || nominatedNodeName === before.nominatedNodeName) return
  const place = report.at('nominatedNodeName')
  place.invalidBecause(nominatedNodeName, dnsSubdomainProblems(nominatedNodeName))
  if (nodeName !== '') place.forbidden('may not be set on pods that are already bound to a node')
}

const policyRestarts = ({ restartPolicy }: PodSpec, { state }: ContainerStatus): boolean =>
  restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && state?.terminated?.exitCode !== 0)

/** The containers of a pod, and which of them may run again when they have ended. */
const lists = [
  ['containerStatuses', policyRestarts],
  [
    'initContainerStatuses',
    (spec: PodSpec, ended: ContainerStatus): boolean =>
      policyRestarts(spec, ended) ||
      spec.initContainers?.find(({ name }) => name === ended.name)?.restartPolicy === 'Always',
  ],
  ['ephemeralContainerStatuses', (): boolean => false],
] as const

function checkEnds(
  now: readonly ContainerStatus[],
  before: readonly ContainerStatus[],
  report: Report,
  mayRestart: (ended: ContainerStatus) => boolean,
): void {
  for (const [index, ended] of before.entries()) {
    if (ended.state?.terminated === undefined || mayRestart(ended)) continue
    const later = now.find(({ name }) => name === ended.name)
    if (later !== undefined && later.state?.terminated === undefined) {
      report.at(index, 'state').forbidden('may not be transitioned to non-terminated state')
    }
  }
}

/** New addresses are addresses; there is at most one of each family. */
function checkAddresses(list: 'podIPs' | 'hostIPs', status: PodStatus, before: PodStatus, report: Report): void {
  const addresses = status[list] ?? []
  if (addresses.length === 0) return
  const known = before[list] ?? []
  for (const [index, { ip = '' }] of addresses.entries()) {
    if (!known.some((each) => each.ip === ip)) report.at(list, index).invalidBecause(ip, olderAddressProblems(ip))
  }
  if (addresses.length < 2) return
  const families = new Set(addresses.map(({ ip }) => parseIp(ip)?.length))
  if (addresses.length === 2 && families.size === 2) return
  const shown = addresses.map((address) => goForm(shapes[list], address))
  report.at(list).invalid(shown, 'may specify no more than one IP for each IP family')
}

const shapes = { podIPs: 'io.k8s.api.core.v1.PodIP', hostIPs: 'io.k8s.api.core.v1.HostIP' } as const
