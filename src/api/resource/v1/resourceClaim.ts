// Claims: devices that pods ask for.
import { resource } from '#api/resource.ts'
import type { NodeSelector } from '#api/core/v1/affinity.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Quantity, RawExtension, Time, int64 } from '#api/scalars.ts'
import type { CapacityRequirements, DeviceSelector, DeviceToleration, OpaqueDeviceConfiguration } from './selection.ts'

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
  version: 'v1',
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

/** One or several devices of the same sort; exactly one of `exactly` and `firstAvailable` is set. */
export interface DeviceRequest {
  /** How containers and constraints name the request; a DNS label. */
  name: string
  /** The devices that are wanted. */
  exactly?: ExactDeviceRequest
  /** Several sorts that would do, the best one first; at most 8. */
  firstAvailable?: DeviceSubRequest[]
}

/** Devices that are wanted. */
export interface ExactDeviceRequest {
  /** The class of the devices. */
  deviceClassName: string
  /** Conditions that a device must fulfil beside those of the class, all of them; at most 32. */
  selectors?: DeviceSelector[]
  /** Whether a number of devices is wanted or all that fit. @default ExactCount */
  allocationMode?: DeviceAllocationMode
  /** How many devices are wanted; one when absent, and not together with `All`. */
  count?: int64
  /**
   * Whether the devices are only watched over, also while others use them; only in namespaces that an administrator has
   * marked.
   */
  adminAccess?: boolean
  /** Taints of devices that do not matter; at most 16. */
  tolerations?: DeviceToleration[]
  /** How much of each device is wanted, for devices that can be shared. */
  capacity?: CapacityRequirements
}

/** One of several sorts of devices that would do. */
export interface DeviceSubRequest {
  /** How the sort is named, behind the name of the request and a slash; a DNS label. */
  name: string
  /** The class of the devices. */
  deviceClassName: string
  /** Conditions that a device must fulfil beside those of the class, all of them; at most 32. */
  selectors?: DeviceSelector[]
  /** Whether a number of devices is wanted or all that fit. @default ExactCount */
  allocationMode?: DeviceAllocationMode
  /** How many devices are wanted; one when absent, and not together with `All`. */
  count?: int64
  /** Taints of devices that do not matter; at most 16. */
  tolerations?: DeviceToleration[]
  /** How much of each device is wanted, for devices that can be shared. */
  capacity?: CapacityRequirements
}

/** What devices must have in common; exactly one of the attributes is named. */
export interface DeviceConstraint {
  /** The requests that it is about; all when empty. */
  requests?: string[]
  /** An attribute, such as `example.com/numa`, of which all devices must have the same value. */
  matchAttribute?: string
  /** An attribute of which all devices must have different values. */
  distinctAttribute?: string
}

/** What a driver is told about devices of a claim. */
export interface DeviceClaimConfiguration {
  /** The requests that it is about; all when empty. */
  requests?: string[]
  /** What it is told, in a form of the driver's own. */
  opaque?: OpaqueDeviceConfiguration
}

/** The devices that were given to a claim, and who uses them. */
export interface ResourceClaimStatus {
  /** The devices that were given; absent until then. */
  allocation?: AllocationResult
  /** Who may use the devices, pods for the most part; at most 256. @listMap uid */
  reservedFor?: ResourceClaimConsumerReference[]
  /** What the drivers say about the devices. @listMap driver device pool shareID @replace */
  devices?: AllocatedDeviceStatus[]
}

/** The devices that were given to a claim. */
export interface AllocationResult {
  /** The devices. @default {} */
  devices?: DeviceAllocationResult
  /** The nodes from which they can be used; all when absent. */
  nodeSelector?: NodeSelector
  /** When they were given. */
  allocationTimestamp?: Time
}

/** The devices that were given, and what their drivers are told. */
export interface DeviceAllocationResult {
  /** The devices, with the requests for which they were given; at most 32. */
  results?: DeviceRequestAllocationResult[]
  /** What the drivers are told, of the class first and of the claim last. */
  config?: DeviceAllocationConfiguration[]
}

/** One device that was given. */
export interface DeviceRequestAllocationResult {
  /** The request for which it was given; with a slash and the name of the sort where there were several. */
  request: string
  /** The driver of the device. */
  driver: string
  /** The pool that the device is from. */
  pool: string
  /** The name of the device in its pool. */
  device: string
  /** Whether the device is only watched over. */
  adminAccess?: boolean
  /** The taints that did not matter when it was given. */
  tolerations?: DeviceToleration[]
  /** Conditions that must be true before a pod is bound. */
  bindingConditions?: string[]
  /** Conditions of which one is enough to give the device up before a pod is bound. */
  bindingFailureConditions?: string[]
  /** Tells the share of a device that several use from others. */
  shareID?: string
  /** How much of the capacities of the device was given, by name. */
  consumedCapacity?: Record<string, Quantity>
}

/** What a driver is told about devices that were given. */
export interface DeviceAllocationConfiguration {
  /** Whether it comes from the class or from the claim. @unlisted */
  source: 'FromClaim' | 'FromClass'
  /** The requests that it is about; all when empty. */
  requests?: string[]
  /** What it is told, in a form of the driver's own. */
  opaque?: OpaqueDeviceConfiguration
}

/** Who may use the devices of a claim. */
export interface ResourceClaimConsumerReference {
  /** The group of the kind; empty for the core group. */
  apiGroup?: string
  /** The plural name of the kind, such as `pods`. */
  resource: string
  /** The name of the object. */
  name: string
  /** The uid of the object. */
  uid: string
}

/** What a driver says about a device that was given. */
export interface AllocatedDeviceStatus {
  /** The driver of the device. */
  driver: string
  /** The pool that the device is from. */
  pool: string
  /** The name of the device in its pool. */
  device: string
  /** Tells the share of a device that several use from others. */
  shareID?: string
  /** How the device is; at most 8. @listMap type @replace */
  conditions?: Condition[] | null
  /** What else the driver says, an object of any kind; at most 10 KiB. */
  data?: RawExtension
  /** What there is to know of a device for the network. */
  networkData?: NetworkDeviceData
}

/** What there is to know of a device for the network. */
export interface NetworkDeviceData {
  /** The name of the interface in the network namespace of the pod. */
  interfaceName?: string
  /** The addresses of the interface with the length of their prefix, such as `192.0.2.5/24`; at most 16. */
  ips?: string[]
  /** The hardware address of the interface. */
  hardwareAddress?: string
}

/** Several objects of kind ResourceClaim, as a list request returns them. */
export interface ResourceClaimList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ResourceClaim[]
}

/** Whether a number of devices is wanted, or all that fit. @unlisted */
export type DeviceAllocationMode = 'All' | 'ExactCount'
