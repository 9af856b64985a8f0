// Classes of devices in the shape of v1.
import { resource } from '#api/resource.ts'
import { deviceClasses as stable, type DeviceClass } from '../v1/deviceClass.ts'

export type { DeviceClass, DeviceClassConfiguration, DeviceClassList, DeviceClassSpec } from '../v1/deviceClass.ts'

/** The kind DeviceClass in v1beta2. */
export const deviceClasses = resource<DeviceClass>({ ...stable, version: 'v1beta2' })
