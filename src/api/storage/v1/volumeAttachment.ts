// Attachments: volumes at nodes.
import { resource } from '#api/resource.ts'
import type { PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32 } from '#api/scalars.ts'

/** Asks for a volume to be attached to a node, and says whether it is. */
export interface VolumeAttachment extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which volume, and to which node. @default {} */
  spec: VolumeAttachmentSpec
  /** Whether it is attached. @default {} */
  status?: VolumeAttachmentStatus
}

/** The kind VolumeAttachment as it is addressed: `volumeattachments` of storage.k8s.io. */
export const volumeAttachments = resource<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  scope: 'Cluster',
})

/** Which volume is attached to which node, and by whom. */
export interface VolumeAttachmentSpec {
  /** The CSI driver that attaches it. */
  attacher: string
  /** The volume. @default {} */
  source: VolumeAttachmentSource
  /** The node. */
  nodeName: string
}

/** The volume that is attached; exactly one member is set. */
export interface VolumeAttachmentSource {
  /** The name of the persistent volume. */
  persistentVolumeName?: string
  /**
   * A volume that stands in the spec of a pod, in the form of a persistent volume; for volumes that a CSI driver took
   * over.
   */
  inlineVolumeSpec?: PersistentVolumeSpec
}

/** Whether a volume is attached, and what went wrong. */
export interface VolumeAttachmentStatus {
  /** Whether it is attached. */
  attached: boolean
  /** What the driver returned about the attached volume, for the node that mounts it. */
  attachmentMetadata?: Record<string, string>
  /** What went wrong last while it was being attached. */
  attachError?: VolumeError
  /** What went wrong last while it was being detached. */
  detachError?: VolumeError
}

/** Something that went wrong with a volume. */
export interface VolumeError {
  /** When it happened. */
  time?: Time
  /** What went wrong; it may be logged, so it holds no secrets. */
  message?: string
  /** The gRPC code of the error; needs the feature of mutable limits of nodes. */
  errorCode?: int32
}

/** Several objects of kind VolumeAttachment, as a list request returns them. */
export interface VolumeAttachmentList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: VolumeAttachment[]
}
