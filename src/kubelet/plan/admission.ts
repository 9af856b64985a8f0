import type { ResourceList } from '#api/core/v1/container.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { matchesNodeSelectors } from '#machinery/nodeSelector.ts'
import { podRequests, readResources, type PodResources } from '#machinery/podResources.ts'
import { findUntolerated } from '#machinery/taints.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import type { PressureCondition } from '../eviction/signals.ts'
import { sysctlName } from '../runtime/containerConfig.ts'
import { isCritical } from './planEviction.ts'
import type { PodFailure } from './podMemory.ts'

/**
 * Whether a pod that was bound to this node may run on it: the scheduler may have been wrong, or not asked. Returns why
 * not, as the pod's reason and message and, without the prefix, as its event.
 */
export function admitPod(
  pod: Pod,
  others: readonly Pod[],
  node: Node,
  pressures: readonly PressureCondition[] = [],
): PodFailure | undefined {
  const active = others.filter((other) => other.metadata.uid !== pod.metadata.uid && isActive(other))
  return (
    checkPressure(pod, pressures) ??
    checkSysctls(pod) ??
    checkSystem(pod) ??
    checkGroupsPolicy(pod, node) ??
    checkResources(pod, active, node.status?.allocatable ?? {}) ??
    (matchesNodeSelectors(pod, node)
      ? undefined
      : predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")) ??
    (conflictingPort(pod, active)
      ? predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports")
      : undefined) ??
    checkTaints(pod, node)
  )
}

/** Refuses a pod that is to be confined by AppArmor on a machine without it, where nothing would confine it. */
export function checkAppArmor({ spec }: Pod, isEnabled: boolean): PodFailure | undefined {
  const contexts = [
    spec.securityContext,
    ...[...(spec.initContainers ?? []), ...spec.containers].map(({ securityContext }) => securityContext),
  ]
  const asks = contexts.some((context) => (context?.appArmorProfile?.type ?? 'Unconfined') !== 'Unconfined')
  if (isEnabled || !asks) return undefined
  return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }
}

/** How the status of a refused pod tells why. */
export function rejectionMessage({ message }: PodFailure): string {
  return `Pod was rejected: ${message}`
}

/** A node that is short of something takes only pods that it needs, and of memory those that say how much they need. */
function checkPressure(pod: Pod, pressures: readonly PressureCondition[]): PodFailure | undefined {
  if (pressures.length === 0 || isCritical(pod)) return undefined
  if (pressures.every((condition) => condition === 'MemoryPressure')) {
    if (qosClassOf(pod) !== 'BestEffort') return undefined
    if (findUntolerated([memoryTaint], pod.spec.tolerations, [memoryTaint.effect]) === undefined) return undefined
  }
  return { reason: 'Evicted', message: `The node had condition: [${pressures.join(' ')}]. ` }
}

const memoryTaint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' }

/** Kernel parameters that a pod has of its own and that touch no other pod; which namespace they are of is in their names. */
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

function checkSysctls({ spec }: Pod): PodFailure | undefined {
  for (const { name: written } of spec.securityContext?.sysctls ?? []) {
    const name = sysctlName(written)
    const forbid = (why: string): PodFailure => ({
      reason: 'SysctlForbidden',
      message: `forbidden sysctl: ${JSON.stringify(name)} ${why}`,
    })
    if (!safeSysctls.has(name)) return forbid('not allowlisted')
    if (name.startsWith('net.') && spec.hostNetwork === true) return forbid('not allowed with host net enabled')
    if (name.startsWith('kernel.') && spec.hostIPC === true) return forbid('not allowed with host ipc enabled')
  }
  return undefined
}

function checkSystem({ metadata, spec }: Pod): PodFailure | undefined {
  if ((metadata.labels?.[systemLabel] ?? 'linux') !== 'linux') {
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: `Failed to admit pod as the \`${systemLabel}\` label doesn't match node label`,
    }
  }
  if ((spec.os?.name ?? 'linux') === 'linux') return undefined
  return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
}

const systemLabel = 'kubernetes.io/os'

/** A runtime that does not know the policy would give containers the groups that their image names. */
function checkGroupsPolicy({ spec }: Pod, { status }: Node): PodFailure | undefined {
  const policy = spec.securityContext?.supplementalGroupsPolicy
  if (policy !== 'Strict' || status?.features?.supplementalGroupsPolicy === true) return undefined
  return {
    reason: 'SupplementalGroupsPolicyNotSupported',
    message: `SupplementalGroupsPolicy=${policy} is not supported in this node`,
  }
}

function isActive(pod: Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
}

function predicate(reason: string, why: string): PodFailure {
  return { reason, message: `Predicate ${reason} failed: ${why}` }
}

function checkResources(pod: Pod, active: readonly Pod[], allocatable: ResourceList): PodFailure | undefined {
  const lacking = (name: string, requested: number, used: number, capacity: number): PodFailure => ({
    reason: `OutOf${name}`,
    message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  })
  const most = Number(allocatable['pods'] ?? 0)
  if (active.length + 1 > most) return lacking('pods', 1, active.length, most)
  const request = podRequests(pod)
  const capacity = readResources(allocatable)
  const used = active.map(podRequests)
  const sum = (read: (resources: PodResources) => number): number => used.reduce((total, each) => total + read(each), 0)
  const checks: readonly (readonly [string, (resources: PodResources) => number])[] = [
    ['cpu', (resources) => resources.milliCpu],
    ['memory', (resources) => resources.memory],
    ['ephemeral-storage', (resources) => resources.ephemeralStorage],
    // What a node does not know of may be a resource of the cluster, or one that was advertised just now.
    ...[...request.others.keys()]
      .filter((name) => capacity.others.has(name))
      .map((name) => [name, (resources: PodResources) => resources.others.get(name) ?? 0] as const),
  ]
  for (const [name, read] of checks) {
    const wanted = read(request)
    if (wanted > 0 && wanted + sum(read) > read(capacity)) return lacking(name, wanted, sum(read), read(capacity))
  }
  return undefined
}

function conflictingPort(pod: Pod, active: readonly Pod[]): boolean {
  const wanted = hostPorts(pod)
  if (wanted.length === 0) return false
  const taken = active.flatMap(hostPorts)
  return wanted.some((port) =>
    taken.some(
      (other) =>
        port.port === other.port &&
        port.protocol === other.protocol &&
        (port.ip === other.ip || port.ip === '0.0.0.0' || other.ip === '0.0.0.0'),
    ),
  )
}

interface HostPort {
  readonly port: number
  readonly protocol: string
  readonly ip: string
}

function hostPorts(pod: Pod): readonly HostPort[] {
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')
  return [...sidecars, ...pod.spec.containers].flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP = '0.0.0.0' }) => {
      const port = hostPort ?? (pod.spec.hostNetwork === true ? containerPort : 0)
      return port === 0 ? [] : [{ port, protocol, ip: hostIP === '' ? '0.0.0.0' : hostIP }]
    }),
  )
}

function checkTaints(pod: Pod, node: Node): PodFailure | undefined {
  const taint = findUntolerated(node.spec.taints, pod.spec.tolerations, ['NoExecute'])
  if (taint === undefined) return undefined
  return predicate('TaintToleration', `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`)
}
