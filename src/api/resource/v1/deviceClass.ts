// Classes of devices.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { DeviceSelector, OpaqueDeviceConfiguration } from './selection.ts'

/** Devices that an administrator offers under a name, with what they must be and how they are set up. */
export interface DeviceClass extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What the devices must be, and how they are set up. @default {} */
  spec: DeviceClassSpec
}

/** The kind DeviceClass as it is addressed: `deviceclasses` of resource.k8s.io. */
export const deviceClasses = resource<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  scope: 'Cluster',
})

/** What devices of a class must be, and how they are set up. */
export interface DeviceClassSpec {
  /** Conditions that a device must fulfil, all of them; at most 32. */
  selectors?: DeviceSelector[]
  /** What drivers are told about devices of the class; at most 32. */
  config?: DeviceClassConfiguration[]
  /** The name under which pods can ask for devices of the class like for any resource, such as `example.com/gpu`. */
  extendedResourceName?: string
}

/** What a driver is told about devices of a class. */
export interface DeviceClassConfiguration {
  /** What it is told, in a form of the driver's own. */
  opaque?: OpaqueDeviceConfiguration
}

/** Several objects of kind DeviceClass, as a list request returns them. */
export interface DeviceClassList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: DeviceClass[]
}
