// How devices are chosen, in the shape of v1.

export type {
  CELDeviceSelector,
  CapacityRequirements,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  OpaqueDeviceConfiguration,
} from '../v1/selection.ts'
