// Addresses of the cluster that are in use, in the shape of v1.
import { resource } from '#api/resource.ts'
import { ipAddresses as stable, type IPAddress } from '../v1/ipAddress.ts'

export type { IPAddress, IPAddressList, IPAddressSpec, ParentReference } from '../v1/ipAddress.ts'

/** The kind IPAddress in v1beta1. */
export const ipAddresses = resource<IPAddress>({ ...stable, version: 'v1beta1' })
