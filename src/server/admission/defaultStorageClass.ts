import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { concerns, type AdmissionPlugin } from './chain.ts'
import { defaultClass } from './defaultClass.ts'

/** How claims named their class before there was a field for it. */
export const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

const marks = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

/** Claims that name no class, not even the empty one, are of the default class. */
export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  admit(request, cluster) {
    if (request.operation !== 'CREATE' || !concerns(request, persistentVolumeClaims)) return
    const { spec, metadata } = request.object as PersistentVolumeClaim
    if (spec.storageClassName !== undefined || metadata.annotations?.[classAnnotation] !== undefined) return
    const found = defaultClass(cluster, storageClasses, marks)
    if (found !== undefined) spec.storageClassName = found.metadata.name
  },
}
