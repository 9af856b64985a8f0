/** The finalizer of claims that a pod may still use. */
export const claimProtection = 'kubernetes.io/pvc-protection'

/** The finalizer of volumes that a claim may still be bound to. */
export const volumeProtection = 'kubernetes.io/pv-protection'
