import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { defaultClassMarks, findDefault } from '#machinery/defaultClass.ts'
import { namesClass } from '#machinery/volumeBinding.ts'
import { concerns, type AdmissionPlugin } from './chain.ts'

/** Claims that name no class, not even the empty one, are of the default class. */
export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  admit(request, cluster) {
    if (request.operation !== 'CREATE' || !concerns(request, persistentVolumeClaims)) return
    const claim = request.object as PersistentVolumeClaim
    if (namesClass(claim)) return
    const found = findDefault(cluster.list(storageClasses, ''), defaultClassMarks)
    if (found !== undefined) claim.spec.storageClassName = found.metadata.name
  },
}
