import type { Namespace } from '#api/core/v1/namespace.ts'

/** The account that pods run under when they name none. */
export const defaultAccount = 'default'

/** Whether a namespace lacks its default account. One that is being deleted gets nothing new. */
export function needsAccount(namespace: Namespace, isThere: boolean): boolean {
  return !isThere && namespace.metadata.deletionTimestamp === undefined && namespace.status?.phase !== 'Terminating'
}
