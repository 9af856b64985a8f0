import type { AdmissionPlugin } from './chain.ts'
import { qualifiedName } from '#machinery/status.ts'
import { attributesClassProtection, claimProtection, volumeProtection } from '#machinery/volumeProtection.ts'

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: claimProtection,
  persistentvolumes: volumeProtection,
  'volumeattributesclasses.storage.k8s.io': attributesClassProtection,
}

/** Volumes, claims and the classes of both stay while somebody uses them: a controller takes the finalizer away when nobody does. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit({ operation, resource, subresource, object }) {
    if (operation !== 'CREATE' || subresource !== '') return
    const finalizer = finalizers[qualifiedName(resource)]
    if (finalizer === undefined) return
    const { metadata } = object!
    if (metadata.finalizers?.includes(finalizer)) return
    metadata.finalizers = [...(metadata.finalizers ?? []), finalizer]
  },
}
