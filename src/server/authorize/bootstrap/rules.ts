import type { PolicyRule } from '#api/rbac/v1/role.ts'

// The words in which the bootstrap roles are written: lists are texts with spaces between their entries.

/** The group of pods, services and the like. */
export const core = ''

export const read = 'get list watch'
export const write = 'create delete deletecollection patch update'
export const readWrite = 'create delete deletecollection get list patch update watch'

/** Verbs on resources of some groups; with names, on these objects alone. */
export function on(groups: string, resources: string, verbs: string, names?: string): PolicyRule {
  return {
    verbs: verbs.split(' '),
    apiGroups: groups.split(' '),
    resources: resources.split(' '),
    ...(names === undefined ? {} : { resourceNames: names.split(' ') }),
  }
}

/** Verbs on paths. */
export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: verbs.split(' '), nonResourceURLs: urls.split(' ') }
}

/** Telling events, in both groups that they have. */
export const events: PolicyRule = {
  verbs: ['create', 'patch', 'update'],
  apiGroups: ['', 'events.k8s.io'],
  resources: ['events'],
}
