/** The controller in a cluster: it runs by the cluster's clock, and may do no more than its role says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from 'k8ts/api/core/v1/configMap'
import { namespaces } from 'k8ts/api/core/v1/namespace'
import { clusterRoles } from 'k8ts/api/rbac/v1/clusterRole'
import { clusterRoleBindings } from 'k8ts/api/rbac/v1/clusterRoleBinding'
import { runController, seededRandom, sharedInformers } from 'k8ts/client'
import { cluster, type Cluster } from 'k8ts/testing'
import { settingsCopier } from './settingsCopier.ts'

const user = 'settings-copier'

async function startCopier(it: Cluster, signal: AbortSignal): Promise<Promise<unknown>> {
  const client = it.clientAs(user)
  const informers = sharedInformers({ client, clock: it.clock, random: seededRandom(1) })
  const controller = settingsCopier(client, informers)
  await it.client.create(clusterRoles, {
    metadata: { name: user },
    rules: controller.permissions.map(({ groups, resources, verbs }) => ({
      apiGroups: [...groups],
      resources: [...resources],
      verbs: [...verbs],
    })),
  })
  await it.client.create(clusterRoleBindings, {
    metadata: { name: user },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: user },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  })
  return Promise.all([informers.run(signal), runController(controller, { clock: it.clock }, signal)])
}

test('every namespace has the settings, also when somebody changes them', async () => {
  await using it = await cluster({ nodes: 1 })
  const stop = new AbortController()
  const ended = startCopier(it, stop.signal)
  const settings = async (namespace: string): Promise<unknown> =>
    (await it.client.list(configMaps, { namespace })).items.find(({ metadata }) => metadata.name === 'settings')?.data
  await it.client.create(namespaces, { metadata: { name: 'shop' } })
  await it.client.create(configMaps, { metadata: { name: 'settings', namespace: 'default' }, data: { color: 'red' } })
  await it.until(async () => (await settings('shop')) !== undefined, '10s')
  await it.client.patch(
    configMaps,
    { name: 'settings', namespace: 'shop' },
    { type: 'merge', body: { data: { color: 'blue' } } },
  )
  await it.advance('5s')
  assert.deepEqual(await settings('shop'), { color: 'red' })
  stop.abort()
  await it.advance(0)
  await ended
})
