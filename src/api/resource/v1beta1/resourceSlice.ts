// Slices of devices; what a device is stands in a member of its own.
import { resource } from '#api/resource.ts'
import type { NodeSelector } from '#api/core/v1/affinity.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type {
  CounterSet,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  ResourcePool,
} from '#api/resource/v1/resourceSlice.ts'
import type { DeviceTaint } from '#api/resource/v1/selection.ts'

/** A part of the devices that a driver offers. */
export interface ResourceSlice extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The devices, and the nodes from which they can be used. @default {} */
  spec: ResourceSliceSpec
}

/** The kind ResourceSlice as it is addressed: `resourceslices` of resource.k8s.io. */
export const resourceSlices = resource<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1beta1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
})

/** Devices that a driver offers. One of the members that name nodes is set. */
export interface ResourceSliceSpec {
  /** The driver; never changes. */
  driver: string
  /** The pool that the slice is a part of. @default {} */
  pool: ResourcePool
  /** The node that the devices belong to; never changes. */
  nodeName?: string
  /** The nodes from which the devices can be used; exactly one term. */
  nodeSelector?: NodeSelector
  /** Whether the devices can be used from all nodes. */
  allNodes?: boolean
  /** The devices, each with a name of its own; at most 128. */
  devices?: Device[] | null
  /** Whether each device says from where it can be used. */
  perDeviceNodeSelection?: boolean
  /** What several devices draw on together; at most 32 counters in all. */
  sharedCounters?: CounterSet[]
}

/** One device. */
export interface Device {
  /** The name of the device, a DNS label. */
  name: string
  /** What the device is. */
  basic?: BasicDevice
}

/** What a device is. */
export interface BasicDevice {
  /** What is known of the device, by name; at most 32 together with the capacities. */
  attributes?: Record<string, DeviceAttribute>
  /** How much the device has of what, by name. */
  capacity?: Record<string, DeviceCapacity>
  /** What the device takes from counters that it shares with others. */
  consumesCounters?: DeviceCounterConsumption[]
  /** The node that the device belongs to. */
  nodeName?: string
  /** The nodes from which the device can be used; exactly one term. */
  nodeSelector?: NodeSelector
  /** Whether the device can be used from all nodes. */
  allNodes?: boolean
  /** What keeps pods from the device; at most 4. */
  taints?: DeviceTaint[]
  /** Whether a claim with this device is bound to the node that was chosen. */
  bindsToNode?: boolean
  /** Conditions that must be true before a pod is bound; at most 4. */
  bindingConditions?: string[]
  /** Conditions of which one is enough to give the device up before a pod is bound; at most 4. */
  bindingFailureConditions?: string[]
  /** Whether several claims can share the device. */
  allowMultipleAllocations?: boolean
}

/** Several objects of kind ResourceSlice, as a list request returns them. */
export interface ResourceSliceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ResourceSlice[]
}

export type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  Counter,
  CounterSet,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  ResourcePool,
} from '../v1/resourceSlice.ts'
