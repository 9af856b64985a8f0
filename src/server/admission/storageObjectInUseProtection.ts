import type { AdmissionPlugin } from './chain.ts'
import { claimProtection, volumeProtection } from '#machinery/volumeProtection.ts'

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: claimProtection,
  persistentvolumes: volumeProtection,
}

/** Volumes and claims stay while somebody uses them: a controller takes the finalizer away when nobody does. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit({ operation, resource, subresource, object }) {
    if (operation !== 'CREATE' || subresource !== '' || resource.group !== '') return
    const finalizer = finalizers[resource.plural]
    if (finalizer === undefined) return
    const { metadata } = object!
    if (metadata.finalizers?.includes(finalizer)) return
    metadata.finalizers = [...(metadata.finalizers ?? []), finalizer]
  },
}
