// The pod: what users ask for. What a node reports about it is in podStatus.ts, a single container in container.ts.
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

/** Containers that always run together on one node and share its network and volumes. */
export interface Pod extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run, and where. @default {} @optional */
  spec: PodSpec
  /** What the node and the control plane last saw; never written by users. @default {} */
  status?: PodStatus
}

/** The kind Pod as it is addressed: `pods`. */
export const pods = resource<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  scope: 'Namespaced',
  shortNames: ['po'],
  categories: ['all'],
})

/** Describes the containers of a pod, what they share, and where they may run. */
export interface PodSpec {
  /** Storage that the containers can mount by name. @listMap name @retainKeys */
  volumes?: Volume[]
  /**
   * Run one after another, each to its end, before the others start; those with `restartPolicy: Always` keep running as
   * sidecars.
   * @listMap name
   */
  initContainers?: Container[]
  /** The main containers, at least one; they cannot be added or removed later. @listMap name @minItems 1 */
  containers: Container[]
  /** Added to a running pod for debugging, through the `ephemeralcontainers` subresource only. @listMap name */
  ephemeralContainers?: EphemeralContainer[]
  /** What happens when a container ends. @default Always */
  restartPolicy?: RestartPolicy
  /** Seconds between the stop signal and the kill; 0 kills at once. @default 30 */
  terminationGracePeriodSeconds?: int64
  /** Seconds after the start at which the pod is stopped and marked failed. @minimum 1 @maximum 2147483647 */
  activeDeadlineSeconds?: int64
  /** Where containers send their name queries. @default ClusterFirst */
  dnsPolicy?: DNSPolicy
  /** Labels that a node must have for the pod to be placed there. @atomic */
  nodeSelector?: Record<string, string>
  /** The ServiceAccount as which the pod talks to the API; `default` when absent. */
  serviceAccountName?: string
  /** The old name of `serviceAccountName`; kept equal to it. */
  serviceAccount?: string
  /** Whether containers get a token of the service account; overrides the account's own setting. */
  automountServiceAccountToken?: boolean
  /** The node that runs the pod; set by the scheduler, and when given at creation the scheduler is left out. */
  nodeName?: string
  /** Uses the node's network directly, so every port must be free on the node. */
  hostNetwork?: boolean
  /** Shows the containers all processes of the node. */
  hostPID?: boolean
  /** Shares the node's inter-process communication with the containers. */
  hostIPC?: boolean
  /** Lets the containers of the pod see and signal each other's processes. */
  shareProcessNamespace?: boolean
  /** Identity and privileges for all containers; a container's own settings win. @default {} */
  securityContext?: PodSecurityContext
  /** Secrets in the same namespace that hold the credentials for pulling images. @listMap name */
  imagePullSecrets?: LocalObjectReference[]
  /** The host name inside the pod; the pod's name when absent. */
  hostname?: string
  /**
   * Makes the full host name `hostname.subdomain.namespace.svc.domain`, usually with a headless service of that name.
   */
  subdomain?: string
  /** Rules about which nodes and which neighbours the pod wants or avoids. */
  affinity?: Affinity
  /** Which scheduler places the pod. @default default-scheduler */
  schedulerName?: string
  /** The taints of nodes that this pod accepts. */
  tolerations?: Toleration[]
  /** Lines added to /etc/hosts of the containers. @listMap ip */
  hostAliases?: HostAlias[]
  /** Names the PriorityClass from which `priority` comes. */
  priorityClassName?: string
  /** Higher goes first when nodes are full; set from the priority class at admission. */
  priority?: int32
  /** Resolver settings, merged into those that `dnsPolicy` gives. */
  dnsConfig?: PodDNSConfig
  /** Conditions that others set and that must be true before the pod counts as ready. */
  readinessGates?: PodReadinessGate[]
  /** Names the RuntimeClass that decides which runtime starts the containers. */
  runtimeClassName?: string
  /** Puts the addresses of the namespace's services into environment variables; true unless set. */
  enableServiceLinks?: boolean
  /** Whether this pod may push out pods of lower priority. */
  preemptionPolicy?: PreemptionPolicy
  /** Resources that the pod costs beyond its containers; set from the runtime class at admission. */
  overhead?: ResourceList
  /** How evenly pods like this one spread over zones, nodes or other domains. @listMap topologyKey whenUnsatisfiable */
  topologySpreadConstraints?: TopologySpreadConstraint[]
  /** Makes the full domain name the host name inside the pod. */
  setHostnameAsFQDN?: boolean
  /** The operating system the containers need; fields of the other system must then be absent. */
  os?: PodOS
  /** False gives the pod a user namespace of its own, so that root inside is nobody outside. */
  hostUsers?: boolean
  /** While any is present the pod is not scheduled; they can be removed but not added later. @listMap name */
  schedulingGates?: PodSchedulingGate[]
  /** Claims on devices that must be allocated before the pod starts. @listMap name @retainKeys */
  resourceClaims?: PodResourceClaim[]
  /** Requests and limits for the pod as a whole, shared by its containers. */
  resources?: ResourceRequirements
  /** Sets the host name exactly, in place of all other rules. */
  hostnameOverride?: string
}

/** The operating system a pod is made for. */
export interface PodOS {
  /** `linux` or `windows`. */
  name: OSName
}

/** A condition of the pod on which its readiness also depends. */
export interface PodReadinessGate {
  /** The type of the condition in the pod's status. */
  conditionType: string
}

/** A reason why a pod must not be scheduled yet. */
export interface PodSchedulingGate {
  /** Identifies the gate. */
  name: string
}

/** One line of /etc/hosts. */
export interface HostAlias {
  /** The address at the start of the line. */
  ip: string
  /** The names for that address. */
  hostnames?: string[]
}

/** Resolver settings of a pod. */
export interface PodDNSConfig {
  /** Addresses of name servers, put after those of the policy. */
  nameservers?: string[]
  /** Domains to try for short names, put after those of the policy. */
  searches?: string[]
  /** Resolver options; one of the same name replaces that of the policy. */
  options?: PodDNSConfigOption[]
}

/** One option of the resolver. */
export interface PodDNSConfigOption {
  /** Name of the option, such as `ndots`. */
  name?: string
  /** Its value, when it takes one. */
  value?: string
}

/** Gives a ResourceClaim a name inside the pod; exactly one source must be set. */
export interface PodResourceClaim {
  /** The name by which containers refer to the claim. */
  name: string
  /** An existing ResourceClaim in the same namespace. */
  resourceClaimName?: string
  /** A ResourceClaimTemplate from which a claim is made for this pod and removed with it. */
  resourceClaimTemplateName?: string
}

/** Several objects of kind Pod, as a list request returns them. */
export interface PodList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Pod[]
}

/** Whether ended containers start again: always, after a failure, or never. */
export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

/** Which name servers a pod uses: the cluster's, the node's, or only those it names itself. */
export type DNSPolicy = 'ClusterFirstWithHostNet' | 'ClusterFirst' | 'Default' | 'None'

/** Whether pods of lower priority may be removed to make room. */
export type PreemptionPolicy = 'PreemptLowerPriority' | 'Never'

/** An operating system that pods can ask for. @unlisted */
export type OSName = 'linux' | 'windows'
