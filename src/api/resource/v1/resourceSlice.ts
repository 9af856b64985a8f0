// Slices: the devices that drivers offer.
import { resource } from '#api/resource.ts'
import type { NodeSelector } from '#api/core/v1/affinity.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Quantity, int64 } from '#api/scalars.ts'
import type { DeviceTaint } from './selection.ts'

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
  version: 'v1',
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

/** Devices that belong together, in one or several slices. */
export interface ResourcePool {
  /** The name of the pool, often that of a node. */
  name: string
  /** Rises with each change of the pool; slices of older generations do not count. */
  generation: int64
  /** How many slices the pool has in this generation. */
  resourceSliceCount: int64
}

/** One device. */
export interface Device {
  /** The name of the device, a DNS label. */
  name: string
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

/** Something that is known of a device; exactly one member is set. */
export interface DeviceAttribute {
  /** A number. */
  int?: int64
  /** Whether it is so. */
  bool?: boolean
  /** A text of at most 64 characters. */
  string?: string
  /** A semantic version of at most 64 characters. */
  version?: string
}

/** How much a device has of something. */
export interface DeviceCapacity {
  /** How much there is. */
  value: Quantity
  /** How it is shared out; as it is asked for when absent. */
  requestPolicy?: CapacityRequestPolicy
}

/** How a capacity is shared out. */
export interface CapacityRequestPolicy {
  /** How much those get who ask for nothing. */
  default?: Quantity
  /** The amounts that are given; others are rounded up. At most 10, ascending. */
  validValues?: Quantity[]
  /** The range of amounts that are given; others are rounded up. */
  validRange?: CapacityRequestPolicyRange
}

/** A range of amounts. */
export interface CapacityRequestPolicyRange {
  /** The least that is given. */
  min: Quantity
  /** The most that is given; all there is when absent. */
  max?: Quantity
  /** What amounts are a multiple of, counted from the least. */
  step?: Quantity
}

/** Counters that several devices draw on. */
export interface CounterSet {
  /** The name of the set, a DNS label. */
  name: string
  /** The counters by name. */
  counters: Record<string, Counter>
}

/** How much there is of something. */
export interface Counter {
  /** How much there is. */
  value: Quantity
}

/** What a device takes from a set of counters. */
export interface DeviceCounterConsumption {
  /** The name of the set. */
  counterSet: string
  /** How much it takes, by the name of the counter. */
  counters: Record<string, Counter>
}

/** Several objects of kind ResourceSlice, as a list request returns them. */
export interface ResourceSliceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: ResourceSlice[]
}
