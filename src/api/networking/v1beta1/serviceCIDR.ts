// Blocks of addresses for services, in the shape of v1.
import { resource } from '#api/resource.ts'
import { serviceCIDRs as stable, type ServiceCIDR } from '../v1/serviceCIDR.ts'

export type { ServiceCIDR, ServiceCIDRList, ServiceCIDRSpec, ServiceCIDRStatus } from '../v1/serviceCIDR.ts'

/** The kind ServiceCIDR in v1beta1. */
export const serviceCIDRs = resource<ServiceCIDR>({ ...stable, version: 'v1beta1' })
