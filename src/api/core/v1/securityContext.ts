import type { int64 } from '#api/scalars.ts'

export interface PodSecurityContext {
  seLinuxOptions?: SELinuxOptions
  windowsOptions?: WindowsSecurityContextOptions
  runAsUser?: int64
  runAsGroup?: int64
  runAsNonRoot?: boolean
  supplementalGroups?: int64[]
  supplementalGroupsPolicy?: SupplementalGroupsPolicy
  fsGroup?: int64
  sysctls?: Sysctl[]
  fsGroupChangePolicy?: PodFSGroupChangePolicy
  seccompProfile?: SeccompProfile
  appArmorProfile?: AppArmorProfile
  seLinuxChangePolicy?: PodSELinuxChangePolicy
}

export interface SecurityContext {
  capabilities?: Capabilities
  privileged?: boolean
  seLinuxOptions?: SELinuxOptions
  windowsOptions?: WindowsSecurityContextOptions
  runAsUser?: int64
  runAsGroup?: int64
  runAsNonRoot?: boolean
  readOnlyRootFilesystem?: boolean
  allowPrivilegeEscalation?: boolean
  procMount?: ProcMountType
  seccompProfile?: SeccompProfile
  appArmorProfile?: AppArmorProfile
}

export interface Capabilities {
  add?: string[]
  drop?: string[]
}

export interface SELinuxOptions {
  user?: string
  role?: string
  type?: string
  level?: string
}

export interface SeccompProfile {
  type: SeccompProfileType
  localhostProfile?: string
}

export interface AppArmorProfile {
  type: AppArmorProfileType
  localhostProfile?: string
}

export interface WindowsSecurityContextOptions {
  gmsaCredentialSpecName?: string
  gmsaCredentialSpec?: string
  runAsUserName?: string
  hostProcess?: boolean
}

export interface Sysctl {
  name: string
  value: string
}

export type PodFSGroupChangePolicy = 'OnRootMismatch' | 'Always'

export type SupplementalGroupsPolicy = 'Merge' | 'Strict'

export type PodSELinuxChangePolicy = 'Recursive' | 'MountOption'

export type SeccompProfileType = 'Unconfined' | 'RuntimeDefault' | 'Localhost'

export type AppArmorProfileType = 'Unconfined' | 'RuntimeDefault' | 'Localhost'

export type ProcMountType = 'Default' | 'Unmasked'
