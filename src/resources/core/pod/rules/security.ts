import type { PodSpec } from '#api/core/v1/pod.ts'
import type { SecurityContext } from '#api/core/v1/securityContext.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAppArmorProfile, checkSeccompProfile } from './profiles.ts'
import { checkWindowsOptions } from './windows.ts'

const mostId = 2 ** 31 - 1
const sysctlPattern = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/
const mostSysctlLength = 253

function checkId(id: number | undefined, report: Report): void {
  if (id !== undefined && (id < 0 || id > mostId)) report.invalid(id, `must be between 0 and ${mostId}, inclusive`)
}

const notOfHost = (what: string): string => `may not be specified when '${what}' is true`

/** The settings of the kernel that pods have of their own beside `net.*` and `fs.mqueue.*`. */
const ipcSettings: ReadonlySet<string> = new Set([
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'kernel.shm',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.msg',
])

function namespaceOf(setting: string): 'net' | 'ipc' | undefined {
  if (setting.startsWith('net.')) return 'net'
  return setting.startsWith('fs.mqueue.') || ipcSettings.has(setting) ? 'ipc' : undefined
}

/** The rules of what holds for all containers of a pod. */
export function checkPodSecurityContext(spec: PodSpec, report: Report): void {
  const context = spec.securityContext
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    report.at('shareProcessNamespace').invalid(true, 'ShareProcessNamespace and HostPID cannot both be enabled')
  }
  if (context === undefined) return
  checkId(context.fsGroup, report.at('fsGroup'))
  checkId(context.runAsUser, report.at('runAsUser'))
  checkId(context.runAsGroup, report.at('runAsGroup'))
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    checkId(group, report.at('supplementalGroups', index))
  const names = new Set<string>()
  for (const [index, { name }] of (context.sysctls ?? []).entries()) {
    const place = report.at('sysctls', index, 'name')
    if (name === '') place.required()
    else if (name.length > mostSysctlLength || !sysctlPattern.test(name)) {
      const pattern = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
      place.invalid(name, `must have at most ${mostSysctlLength} characters and match regex ^${pattern}$`)
    } else if (names.has(name)) place.duplicate(name)
    const space = namespaceOf(name.replaceAll('/', '.'))
    if (spec.hostNetwork === true && space === 'net') place.invalid(name, notOfHost('hostNetwork'))
    if (spec.hostIPC === true && space === 'ipc') place.invalid(name, notOfHost('hostIPC'))
    names.add(name)
  }
  const change = context.fsGroupChangePolicy as string | undefined
  if (change !== undefined && change !== 'Always' && change !== 'OnRootMismatch') {
    report.at('fsGroupChangePolicy').notSupported(change, ['OnRootMismatch', 'Always'])
  }
  checkSeccompProfile(context.seccompProfile, report.at('seccompProfile'))
  checkWindowsOptions(context.windowsOptions, report.at('windowsOptions'))
  checkAppArmorProfile(context.appArmorProfile, report.at('appArmorProfile'))
}

/** The rules of what holds for one container. */
export function checkSecurityContext(context: SecurityContext | undefined, spec: PodSpec, report: Report): void {
  if (context === undefined) return
  checkId(context.runAsUser, report.at('runAsUser'))
  checkId(context.runAsGroup, report.at('runAsGroup'))
  if (context.procMount !== undefined) {
    const mount = context.procMount as string
    if (mount !== 'Default' && mount !== 'Unmasked') report.at('procMount').notSupported(mount, ['Default', 'Unmasked'])
    if (mount === 'Unmasked' && spec.hostUsers !== false) {
      report.at('procMount').invalid(mount, '`hostUsers` must be false to use `Unmasked`')
    }
  }
  checkSeccompProfile(context.seccompProfile, report.at('seccompProfile'))
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      report.invalid(
        goForm('io.k8s.api.core.v1.SecurityContext', context),
        'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      )
    }
    if (context.capabilities?.add?.some((name) => name === 'CAP_SYS_ADMIN') === true) {
      report.invalid(
        goForm('io.k8s.api.core.v1.SecurityContext', context),
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
      )
    }
  }
  checkWindowsOptions(context.windowsOptions, report.at('windowsOptions'))
  checkAppArmorProfile(context.appArmorProfile, report.at('appArmorProfile'))
}
