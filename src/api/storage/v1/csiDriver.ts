// CSI drivers: what Kubernetes is to do for each of them.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int64 } from '#api/scalars.ts'

/** Says what a CSI driver that runs in the cluster needs. Its name is the driver's. */
export interface CSIDriver extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What the driver needs. @default {} */
  spec: CSIDriverSpec
}

/** The kind CSIDriver as it is addressed: `csidrivers` of storage.k8s.io. */
export const csiDrivers = resource<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  scope: 'Cluster',
})

/** What a CSI driver needs. */
export interface CSIDriverSpec {
  /** Whether volumes have to be attached to a node before they are mounted there. @default true */
  attachRequired?: boolean
  /** Whether the driver is told the name, namespace, uid and account of the pod when it mounts. @default false */
  podInfoOnMount?: boolean
  /** The kinds of volumes that the driver offers. @default ["Persistent"] @listSet */
  volumeLifecycleModes?: VolumeLifecycleMode[]
  /** Whether pods are placed by the free capacity that the driver reports. @default false */
  storageCapacity?: boolean
  /**
   * Whether the owner of the files is changed to the group of the pod when a volume is mounted. @default
   * ReadWriteOnceWithFSType
   */
  fsGroupPolicy?: FSGroupPolicy
  /** Tokens of the account of the pod that the driver is given when it mounts. */
  tokenRequests?: TokenRequest[]
  /** Whether the driver is asked again and again to publish volumes that are mounted already. @default false */
  requiresRepublish?: boolean
  /** Whether the driver can mount with an SELinux label, which saves labelling each file. @default false */
  seLinuxMount?: boolean
  /** Seconds between two questions how many volumes a node can still take; at least 10. */
  nodeAllocatableUpdatePeriodSeconds?: int64
}

/** A token that a driver is given. */
export interface TokenRequest {
  /** Whom the token is for; the API server when empty. */
  audience: string
  /** Seconds for which the token is valid, an hour when absent. */
  expirationSeconds?: int64
}

/** Several objects of kind CSIDriver, as a list request returns them. */
export interface CSIDriverList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: CSIDriver[]
}

/** Whether volumes outlive the pods that use them. @unlisted */
export type VolumeLifecycleMode = 'Ephemeral' | 'Persistent'

/** Whether files of a volume are given to the group of the pod. @unlisted */
export type FSGroupPolicy = 'File' | 'None' | 'ReadWriteOnceWithFSType'
