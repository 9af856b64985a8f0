import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { classOfClaim, requestOf } from '#machinery/volumeBinding.ts'
import { concerns, refusal, type AdmissionPlugin } from './chain.ts'

/** Claims grow only where their storage class can make volumes grow. */
export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  validate(request, cluster) {
    if (request.operation !== 'UPDATE' || !concerns(request, persistentVolumeClaims)) return
    const [claim, old] = [request.object as PersistentVolumeClaim, request.old as PersistentVolumeClaim]
    if (compareQuantities(requestOf(claim), requestOf(old)) <= 0) return
    if (old.status?.phase !== 'Bound') {
      throw refusal(request, 'Only bound persistent volume claims can be expanded')
    }
    const name = classOfClaim(claim)
    const storageClass = name === '' || name !== classOfClaim(old) ? undefined : cluster.get(storageClasses, '', name)
    if (storageClass?.allowVolumeExpansion === true) return
    throw refusal(
      request,
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    )
  },
}
