/** Finalizers of Kubernetes itself, which have no domain. */
export const standardFinalizers: readonly string[] = ['kubernetes', 'orphan', 'foregroundDeletion']
