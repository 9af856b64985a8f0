// Slices of devices in the shape of v1.
import { resource } from '#api/resource.ts'
import { resourceSlices as stable, type ResourceSlice } from '../v1/resourceSlice.ts'

export type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  Counter,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  ResourcePool,
  ResourceSlice,
  ResourceSliceList,
  ResourceSliceSpec,
} from '../v1/resourceSlice.ts'

/** The kind ResourceSlice in v1beta2. */
export const resourceSlices = resource<ResourceSlice>({ ...stable, version: 'v1beta2' })
