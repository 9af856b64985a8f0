// As whom containers run and what they may do on the node.
import type { int64 } from '#api/scalars.ts'

/** Identity and privileges for all containers of a pod, and who owns its volumes. */
export interface PodSecurityContext {
  /** The SELinux label of all containers. */
  seLinuxOptions?: SELinuxOptions
  /** Settings for Windows. */
  windowsOptions?: WindowsSecurityContextOptions
  /** The user number of the first process; that of the image when absent. */
  runAsUser?: int64
  /** The group number of the first process; that of the runtime when absent. */
  runAsGroup?: int64
  /** Refuses to start a container that would run as user 0. */
  runAsNonRoot?: boolean
  /** Further groups of the first process. */
  supplementalGroups?: int64[]
  /** Whether the groups that the image gives the user count too; `Merge` when absent. */
  supplementalGroupsPolicy?: SupplementalGroupsPolicy
  /** The group that owns the volumes which support it; every process belongs to it. */
  fsGroup?: int64
  /** Kernel settings of the pod. */
  sysctls?: Sysctl[]
  /** When the owner of volumes is changed; always when absent. */
  fsGroupChangePolicy?: PodFSGroupChangePolicy
  /** Which system calls the containers may make. */
  seccompProfile?: SeccompProfile
  /** The AppArmor profile of the containers. */
  appArmorProfile?: AppArmorProfile
  /** How volumes get their SELinux label; `MountOption` when possible and absent. */
  seLinuxChangePolicy?: PodSELinuxChangePolicy
}

/** Identity and privileges of one container; they win over those of the pod. */
export interface SecurityContext {
  /** Rights to add to or drop from the runtime's defaults. */
  capabilities?: Capabilities
  /** Gives the container nearly all rights of root on the node; false unless set. */
  privileged?: boolean
  /** The SELinux label of the container. */
  seLinuxOptions?: SELinuxOptions
  /** Settings for Windows. */
  windowsOptions?: WindowsSecurityContextOptions
  /** The user number of the first process. */
  runAsUser?: int64
  /** The group number of the first process. */
  runAsGroup?: int64
  /** Refuses to start the container when it would run as user 0. */
  runAsNonRoot?: boolean
  /** Forbids writing to the image's files; false unless set. */
  readOnlyRootFilesystem?: boolean
  /** Whether a process may gain more rights than its parent; always so when privileged. */
  allowPrivilegeEscalation?: boolean
  /** How much of /proc the container sees. */
  procMount?: ProcMountType
  /** Which system calls the container may make. */
  seccompProfile?: SeccompProfile
  /** The AppArmor profile of the container. */
  appArmorProfile?: AppArmorProfile
}

/** Rights of root that can be given one by one. */
export interface Capabilities {
  /** Rights to give, such as `NET_ADMIN`. */
  add?: string[]
  /** Rights to take away; `ALL` for all. */
  drop?: string[]
}

/** The parts of an SELinux label. */
export interface SELinuxOptions {
  /** This part of the label. */
  user?: string
  /** This part of the label. */
  role?: string
  /** This part of the label. */
  type?: string
  /** This part of the label. */
  level?: string
}

/** Which system calls are allowed. */
export interface SeccompProfile {
  /** Whose profile is used. */
  type: SeccompProfileType
  /** The profile's file below the kubelet's folder; only with type `Localhost`. */
  localhostProfile?: string
}

/** Which AppArmor profile confines a container. */
export interface AppArmorProfile {
  /** Whose profile is used. */
  type: AppArmorProfileType
  /** The name of a profile loaded on the node; only with type `Localhost`. */
  localhostProfile?: string
}

/** Identity and privileges on Windows. */
export interface WindowsSecurityContextOptions {
  /** The resource that holds the credential spec of the group account. */
  gmsaCredentialSpecName?: string
  /** The credential spec itself; filled in at admission. */
  gmsaCredentialSpec?: string
  /** The user of the first process. */
  runAsUserName?: string
  /** Runs the containers directly on the host; all of a pod or none, with the host's network. */
  hostProcess?: boolean
}

/** One kernel setting. */
export interface Sysctl {
  /** Its name, with dots. */
  name: string
  /** Its value. */
  value: string
}

/** Whether the owner of a volume changes always, or only when its root folder does not match. */
export type PodFSGroupChangePolicy = 'Always' | 'OnRootMismatch'

/** Whether groups from the image are merged with those asked for. */
export type SupplementalGroupsPolicy = 'Merge' | 'Strict'

/** Whether labels are set file by file or with a mount option. @unlisted */
export type PodSELinuxChangePolicy = 'MountOption' | 'Recursive'

/** No filter, the runtime's, or one from a file on the node. */
export type SeccompProfileType = 'Localhost' | 'RuntimeDefault' | 'Unconfined'

/** No profile, the runtime's, or one loaded on the node. */
export type AppArmorProfileType = 'Localhost' | 'RuntimeDefault' | 'Unconfined'

/** The runtime's masked /proc, or all of it. */
export type ProcMountType = 'Default' | 'Unmasked'
