import type { Quantity, int32 } from '#api/scalars.ts'
import type { EnvFromSource, EnvVar } from './environment.ts'
import type { Lifecycle, Probe } from './probe.ts'
import type { SecurityContext } from './securityContext.ts'
import type { Protocol } from './service.ts'

export interface Container {
  name: string
  image?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  /** @listMap containerPort protocol */
  ports?: ContainerPort[]
  envFrom?: EnvFromSource[]
  /** @listMap name */
  env?: EnvVar[]
  /** @default {} */
  resources?: ResourceRequirements
  resizePolicy?: ContainerResizePolicy[]
  restartPolicy?: ContainerRestartPolicy
  restartPolicyRules?: ContainerRestartRule[]
  /** @listMap mountPath */
  volumeMounts?: VolumeMount[]
  /** @listMap devicePath */
  volumeDevices?: VolumeDevice[]
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: Lifecycle
  /** @default /dev/termination-log */
  terminationMessagePath?: string
  /** @default File */
  terminationMessagePolicy?: TerminationMessagePolicy
  imagePullPolicy?: PullPolicy
  securityContext?: SecurityContext
  stdin?: boolean
  stdinOnce?: boolean
  tty?: boolean
}

export interface EphemeralContainer extends Container {
  targetContainerName?: string
}

export interface ContainerPort {
  name?: string
  hostPort?: int32
  /** @minimum 1 @maximum 65535 */
  containerPort: int32
  /** @default TCP */
  protocol?: Protocol
  hostIP?: string
}

export interface ContainerResizePolicy {
  resourceName: string
  restartPolicy: ResourceResizeRestartPolicy
}

export interface ContainerRestartRule {
  action: ContainerRestartRuleAction
  exitCodes?: ContainerRestartRuleOnExitCodes
}

export interface ContainerRestartRuleOnExitCodes {
  operator: ContainerRestartRuleOnExitCodesOperator
  /** @listSet */
  values?: int32[]
}

export interface VolumeMount {
  name: string
  readOnly?: boolean
  recursiveReadOnly?: RecursiveReadOnlyMode
  mountPath: string
  subPath?: string
  mountPropagation?: MountPropagationMode
  subPathExpr?: string
}

export interface VolumeDevice {
  name: string
  devicePath: string
}

export interface ResourceRequirements {
  limits?: ResourceList
  requests?: ResourceList
  /** @listMap name @replace */
  claims?: ResourceClaim[]
}

export interface ResourceClaim {
  name: string
  request?: string
}

export type ResourceList = Record<string, Quantity>

export type PullPolicy = 'Always' | 'Never' | 'IfNotPresent'

export type TerminationMessagePolicy = 'File' | 'FallbackToLogsOnError'

export type ContainerRestartPolicy = 'Always' | 'Never' | 'OnFailure'

export type ContainerRestartRuleAction = 'Restart' | 'RestartAllContainers'

export type ContainerRestartRuleOnExitCodesOperator = 'In' | 'NotIn'

export type ResourceResizeRestartPolicy = 'NotRequired' | 'RestartContainer'

export type MountPropagationMode = 'None' | 'HostToContainer' | 'Bidirectional'

export type RecursiveReadOnlyMode = 'Disabled' | 'IfPossible' | 'Enabled'
