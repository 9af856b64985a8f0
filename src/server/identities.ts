import { removerGroup, removerOf } from '#machinery/localVolumes.ts'
import { mastersGroup } from './authorize/mastersGroup.ts'
import type { Caller } from './strategy.ts'

const authenticated = 'system:authenticated'
const serviceAccountPrefix = 'system:serviceaccount:'

/** A component of a cluster as the server knows it by its user name, with the groups that go with such a name. */
export function componentCaller(name: string): Caller {
  return { name, groups: [...groupsOf(name), authenticated] }
}

/** By which name the fields belong to a component that it sets: that of the program that does its work elsewhere. */
export function managerOf(user: string): string {
  if (user === 'system:apiserver') return 'kube-apiserver'
  if (user.startsWith(removerOf(''))) return 'local-volumes'
  return user.startsWith('system:node:') ? 'kubelet' : user.replace(/^system:/, '')
}

/** A controller's service account in kube-system, which is known by the time of the first request. */
export function controllerCaller(account: () => string): () => Caller {
  let caller: Caller | undefined
  return () => (caller ??= componentCaller(accountUser('kube-system', account())))
}

/** The user name of a service account. */
export const accountUser = (namespace: string, name: string): string => `${serviceAccountPrefix}${namespace}:${name}`

/** The groups of a service account beside those of everybody. */
export const accountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
]

function groupsOf(name: string): string[] {
  // The server itself, when it writes what belongs to every cluster.
  if (name === 'system:apiserver') return [mastersGroup]
  if (name.startsWith('system:node:')) return ['system:nodes']
  if (name.startsWith(removerOf(''))) return [removerGroup]
  if (!name.startsWith(serviceAccountPrefix)) return []
  const [namespace = ''] = name.slice(serviceAccountPrefix.length).split(':')
  return accountGroups(namespace)
}
