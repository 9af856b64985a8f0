import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { AppArmorProfile, SeccompProfile } from '#api/core/v1/securityContext.ts'
import { podText } from '../plan/restarts.ts'
import type { FoundImage } from './containerRuntime.ts'
import type { ContainerConfig, NamespaceOption, SecurityProfile } from './criMessages.ts'
import { ConfigError } from './environment.ts'

/** What /proc hides from containers, and what it lets them only read. */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** Which namespaces a pod's containers share: among each other, or with the node. */
export function computeNamespaces(pod: Pod, targetId?: string): NamespaceOption {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec
  const pid = hostPID === true ? 'NODE' : shareProcessNamespace === true ? 'POD' : 'CONTAINER'
  const namespaces = { network: hostNetwork === true ? 'NODE' : 'POD', ipc: hostIPC === true ? 'NODE' : 'POD' } as const
  if (targetId !== undefined && pid === 'CONTAINER') return { ...namespaces, pid: 'TARGET', targetId }
  return { ...namespaces, pid }
}

/** The profile that the pod or container names; without one nothing is filtered. */
export function computeSeccomp(profile: SeccompProfile | undefined, seccompFolder: string): SecurityProfile {
  if (profile === undefined || profile.type === 'Unconfined') return { profileType: 'Unconfined' }
  if (profile.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' }
  return { profileType: 'Localhost', localhostRef: `${seccompFolder}/${profile.localhostProfile ?? ''}` }
}

/** The profile that the container or its pod names. */
function computeAppArmor({ type, localhostProfile = '' }: AppArmorProfile): SecurityProfile {
  return type === 'Localhost' ? { profileType: 'Localhost', localhostRef: localhostProfile } : { profileType: type }
}

/** Refuses to run as root what must not. Throws a ConfigError with upstream's words. */
export function checkNonRoot(pod: Pod, container: Container, image: FoundImage): void {
  const { securityContext: own = {} } = container
  const { securityContext: shared = {} } = pod.spec
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) !== true) return
  const where = `(pod: "${podText(pod)}", container: ${container.name})`
  const user = own.runAsUser ?? shared.runAsUser
  if (user !== undefined) {
    if (user === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`)
    return
  }
  if (image.uid === 0 || (image.uid === undefined && (image.username === undefined || image.username === ''))) {
    throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`)
  }
  if (image.uid === undefined) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    )
  }
}

/** The security context of a container: its own settings before those of its pod. */
export function computeSecurityContext(
  pod: Pod,
  container: Container,
  more: { readonly targetId?: string; readonly supplementalGroups?: readonly number[]; readonly seccompFolder: string },
): ContainerConfig['linux']['securityContext'] {
  const { securityContext: own = {} } = container
  const { securityContext: shared = {} } = pod.spec
  const privileged = own.privileged ?? false
  const user = own.runAsUser ?? shared.runAsUser
  const group = own.runAsGroup ?? shared.runAsGroup
  const { add = [], drop = [] } = own.capabilities ?? {}
  const adds = add.map(withoutPrefix)
  const unmasked = privileged || own.procMount === 'Unmasked'
  const seLinux = own.seLinuxOptions ?? shared.seLinuxOptions
  const appArmor = own.appArmorProfile ?? shared.appArmorProfile
  // More rights than before would defeat the setting, so whoever has these may escalate.
  const mayEscalate = own.allowPrivilegeEscalation ?? true
  return {
    ...(adds.length === 0 && drop.length === 0
      ? {}
      : { capabilities: { addCapabilities: adds, dropCapabilities: drop.map(withoutPrefix) } }),
    privileged,
    namespaceOptions: computeNamespaces(pod, more.targetId),
    ...(seLinux === undefined ? {} : { selinuxOptions: seLinux }),
    ...(user === undefined ? {} : { runAsUser: { value: user } }),
    ...(group === undefined ? {} : { runAsGroup: { value: group } }),
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    supplementalGroups: computeGroups(pod, more.supplementalGroups),
    ...(shared.supplementalGroupsPolicy === 'Strict' ? { supplementalGroupsPolicy: 'Strict' as const } : {}),
    noNewPrivs: !(mayEscalate || privileged || adds.includes('SYS_ADMIN')),
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp: privileged
      ? { profileType: 'Unconfined' }
      : computeSeccomp(own.seccompProfile ?? shared.seccompProfile, more.seccompFolder),
    ...(appArmor === undefined ? {} : { apparmor: computeAppArmor(appArmor) }),
  }
}

/** The pod's groups: named ones, that of its volumes, and those that volumes ask for. */
export function computeGroups(pod: Pod, ofVolumes: readonly number[] = []): readonly number[] {
  const { supplementalGroups = [], fsGroup } = pod.spec.securityContext ?? {}
  return [...new Set([...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup]), ...ofVolumes])]
}

function withoutPrefix(capability: string): string {
  return capability.startsWith('CAP_') ? capability.slice(4) : capability
}
