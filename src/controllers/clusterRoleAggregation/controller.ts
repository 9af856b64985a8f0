import { clusterRoles } from '#api/rbac/v1/clusterRole.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { planRules } from './plan.ts'

/** Gathers the rules of cluster roles with an aggregation rule from the roles that it selects. */
export function clusterRoleAggregation(context: ControllerContext): Controller {
  const { client } = context
  const copies = context.informers.of(clusterRoles)
  return {
    name: 'clusterrole-aggregation-controller',
    queue: 'ClusterRoleAggregator',
    permissions: [
      {
        groups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        verbs: ['escalate', 'get', 'list', 'patch', 'update', 'watch'],
      },
    ],
    watch(on) {
      // Any role may be part of any other that gathers.
      on(copies, () =>
        copies
          .list({ matches: ({ aggregationRule }) => aggregationRule !== undefined })
          .map(({ metadata }) => metadata.name),
      )
    },
    async reconcile(name, signal) {
      const role = copies.get(name)
      const rules = role === undefined ? undefined : planRules(role, copies.list())
      if (rules === undefined) return
      await unlessGone(client.patch(clusterRoles, { name }, { type: 'merge', body: { rules } }, { signal }))
    },
  }
}
