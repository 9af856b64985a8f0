/** The finalizer of claims that a pod may still use. */
export const claimProtection = 'kubernetes.io/pvc-protection'

/** The finalizer of volume attributes classes that a claim or a volume may still be of. */
export const attributesClassProtection = 'kubernetes.io/vac-protection'

/** The finalizer of volumes that a claim may still be bound to. */
export const volumeProtection = 'kubernetes.io/pv-protection'
