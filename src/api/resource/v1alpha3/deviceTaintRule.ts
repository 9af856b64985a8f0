// Taints that administrators put on devices.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { DeviceSelector, DeviceTaint } from '#api/resource/v1/selection.ts'

/** Puts a taint on all devices that fit. */
export interface DeviceTaintRule extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which devices, and which taint. @default {} */
  spec: DeviceTaintRuleSpec
}

/** The kind DeviceTaintRule as it is addressed: `devicetaintrules` of resource.k8s.io. */
export const deviceTaintRules = resource<DeviceTaintRule>({
  group: 'resource.k8s.io',
  version: 'v1alpha3',
  kind: 'DeviceTaintRule',
  plural: 'devicetaintrules',
  scope: 'Cluster',
})

/** Which devices get which taint. */
export interface DeviceTaintRuleSpec {
  /** The devices; none when absent, all when empty. */
  deviceSelector?: DeviceTaintSelector
  /** The taint. @default {} */
  taint: DeviceTaint
}

/** Devices; all that is set must fit. */
export interface DeviceTaintSelector {
  /** The class whose conditions the devices fulfil. */
  deviceClassName?: string
  /** The driver of the devices. */
  driver?: string
  /** The pool of the devices. */
  pool?: string
  /** The name of the device. */
  device?: string
  /** Conditions that a device must fulfil, all of them; at most 32. */
  selectors?: DeviceSelector[]
}

/** Several objects of kind DeviceTaintRule, as a list request returns them. */
export interface DeviceTaintRuleList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: DeviceTaintRule[]
}

export type { CELDeviceSelector, DeviceSelector, DeviceTaint } from '../v1/selection.ts'
