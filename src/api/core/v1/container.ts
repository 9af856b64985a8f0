// One container of a pod: image, command, ports, mounts and resources.
import type { Quantity, int32 } from '#api/scalars.ts'
import type { EnvFromSource, EnvVar } from './environment.ts'
import type { Lifecycle, Probe } from './probe.ts'
import type { SecurityContext } from './securityContext.ts'
import type { Protocol } from './service.ts'

/** One program of a pod, started from an image. */
export interface Container {
  /** Unique among all containers of the pod; a DNS label. */
  name: string
  /** What to run, as a registry path with a tag or digest. */
  image?: string
  /** Replaces the entry point of the image; `$(NAME)` stands for an environment variable. */
  command?: string[]
  /** Replaces the arguments of the image; `$(NAME)` stands for an environment variable. */
  args?: string[]
  /** The folder to start in; that of the image when absent. */
  workingDir?: string
  /**
   * Ports that the container listens on; mostly for information, except for host ports.
   * @listMap containerPort protocol
   */
  ports?: ContainerPort[]
  /** ConfigMaps and Secrets whose entries all become environment variables; later ones win. */
  envFrom?: EnvFromSource[]
  /** Environment variables; they win over those of `envFrom`. @listMap name */
  env?: EnvVar[]
  /** How much the container needs and how much it may use. @default {} */
  resources?: ResourceRequirements
  /** For each resource, whether the container restarts when it changes. */
  resizePolicy?: ContainerResizePolicy[]
  /** Overrides the policy of the pod; `Always` on an init container makes it a sidecar. */
  restartPolicy?: ContainerRestartPolicy
  /** Checked in order when the container ends; the first that matches decides. */
  restartPolicyRules?: ContainerRestartRule[]
  /** Volumes of the pod and where the container sees them. @listMap mountPath */
  volumeMounts?: VolumeMount[]
  /** Raw block volumes of the pod and the device paths where the container sees them. @listMap devicePath */
  volumeDevices?: VolumeDevice[]
  /** Restarts the container when it fails. */
  livenessProbe?: Probe
  /** Takes the pod out of its services while it fails. */
  readinessProbe?: Probe
  /** Holds back the other probes until it has passed; restarts the container when it fails for good. */
  startupProbe?: Probe
  /** Hooks that run after the start and before the stop. */
  lifecycle?: Lifecycle
  /** The file whose content becomes the message when the container ends. @default /dev/termination-log */
  terminationMessagePath?: string
  /** Where the message comes from when the file is empty. @default File */
  terminationMessagePolicy?: TerminationMessagePolicy
  /** When the image is pulled; `Always` for the tag `latest`, else `IfNotPresent`. */
  imagePullPolicy?: PullPolicy
  /** Identity and privileges; they win over those of the pod. */
  securityContext?: SecurityContext
  /** Keeps the standard input open. */
  stdin?: boolean
  /** Closes the standard input after the first client has gone. */
  stdinOnce?: boolean
  /** Gives the container a terminal; needs `stdin`. */
  tty?: boolean
}

/**
 * A container that is added to a running pod for debugging; it has no ports, probes or resources and never restarts.
 */
export interface EphemeralContainer extends Container {
  /** The container whose processes it can see. */
  targetContainerName?: string
}

/** A port on which a container listens. */
export interface ContainerPort {
  /** Unique in the pod; services can refer to it. */
  name?: string
  /** The port of the node that leads here; with the node's network it equals `containerPort`. */
  hostPort?: int32
  /** The port on the pod's address. */
  containerPort: int32
  /** The transport it speaks. @default TCP */
  protocol?: Protocol
  /** The address of the node to which the host port is bound. */
  hostIP?: string
}

/** What a change of one resource means for a running container. */
export interface ContainerResizePolicy {
  /** `cpu` or `memory`. */
  resourceName: string
  /** Whether the container has to restart. */
  restartPolicy: ResourceResizeRestartPolicy
}

/** What to do when a container ends in a certain way. */
export interface ContainerRestartRule {
  /** What to do when the rule matches. */
  action: ContainerRestartRuleAction
  /** Matches by exit code. */
  exitCodes?: ContainerRestartRuleOnExitCodes
}

/** A set of exit codes, or all but those. */
export interface ContainerRestartRuleOnExitCodes {
  /** Whether the code has to be among the values or not. */
  operator: ContainerRestartRuleOnExitCodesOperator
  /** The exit codes, at most 255. @listSet */
  values?: int32[]
}

/** Shows a volume of the pod inside a container. */
export interface VolumeMount {
  /** The volume of the pod. */
  name: string
  /** Forbids writing; false unless set. */
  readOnly?: boolean
  /** Whether mounts below this one are read-only too; needs `readOnly`. */
  recursiveReadOnly?: RecursiveReadOnlyMode
  /** Where the volume appears; must not contain a colon. */
  mountPath: string
  /** The folder of the volume that is shown; its root when absent. */
  subPath?: string
  /** Whether mounts made later pass between node and container. */
  mountPropagation?: MountPropagationMode
  /** Like `subPath`, with `$(NAME)` for environment variables; only one of the two can be set. */
  subPathExpr?: string
}

/** Shows a raw block volume of the pod inside a container. */
export interface VolumeDevice {
  /** The claim among the pod's volumes. */
  name: string
  /** Where the device appears. */
  devicePath: string
}

/** How much a container needs and how much it may use. */
export interface ResourceRequirements {
  /** The most it may use; more processor time is held back, more memory ends it. */
  limits?: ResourceList
  /** What is set aside for it; equal to the limits when only those are given. */
  requests?: ResourceList
  /** Entries of the pod's `resourceClaims` that it uses. @listMap name @replace */
  claims?: ResourceClaim[]
}

/** Refers to one of the pod's resource claims. */
export interface ResourceClaim {
  /** The entry in the pod's `resourceClaims`. */
  name: string
  /** One request of that claim; all of them when absent. */
  request?: string
}

/** Amounts by resource name, such as `cpu`, `memory` or `nvidia.com/gpu`. */
export type ResourceList = Record<string, Quantity>

/** When an image is pulled: always, never, or when the node lacks it. */
export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never'

/**
 * Takes the message of an ended container from its file only, or from the end of its log when it failed without one.
 */
export type TerminationMessagePolicy = 'FallbackToLogsOnError' | 'File'

/** Whether one container starts again when it ends. @unlisted */
export type ContainerRestartPolicy = 'Always' | 'Never' | 'OnFailure'

/** What a matching restart rule does. @unlisted */
export type ContainerRestartRuleAction = 'Restart'

/** Whether an exit code must or must not be among the values. @unlisted */
export type ContainerRestartRuleOnExitCodesOperator = 'In' | 'NotIn'

/** Whether a change of a resource restarts the container. @unlisted */
export type ResourceResizeRestartPolicy = 'NotRequired' | 'RestartContainer'

/** Which mounts made later become visible: none, those of the node, or those of either side. */
export type MountPropagationMode = 'Bidirectional' | 'HostToContainer' | 'None'

/** Whether a read-only mount covers what is mounted below it. @unlisted */
export type RecursiveReadOnlyMode = 'Disabled' | 'Enabled' | 'IfPossible'
