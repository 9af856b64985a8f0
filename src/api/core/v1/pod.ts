import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32, int64 } from '#api/scalars.ts'
import type { Affinity } from './affinity.ts'
import type { Container, EphemeralContainer, ResourceList, ResourceRequirements } from './container.ts'
import type { PodStatus } from './podStatus.ts'
import type { LocalObjectReference } from './reference.ts'
import type { Toleration, TopologySpreadConstraint } from './scheduling.ts'
import type { PodSecurityContext } from './securityContext.ts'
import type { Volume } from './volume.ts'

export interface Pod extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @optional */
  spec: PodSpec
  status?: PodStatus
}

export const pods = resource<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  shortNames: ['po'],
  categories: ['all'],
})

export interface PodSpec {
  /** @listMap name @retainKeys */
  volumes?: Volume[]
  /** @listMap name */
  initContainers?: Container[]
  /** @listMap name @minItems 1 */
  containers: Container[]
  /** @listMap name */
  ephemeralContainers?: EphemeralContainer[]
  /** @default Always */
  restartPolicy?: RestartPolicy
  /** @default 30 @minimum 0 */
  terminationGracePeriodSeconds?: int64
  /** @minimum 1 @maximum 2147483647 */
  activeDeadlineSeconds?: int64
  /** @default ClusterFirst */
  dnsPolicy?: DNSPolicy
  /** @atomic */
  nodeSelector?: Record<string, string>
  serviceAccountName?: string
  serviceAccount?: string
  automountServiceAccountToken?: boolean
  nodeName?: string
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  shareProcessNamespace?: boolean
  /** @default {} */
  securityContext?: PodSecurityContext
  /** @listMap name */
  imagePullSecrets?: LocalObjectReference[]
  hostname?: string
  subdomain?: string
  affinity?: Affinity
  /** @default default-scheduler */
  schedulerName?: string
  tolerations?: Toleration[]
  /** @listMap ip */
  hostAliases?: HostAlias[]
  priorityClassName?: string
  priority?: int32
  dnsConfig?: PodDNSConfig
  readinessGates?: PodReadinessGate[]
  runtimeClassName?: string
  enableServiceLinks?: boolean
  preemptionPolicy?: PreemptionPolicy
  overhead?: ResourceList
  /** @listMap topologyKey whenUnsatisfiable */
  topologySpreadConstraints?: TopologySpreadConstraint[]
  setHostnameAsFQDN?: boolean
  os?: PodOS
  hostUsers?: boolean
  /** @listMap name */
  schedulingGates?: PodSchedulingGate[]
  /** @listMap name @retainKeys */
  resourceClaims?: PodResourceClaim[]
  resources?: ResourceRequirements
  hostnameOverride?: string
}

export interface PodOS {
  name: OSName
}

export interface PodReadinessGate {
  conditionType: string
}

export interface PodSchedulingGate {
  name: string
}

export interface HostAlias {
  ip: string
  hostnames?: string[]
}

export interface PodDNSConfig {
  nameservers?: string[]
  searches?: string[]
  options?: PodDNSConfigOption[]
}

export interface PodDNSConfigOption {
  name?: string
  value?: string
}

export interface PodResourceClaim {
  name: string
  resourceClaimName?: string
  resourceClaimTemplateName?: string
}

/** Several objects of kind Pod, as a list request returns them. */
export interface PodList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: Pod[]
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

export type DNSPolicy = 'ClusterFirstWithHostNet' | 'ClusterFirst' | 'Default' | 'None'

export type PreemptionPolicy = 'PreemptLowerPriority' | 'Never'

export type OSName = 'linux' | 'windows'
