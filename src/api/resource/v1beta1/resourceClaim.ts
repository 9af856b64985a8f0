// Claims of devices; a request says itself what it asks for.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type {
  DeviceAllocationMode,
  DeviceClaimConfiguration,
  DeviceConstraint,
  DeviceSubRequest,
  ResourceClaimStatus,
} from '#api/resource/v1/resourceClaim.ts'
import type { CapacityRequirements, DeviceSelector, DeviceToleration } from '#api/resource/v1/selection.ts'
import type { int64 } from '#api/scalars.ts'

/** Asks for devices that pods then use. */
export interface ResourceClaim extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The devices that are wanted; never changes. @default {} */
  spec: ResourceClaimSpec
  /** The devices that were given, and who uses them. @default {} */
  status?: ResourceClaimStatus
}

/** The kind ResourceClaim as it is addressed: `resourceclaims` of resource.k8s.io. */
export const resourceClaims = resource<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1beta1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  scope: 'Namespaced',
})

/** The devices that are wanted. */
export interface ResourceClaimSpec {
  /** The devices that are wanted. @default {} */
  devices?: DeviceClaim
}

/** Devices that are wanted, and what they must have in common. */
export interface DeviceClaim {
  /** The devices, each request with a name of its own; at most 32. */
  requests?: DeviceRequest[] | null
  /** What devices of several requests must have in common; at most 32. */
  constraints?: DeviceConstraint[]
  /** What drivers are told about the devices; at most 32. */
  config?: DeviceClaimConfiguration[]
}

/** One or several devices of the same sort; either `deviceClassName` is set or `firstAvailable`. */
export interface DeviceRequest {
  /** How containers and constraints name the request; a DNS label. */
  name: string
  /** The class of the devices. */
  deviceClassName?: string
  /** Conditions that a device must fulfil beside those of the class, all of them; at most 32. */
  selectors?: DeviceSelector[]
  /** Whether a number of devices is wanted or all that fit. */
  allocationMode?: DeviceAllocationMode
  /** How many devices are wanted; one when absent, and not together with `All`. */
  count?: int64
  /**
   * Whether the devices are only watched over, also while others use them; only in namespaces that an administrator has
   * marked.
   */
  adminAccess?: boolean
  /** Several sorts that would do, the best one first; at most 8. */
  firstAvailable?: DeviceSubRequest[]
  /** Taints of devices that do not matter; at most 16. */
  tolerations?: DeviceToleration[]
  /** How much of each device is wanted, for devices that can be shared. */
  capacity?: CapacityRequirements
}

/** Several objects of kind ResourceClaim, as a list request returns them. */
export interface ResourceClaimList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ResourceClaim[]
}

export type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceAllocationResult,
  DeviceClaimConfiguration,
  DeviceConstraint,
  DeviceRequestAllocationResult,
  DeviceSubRequest,
  NetworkDeviceData,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
} from '../v1/resourceClaim.ts'
