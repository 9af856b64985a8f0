// Claims of devices in the shape of v1.
import { resource } from '#api/resource.ts'
import { resourceClaims as stable, type ResourceClaim } from '../v1/resourceClaim.ts'

export type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceAllocationResult,
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceRequestAllocationResult,
  DeviceSubRequest,
  ExactDeviceRequest,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimList,
  ResourceClaimSpec,
  ResourceClaimStatus,
} from '../v1/resourceClaim.ts'

/** The kind ResourceClaim in v1beta2. */
export const resourceClaims = resource<ResourceClaim>({ ...stable, version: 'v1beta2' })
