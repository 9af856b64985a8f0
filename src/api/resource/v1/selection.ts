// How devices are chosen, and what drivers are told about them.
import type { Quantity, RawExtension, Time, int64 } from '#api/scalars.ts'

/** A condition that a device must fulfil; exactly one member is set. */
export interface DeviceSelector {
  /** The condition as an expression. */
  cel?: CELDeviceSelector
}

/** A condition on a device in CEL. */
export interface CELDeviceSelector {
  /**
   * An expression over `device.driver`, `device.attributes` and `device.capacity` that is true for devices that fit; at
   * most 10 KiB.
   */
  expression: string
}

/** What a driver is told in a form of its own. */
export interface OpaqueDeviceConfiguration {
  /** The driver that understands it. */
  driver: string
  /** The parameters, an object of any kind; at most 10 KiB. */
  parameters: RawExtension
}

/** A taint of devices that does not matter. */
export interface DeviceToleration {
  /** The key of the taint; every one when empty, together with `Exists`. */
  key?: string
  /** Whether the value must be equal, or any will do. @default Equal */
  operator?: 'Equal' | 'Exists'
  /** The value of the taint; none with `Exists`. */
  value?: string
  /** The effect of the taint; every one when empty. */
  effect?: DeviceTaintEffect
  /** How long a `NoExecute` taint does not matter, in seconds; for ever when absent, not at all when zero or less. */
  tolerationSeconds?: int64
}

/** Keeps pods from a device unless they tolerate it. */
export interface DeviceTaint {
  /** The key of the taint, a label key. */
  key: string
  /** Its value, a label value. */
  value?: string
  /** What becomes of pods that do not tolerate it. */
  effect: DeviceTaintEffect
  /** When the taint was put on; filled in by the server. */
  timeAdded?: Time
}

/** How much of the capacities of a device is wanted. */
export interface CapacityRequirements {
  /** The amounts by the name of the capacity; the driver may round them up. */
  requests?: Record<string, Quantity>
}

/** Whether pods on a tainted device are evicted, or only new ones kept away. */
export type DeviceTaintEffect = 'NoExecute' | 'NoSchedule'
