import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { migratedTo, provisionedBy } from '#machinery/volumeBinding.ts'

/** What Kubernetes' own plugins were called, and the CSI drivers that do their work today (KEP-625). */
const driversOfPlugins: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
}

const isOfKubernetes = (name: string): boolean => name.startsWith('kubernetes.io/')

/** Who makes the volumes of a class; undefined when nobody does. */
export function provisionerOf({ provisioner }: StorageClass): string | undefined {
  return driversOfPlugins[provisioner] ?? (isOfKubernetes(provisioner) ? undefined : provisioner)
}

/** Whether somebody outside takes away what a volume stands for, and then the volume. */
export function isDeletedByOthers({ metadata, spec }: PersistentVolume): boolean {
  const { [migratedTo]: driver, [provisionedBy]: provisioner = '' } = metadata.annotations ?? {}
  if (driver !== undefined || spec.csi !== undefined) return true
  return provisioner !== '' && (!isOfKubernetes(provisioner) || driversOfPlugins[provisioner] !== undefined)
}
