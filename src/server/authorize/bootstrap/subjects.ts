import type { Subject } from '#api/rbac/v1/roleBinding.ts'

export type BootstrapSubject = Readonly<Subject>

const apiGroup = 'rbac.authorization.k8s.io'

export const user = (name: string): BootstrapSubject => ({ kind: 'User', apiGroup, name })
export const group = (name: string): BootstrapSubject => ({ kind: 'Group', apiGroup, name })
/** A service account of kube-system. */
export const account = (name: string): BootstrapSubject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' })
