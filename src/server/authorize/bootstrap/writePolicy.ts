import { namespaces } from '#api/core/v1/namespace.ts'
import { clusterRoleBindings } from '#api/rbac/v1/clusterRoleBinding.ts'
import { clusterRoles } from '#api/rbac/v1/clusterRole.ts'
import { roleBindings } from '#api/rbac/v1/roleBinding.ts'
import { roles } from '#api/rbac/v1/role.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { isReason } from '#machinery/status.ts'
import { keyOf, type Kind, type Kinds } from '../../kind.ts'
import { thaw } from '../../objects.ts'
import { serverWrites } from '../../registry/serverWrites.ts'
import type { RegistryContext } from '../../registry/context.ts'
import { createObject } from '../../registry/create.ts'
import { deleteObject } from '../../registry/delete.ts'
import { updateObject } from '../../registry/update.ts'
import type { BootstrapObject } from './policy.ts'
import { planBootstrap } from './reconcile.ts'

const resources: Readonly<Record<string, Resource<any>>> = {
  ClusterRole: clusterRoles,
  ClusterRoleBinding: clusterRoleBindings,
  Role: roles,
  RoleBinding: roleBindings,
}

/**
 * Writes what of the policy is not there yet, all at once; what is in a namespace once that is there. Reads only the cache:
 * where all is there, nothing is sent.
 */
export async function writePolicy(
  context: RegistryContext,
  kinds: Kinds,
  policy: readonly BootstrapObject[],
): Promise<void> {
  const homes = new Map<string, Promise<void>>()
  for (const { metadata } of policy) {
    const { namespace } = metadata
    if (namespace !== undefined && !homes.has(namespace))
      homes.set(namespace, ensureNamespace(context, kinds, namespace))
  }
  await Promise.all(
    policy.map(async (wanted) => {
      const { namespace } = wanted.metadata
      if (namespace !== undefined) await homes.get(namespace)
      await ensureObject(context, kinds.of(resources[wanted.kind]!)!, wanted)
    }),
  )
}

async function ensureNamespace(context: RegistryContext, kinds: Kinds, name: string): Promise<void> {
  const kind = kinds.of(namespaces)!
  if (kind.cache.entries.get(keyOf(kind, '', name)) !== undefined) return
  const object: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
  await unlessMoved(createObject(context, kind, object, serverWrites))
}

async function ensureObject(context: RegistryContext, kind: Kind, wanted: BootstrapObject): Promise<void> {
  const { name, namespace = '' } = wanted.metadata
  const found = kind.cache.entries.get(keyOf(kind, namespace, name))?.object as BootstrapObject | undefined
  const plan = planBootstrap(wanted, found)
  if (plan.do === 'nothing') return
  if (plan.do === 'update') {
    const change = (old: KubeObject): KubeObject => {
      const again = planBootstrap(wanted, old as BootstrapObject)
      return thaw(again.do === 'update' ? again.object : old)
    }
    await updateObject(context, kind, { namespace, name, change, retryConflicts: true }, serverWrites)
    return
  }
  if (plan.do === 'replace') await unlessMoved(deleteObject(context, kind, namespace, name, {}, serverWrites))
  await unlessMoved(createObject(context, kind, thaw(plan.object), serverWrites))
}

/** Another server may have been faster. */
async function unlessMoved(written: Promise<unknown>): Promise<void> {
  try {
    await written
  } catch (error) {
    if (!isReason(error, 'AlreadyExists') && !isReason(error, 'NotFound')) throw error
  }
}
