import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { maximumResourceList } from '#machinery/resourceLists.ts'
import { countName, meets, type QuotaEvaluator } from './evaluator.ts'

const plain = new Set([countName(persistentVolumeClaims), 'persistentvolumeclaims', 'requests.storage'])
const classSuffixes = ['persistentvolumeclaims', 'requests.storage'].map(
  (name) => `.storageclass.storage.k8s.io/${name}`,
)
const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** Claims use storage, in all and of their class. */
export const claimEvaluator: QuotaEvaluator = {
  measures: (name) => plain.has(name) || classSuffixes.some((suffix) => name.endsWith(suffix)),
  charges: () => true,
  usage(object) {
    const claim = object as PersistentVolumeClaim
    const storage = storageOf(claim)
    const usage = { [countName(persistentVolumeClaims)]: '1', persistentvolumeclaims: '1' }
    const storageClass = claim.metadata.annotations?.[classAnnotation] ?? claim.spec.storageClassName ?? ''
    return {
      ...usage,
      ...(storage === undefined ? {} : { 'requests.storage': storage }),
      ...(storageClass === '' ? {} : { [storageClass + classSuffixes[0]!]: '1' }),
      ...(storageClass === '' || storage === undefined ? {} : { [storageClass + classSuffixes[1]!]: storage }),
    }
  },
  isInScope(requirement, object) {
    if (requirement.scopeName !== 'VolumeAttributesClass') return false
    const { spec, status } = object as PersistentVolumeClaim
    return meets(requirement, [
      spec.volumeAttributesClassName,
      status?.currentVolumeAttributesClassName,
      status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
    ])
  },
}

/** What a claim asks for, or what a growth that failed has taken already when that is more. */
function storageOf({ spec, status }: PersistentVolumeClaim): string | undefined {
  const pick = (amount: string | undefined): { storage?: string } => (amount === undefined ? {} : { storage: amount })
  const asked = pick(spec.resources?.requests?.['storage'])
  const taken = pick(status?.allocatedResources?.['storage'])
  return maximumResourceList(asked as Record<string, string>, taken as Record<string, string>)['storage']
}
